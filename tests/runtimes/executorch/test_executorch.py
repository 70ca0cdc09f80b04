"""Models exported for ExecuTorch, which must be installed. The other tests are in ``tests/runtimes/template``."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from frformat.runtimes import export
from frformat.runtimes.models import factored as factored_model
from frformat.runtimes.template import fill
from frformat.torch import load_model, save_model
from frformat.torch.regularization import regularize
from tests.runtimes.template import lenet5
from tests.runtimes.template.test_factored import EXAMPLE, Thin

pytest.importorskip("executorch")
runtime = pytest.importorskip("executorch.runtime")


@pytest.mark.parametrize("factored", [False, True])
def test_filled_templates_are_complete_and_run(tmp_path: Path, factored: bool):
    lenet5.check(tmp_path / "a.pte", run, factored)


@pytest.mark.parametrize("delegate", ["xnnpack", None])
def test_factored_convolutions_and_normalizations_run(tmp_path: Path, delegate: str | None):
    torch.manual_seed(0)
    weights = tmp_path / "a.frz"
    save_model(regularize(Thin().eval(), keep=40, example=EXAMPLE[0]), weights)
    net = Thin().eval()
    load_model(net, weights)
    with torch.no_grad():
        expected, _ = net(*EXAMPLE)
    options: dict[str, Any] = {"factored": True, "example": EXAMPLE, "weights": weights, "delegate": delegate}
    written = export(Thin().eval(), tmp_path / "a.pte.frt", **options)
    assert "join.weight" in written.coefficients
    export(net, tmp_path / "a.pte", with_weights=True, **options)
    filled = fill(tmp_path / "a.pte.frt", weights)
    assert filled == (tmp_path / "a.pte").read_bytes()
    np.testing.assert_allclose(run(bytes(filled), EXAMPLE[0]), expected.numpy(), rtol=0, atol=1e-5)


def test_xnnpack_runs_all_of_a_factored_network(tmp_path: Path):
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64, track_running_stats=False), nn.ReLU(), nn.MaxPool2d(2)]
    plain = nn.Sequential(*layers, nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Conv2d(64, 2, 1)).eval()
    save_model(regularize(copy.deepcopy(plain), keep=40, example=EXAMPLE[0]), tmp_path / "a.frz")
    net = factored_model(plain, str(tmp_path / "a.frz"), EXAMPLE, static=True, pooled=True)
    program = to_edge_transform_and_lower(
        torch.export.export(net, EXAMPLE, strict=False),
        partitioner=[XnnpackPartitioner()],
        compile_config=EdgeCompileConfig(_check_ir_validity=False),
    )
    targets = [str(node.target) for node in program.exported_program().graph.nodes if node.op == "call_function"]
    assert targets == ["executorch_call_delegate", "<built-in function getitem>"]


def sequential(different: bool) -> nn.Module:
    """Return a network with normalizations whose parameters all differ, or are all as they were initialized."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8)).eval()
    for norm in (net[1], net[4]):
        assert isinstance(norm, nn.BatchNorm2d)
        for tensor in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
            assert tensor is not None
            if different:
                nn.init.uniform_(tensor, 0.5, 2)
    return net


def test_the_statistics_of_merged_normalizations_are_not_in_the_file(tmp_path: Path):
    torch.manual_seed(0)
    net, example = sequential(different=True), torch.randn(1, 3, 9, 9)
    save_model(net, tmp_path / "a.frz")
    export(sequential(different=True), tmp_path / "a.pte.frt", example=example)
    export(net, tmp_path / "a.pte", example=example, with_weights=True)
    filled = fill(tmp_path / "a.pte.frt", tmp_path / "a.frz")
    assert filled == (tmp_path / "a.pte").read_bytes()
    for name, statistics in net.named_buffers():
        assert "num_batches" in name or statistics.numpy().tobytes() not in filled


def test_equal_tensors_are_stored_twice_in_a_filled_file_and_once_in_the_exporters(tmp_path: Path):
    net, example = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 1)).eval(), torch.randn(1, 3, 9, 9)
    net[2].load_state_dict(net[0].state_dict())
    save_model(net, tmp_path / "a.frz")
    export(net, tmp_path / "a.pte.frt", example=example)
    export(net, tmp_path / "a.pte", example=example, with_weights=True)
    filled, whole = bytes(fill(tmp_path / "a.pte.frt", tmp_path / "a.frz")), (tmp_path / "a.pte").read_bytes()
    assert len(filled) > len(whole)
    assert (run(filled, example) == run(whole, example)).all()


def test_the_strides_of_the_example_do_not_matter(tmp_path: Path):
    net, example = torch.nn.Conv2d(3, 4, 3), torch.randn(1, 3, 8, 9)
    files = []
    for layout in (torch.contiguous_format, torch.channels_last):
        export(net, tmp_path / "a.pte", example=example.contiguous(memory_format=layout), with_weights=True)
        files.append((tmp_path / "a.pte").read_bytes())
    assert files[0] == files[1]


def run(model: bytes, example: torch.Tensor) -> np.ndarray:
    method = runtime.Runtime.get().load_program(model).load_method("forward")
    found: np.ndarray = method.execute([example])[0].numpy()
    return found
