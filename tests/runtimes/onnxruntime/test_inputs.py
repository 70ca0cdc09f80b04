"""Sessions whose weights are inputs return the same results, and ONNX Runtime does not copy the weights."""

from __future__ import annotations

import ctypes
import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

import frformat
from frformat.runtimes import ExportError, LoadError, export
from frformat.runtimes.onnxruntime import session
from frformat.runtimes.seal import LENGTH, sealed
from frformat.torch import load_model
from frformat.train.models import LeNet5
from tests.runtimes.onnxruntime.sessions import Mixed, agree, exported, run

TRAINED = Path(__file__).parents[3] / "examples" / "lenet5.frz"


@pytest.fixture(scope="module")
def skeleton(model: Mixed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(model, tmp_path_factory.mktemp("mixed"), torch.rand(1, 3, 8, 9), weights_as_inputs=True)


def test_any_size(model: Mixed, skeleton: Path, weights: Path):
    made = session(skeleton, weights)
    for shape in ((1, 3, 8, 9), (4, 3, 16, 18), (2, 3, 5, 4)):
        agree(model, made, torch.rand(shape))
    assert [each.name for each in made.get_inputs()] == ["x"]
    assert made.weights.keys() == {each.name for each in made.session.get_inputs()} - {"x"}
    assert {"conv.weight", "thin", "shift"} <= made.weights.keys()
    first, second = made.get_outputs()
    x = torch.rand(1, 3, 8, 9).numpy()
    (only,) = made.run([second.name], {"x": x})
    np.testing.assert_array_equal(only, made.run([first.name, second.name], {"x": x})[1])
    assert skeleton.stat().st_size < 2000


def test_lenet5(tmp_path: Path):
    path, x = tmp_path / "model.onnx", torch.zeros(1, 1, 28, 28)
    written = export(LeNet5(), path, example=x, weights=TRAINED, weights_as_inputs=True)
    assert list(written.inputs) == ["x"]
    model = LeNet5()
    load_model(model, TRAINED)
    agree(model, session(path, TRAINED), torch.rand(7, 1, 28, 28))


def test_inputs_that_do_not_fit(skeleton: Path, weights: Path):
    made, x = session(skeleton, weights), np.zeros((1, 3, 8, 9), np.float32)
    with pytest.raises(ValueError, match=r"^conv.weight, thin: the session already has these weights; omit them$"):
        made.run(None, {"x": x, "conv.weight": x, "thin": x})
    with pytest.raises(ValueError, match=r"\(\['x'\]\) are missing"):
        made.run(None, {})


def test_onnx_runtime_reads_the_weights_where_they_are(skeleton: Path, weights: Path):
    made, x = session(skeleton, weights), torch.rand(1, 3, 8, 9)
    before = run(made, x)[0]
    shift = made.weights["shift"]
    ctypes.memset(shift.data_ptr(), 0, 2 * 5)
    after = run(made, x)[0]
    np.testing.assert_allclose(before - after, [[1, -2, 300, 4, 5]], rtol=1e-5)


def test_weights_are_freed_with_the_session(skeleton: Path, weights: Path):
    made = session(skeleton, weights)
    kept = [weakref.ref(value) for value in made.weights.values()]
    assert all(each() is not None for each in kept)
    del made
    gc.collect()
    assert all(each() is None for each in kept)


def test_a_file_that_does_not_fit(skeleton: Path, weights: Path, tmp_path: Path):
    tensors = dict(frformat.load_file(weights))
    del tensors["thin"]
    frformat.save_file(tensors | {"other": np.ones(3)}, tmp_path / "a.frz")
    with pytest.raises(LoadError, match=r"MISMATCH: .*missing from the file: thin; not in the model: other"):
        session(skeleton, tmp_path / "a.frz")
    frformat.save_file(dict(frformat.load_file(weights)) | {"shift": np.full(5, 40_000)}, tmp_path / "a.frz")
    with pytest.raises(LoadError, match=r"MISMATCH: .*shift has integers that do not fit into i16"):
        session(skeleton, tmp_path / "a.frz")


def test_a_damaged_skeleton(skeleton: Path, weights: Path):
    data = skeleton.read_bytes()
    for i in range(0, len(data), 7):
        for bad in (data[:i], data[:i] + bytes([data[i] ^ 4]) + data[i + 1 :]):
            with pytest.raises(LoadError, match="SKELETON_DAMAGED: this is not an intact skeleton"):
                session(bad, weights)
    wrong = sealed(data[: 10 - LENGTH].replace(b"shift\n", b"shilt\n").replace(b"\nshift", b"\nshilt"))
    with pytest.raises(LoadError, match="SKELETON_UNSUPPORTED: this is not a skeleton for ONNX Runtime: 'shilt'"):
        session(wrong, weights)


def test_contradictory_options(tmp_path: Path):
    model, x = LeNet5(), torch.zeros(1, 1, 28, 28)
    with pytest.raises(ExportError, match="cannot have them as inputs"):
        export(model, tmp_path / "a.onnx", example=x, with_weights=True, weights_as_inputs=True)
    with pytest.raises(ExportError, match="pytorch_mobile has no option 'weights_as_inputs'"):
        export(model, tmp_path / "a.ptl", weights_as_inputs=True)
    assert not list(tmp_path.iterdir())
