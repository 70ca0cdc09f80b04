"""The interface for exporting to all runtimes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import frformat
from frformat import FrzError
from frformat.runtimes import ExportError, export
from frformat.torch import save_model
from frformat.train.models import LeNet5

TRAINED = Path(__file__).parents[2] / "examples" / "lenet5.frz"


def test_the_extension_selects_the_runtime(tmp_path: Path):
    net = nn.Linear(3, 2)
    assert export(net, tmp_path / "a.ptl").runtime == "PyTorch Mobile"
    assert export(net, tmp_path / "a.pt").runtime == "TorchScript"
    assert export(net, tmp_path / "a.bin", runtime="pytorch_mobile").runtime == "PyTorch Mobile"
    with pytest.raises(ExportError, match="no runtime has this extension"):
        export(net, tmp_path / "b.bin")
    with pytest.raises(ExportError, match="there is no runtime 'tflite'; choose one of onnxruntime, pytorch_mobile"):
        export(net, tmp_path / "b.ptl", runtime="tflite")
    with pytest.raises(ExportError, match=r"b.tflite would contain the weights; .* a template, .*b.tflite.frt"):
        export(net, tmp_path / "b.tflite")
    assert not (tmp_path / "b.ptl").exists()


def test_weights_must_fit(tmp_path: Path):
    save_model(nn.Linear(3, 2), tmp_path / "a.frz")
    assert export(nn.Linear(3, 2), tmp_path / "a.ptl", weights=tmp_path / "a.frz").tensors == ["weight", "bias"]
    with pytest.raises(ExportError, match=r"a.frz: the file does not fit Linear: weight: shape \[2, 3\] in the file"):
        export(nn.Linear(4, 2), tmp_path / "b.ptl", weights=tmp_path / "a.frz")
    assert not (tmp_path / "b.ptl").exists()


def test_factored(tmp_path: Path):
    example = torch.zeros(1, 1, 28, 28)
    written = export(LeNet5(), tmp_path / "a.ptl", factored=True, example=example, weights=TRAINED)
    assert written.coefficients == ["fc1.weight"]
    with pytest.raises(ExportError, match="pass both"):
        export(LeNet5(), tmp_path / "b.ptl", factored=True, weights=TRAINED)


def test_weights_can_be_a_delta_file(tmp_path: Path):
    with frformat.open(TRAINED) as file:
        tensors = {name: file.stored(name) for name in file}
    frformat.save_file(tensors, tmp_path / "delta.frz", base=TRAINED)
    weights = tmp_path / "delta.frz"
    example = torch.zeros(1, 1, 28, 28)
    written = export(LeNet5(), tmp_path / "a.ptl", factored=True, example=example, weights=weights, base=TRAINED)
    assert written.coefficients == ["fc1.weight"]
    with pytest.raises(FrzError, match="BASE: this is a delta file: also give its base"):
        export(LeNet5(), tmp_path / "a.ptl", factored=True, example=example, weights=weights)
    with pytest.raises(FrzError, match="BASE: the base has the SHA-256"):
        export(LeNet5(), tmp_path / "a.ptl", weights=weights, base=weights)


class Masked(nn.Linear):
    def forward(self, x, mask):  # type: ignore[no-untyped-def, override]
        return super().forward(x) * mask


@pytest.mark.parametrize("extension", ["onnx", "ptl", "pt"])
@pytest.mark.parametrize(("count", "fault"), [(1, "missing a required argument: 'mask'"), (3, "too many positional")])
def test_an_example_of_another_number_of_inputs(count: int, fault: str, extension: str, tmp_path: Path):
    message = rf"^Masked.forward\(x, mask\) cannot run on the example: {fault}.*; pass an example of each input, "
    with pytest.raises(ExportError, match=message):
        export(Masked(3, 3), tmp_path / f"a.{extension}", example=[torch.rand(2, 3)] * count)


@pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning")
def test_torchscript_cannot_become_onnx(tmp_path: Path):
    scripted = torch.jit.script(nn.Linear(3, 3))
    with pytest.raises(ExportError, match="pass the module from which it was made"):
        export(scripted, tmp_path / "a.onnx", example=torch.rand(2, 3))


class Guarded(nn.Module):
    """Has a branch whose condition is a long expression of sizes that depend on the values of the input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        positive = torch.cat([row[row > 0] for row in x])
        return 2 * positive if 4 * positive.numel() > 7 else positive


def test_the_failure_of_an_exporter_is_reported_in_one_short_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    pytest.importorskip("onnxscript")
    with pytest.raises(ExportError, match=r"^Guarded cannot be exported to ONNX: GuardOnDataDependent.* …$") as caught:
        export(Guarded(), tmp_path / "a.onnx", example=torch.randn(40, 8))
    assert len(str(caught.value)) < 400
    assert capfd.readouterr().err == ""
