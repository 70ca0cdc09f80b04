"""Sessions created from a skeleton and a file return correct results, and mismatches are reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import frformat
from frformat import FrzError
from frformat.runtimes import ExportError, LoadError, export
from frformat.runtimes.onnxruntime import session
from frformat.torch import load_model, save_model
from frformat.train.models import LeNet5
from tests.runtimes.onnxruntime.sessions import Mixed, agree, exported, run

TRAINED = Path(__file__).parents[3] / "examples" / "lenet5.frz"


@pytest.fixture(scope="module")
def skeleton(model: Mixed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(model, tmp_path_factory.mktemp("mixed"), torch.rand(1, 3, 8, 9))


@pytest.fixture
def tensors(weights: Path) -> dict[str, Any]:
    return frformat.load_file(weights)


def given(tensors: dict[str, Any], path: Path) -> Path:
    frformat.save_file(tensors, path)
    return path


def test_any_size(model: Mixed, skeleton: Path, weights: Path):
    made = session(skeleton, weights)
    for shape in ((1, 3, 8, 9), (4, 3, 16, 18), (2, 3, 5, 4)):
        agree(model, made, torch.rand(shape))
    assert not made.weights
    assert skeleton.stat().st_size < 2000


def test_weights_can_be_a_delta_file(skeleton: Path, weights: Path, tensors: dict[str, Any], tmp_path: Path):
    delta = tmp_path / "delta.frz"
    frformat.save_file(tensors, delta, base=weights)
    x = torch.rand(1, 3, 8, 9)
    found, expected = run(session(skeleton, delta, base=weights), x), run(session(skeleton, weights), x)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(FrzError, match="BASE: this is a delta file: also give its base"):
        session(skeleton, delta)


def test_lenet5(tmp_path: Path):
    written = export(LeNet5(), tmp_path / "model.onnx", example=torch.zeros(1, 1, 28, 28), weights=TRAINED)
    assert (written.runtime, written.release, written.coefficients) == ("ONNX Runtime", "1.20", [])
    assert written.bytes < (2_600 if torch.__version__ >= "2.15" else 4_000)  # old versions state more rules
    model = LeNet5()
    load_model(model, TRAINED)
    agree(model, session(written.path, TRAINED), torch.rand(7, 1, 28, 28))


def test_fixed_sizes_complete_models_and_the_same_bytes_each_time(tmp_path: Path):
    import onnxruntime

    model, x = torch.nn.Linear(3, 2), torch.rand(4, 3)
    first, second = (export(model, tmp_path / name, example=x, dynamic=False) for name in ("a.onnx", "b.onnx"))
    assert first.inputs == {"input": [4, 3]}
    assert Path(first.path).read_bytes() == Path(second.path).read_bytes()
    complete = export(model, tmp_path / "c.onnx", example=x, with_weights=True)
    assert complete.inputs["input"][0] == "input_0"
    agree(model, onnxruntime.InferenceSession(complete.path), torch.rand(9, 3))


def test_other_precisions_are_converted(tensors: dict[str, Any], skeleton: Path, model: Mixed, tmp_path: Path):
    x = torch.rand(2, 3, 8, 9)
    before = run(session(skeleton, given(tensors, tmp_path / "a.frz")), x)
    tensors["conv.weight"] = tensors["conv.weight"].astype(np.float64)
    tensors["thin"] = tensors["thin"].astype(np.float32)
    tensors["shift"] = tensors["shift"].astype(np.int64)
    after = run(session(skeleton, given(tensors, tmp_path / "b.frz")), x)
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


def test_one_name_of_tied_weights_is_enough(tensors: dict[str, Any], skeleton: Path, tmp_path: Path):
    for name in ("embed.weight", "head.weight"):
        less = {key: value for key, value in tensors.items() if key != name}
        assert session(skeleton, given(less, tmp_path / "a.frz"))
    tensors["embed.weight"] = tensors["embed.weight"] + 1
    with pytest.raises(LoadError, match="are one tensor in the model, but differ in the file"):
        session(skeleton, given(tensors, tmp_path / "a.frz"))


def test_names_that_the_skeleton_does_not_need(tensors: dict[str, Any], skeleton: Path, tmp_path: Path):
    del tensors["spare.weight"], tensors["norm.num_batches_tracked"]
    assert session(skeleton, given(tensors, tmp_path / "a.frz"))
    tensors["other"] = np.ones(3)
    with pytest.raises(LoadError, match=r"a.frz: the file does not fit this skeleton: not in the model: other"):
        session(skeleton, given(tensors, tmp_path / "a.frz"))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"thin": None}, "missing from the file: thin"),
        ({"conv.weight": np.ones((5, 3, 3, 2), np.float32)}, "conv.weight: shape [5, 3, 3, 2] in the file"),
        ({"shift": np.ones(5, np.float32)}, "shift: f32 in the file, i16 in the model"),
        ({"shift": np.full(5, 40_000, np.int32)}, "shift has integers that do not fit into i16"),
    ],
)
def test_weights_that_do_not_fit(
    change: dict[str, Any], fault: str, tensors: dict[str, Any], skeleton: Path, tmp_path: Path
):
    changed = {name: value for name, value in (tensors | change).items() if value is not None}
    with pytest.raises(LoadError) as caught:
        session(skeleton, given(changed, tmp_path / "a.frz"))
    assert caught.value.kind == "MISMATCH"
    assert fault in str(caught.value)


def test_a_damaged_skeleton_or_file(skeleton: Path, weights: Path, tmp_path: Path):
    data = skeleton.read_bytes()
    for i in range(0, len(data), 7):
        for bad in (data[:i], data[:i] + bytes([data[i] ^ 4]) + data[i + 1 :]):
            with pytest.raises(LoadError, match="SKELETON_DAMAGED: this is not an intact skeleton"):
                session(bad, weights)
    x = torch.rand(1, 3, 8, 9)
    expected = run(session(skeleton, weights), x)
    raw = weights.read_bytes()
    for i in range(0, len(raw), 37):
        (tmp_path / "a.frz").write_bytes(raw[:i] + bytes([raw[i] ^ 4]) + raw[i + 1 :])
        try:
            found = run(session(skeleton, tmp_path / "a.frz"), x)
        except (frformat.FrzError, LoadError):
            continue
        assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True)), "a wrong weight"
    with pytest.raises(frformat.FrzError):
        session(skeleton, weights, tier=1)
    with pytest.raises(FileNotFoundError):
        session(tmp_path / "none.onnx", weights)


def test_models_that_cannot_be_exported(tmp_path: Path):
    class Looks(torch.nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) if x.sum() > 0 else x

    with pytest.raises(ExportError, match=r"^Looks cannot be exported to ONNX: \w+: .*") as caught:
        export(Looks(3, 3), tmp_path / "a.onnx", example=torch.ones(2, 3))
    assert "\n" not in str(caught.value)
    with pytest.raises(ExportError, match=r"pass an example input \(on the command line, --example\)"):
        export(LeNet5(), tmp_path / "a.onnx")
    with pytest.raises(ExportError, match="onnxruntime has no option 'probe'"):
        export(LeNet5(), tmp_path / "a.onnx", example=torch.ones(1, 1, 28, 28), probe=True)
    assert not list(tmp_path.iterdir())


class NamesakeInput(nn.Module):
    """Has a weight with the name of its input, and returns an input and a weight unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.randn(4))
        self.fc = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.fc(x) * self.x, y, self.fc.weight


@pytest.mark.parametrize("weights_as_inputs", [False, True])
def test_names_that_occur_twice_and_values_that_are_returned_unchanged(weights_as_inputs: bool, tmp_path: Path):
    model, inputs = NamesakeInput().eval().requires_grad_(False), (torch.randn(2, 4), torch.randn(3, 5))
    export(model, tmp_path / "model.onnx", example=inputs, weights_as_inputs=weights_as_inputs)
    save_model(model, tmp_path / "model.frz")
    made = session(tmp_path / "model.onnx", tmp_path / "model.frz")
    assert [each.name for each in made.get_inputs()] == ["x_0", "y"]
    agree(model, made, *inputs)
    agree(model, made, torch.randn(5, 4), torch.randn(1, 2))
