from __future__ import annotations

from typing import Any

import pytest

onnx = pytest.importorskip("onnx")

from frformat.runtimes.onnxruntime.compact import strip  # noqa: E402


def test_nodes_that_take_parts_of_one_value_have_different_names():
    helper, int64 = onnx.helper, onnx.TensorProto.INT64
    nodes = [helper.make_node("Gather", ["x", index], [f"part{index}"], name="a name", axis=0) for index in "ij"]
    nodes += [helper.make_node("Gather", ["i", "j"], ["k"]), helper.make_node("Sum", ["parti", "partj", "k"], ["y"])]
    inputs = [helper.make_tensor_value_info(name, int64, []) for name in "xij"]
    graph = helper.make_graph(nodes, "", inputs, [helper.make_tensor_value_info("y", int64, [])])
    model: Any = helper.make_model(graph)
    strip(model, ())
    assert [node.name for node in model.graph.node] == ["a", "b", "", ""]
