from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from enum import Enum
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from frformat import EncodeError
from frformat.runtimes import ExportError, export
from frformat.runtimes.pytorch_mobile.probe import Probe
from frformat.runtimes.pytorch_mobile.quiet import quietly
from frformat.train.models import LeNet5, UNet
from tests.runtimes.pytorch_mobile.lite import exported, lite, load
from tests.sums import assert_same, network_slack, same_sums
from tests.train.data import data_file


class Attention(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x)


class Unscriptable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x) * vars(self.linear)["out_features"]
        return out


def test_published_unet_with_its_skeleton_takes_less_than_60_kb(tmp_path: Path):
    from tests.cli.command import frformat

    weights = tmp_path / "model.frz"
    assert frformat("encode", data_file("unet_fr/unet_fr.pt"), "-o", weights).code == 0
    written = exported(UNet(), tmp_path)
    assert len(written.tensors) == 23
    assert written.bytes == os.path.getsize(written.path)
    assert written.bytes + weights.stat().st_size <= 12_000


def test_bytes_do_not_depend_on_what_was_scripted_before(tmp_path: Path):
    code = "import sys; from frformat.runtimes import export; "
    code += "from frformat.train.models import *; export(LeNet5(), sys.argv[1])"
    fresh = tmp_path / "fresh.ptl"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, fresh], check=True)
    exported(UNet(width=2), tmp_path)
    for _ in range(2):
        assert hashlib.sha256(Path(exported(LeNet5(), tmp_path).path).read_bytes()).digest() == (
            hashlib.sha256(fresh.read_bytes()).digest()
        )


def test_operators_that_the_runtime_lacks_are_named_with_their_location(tmp_path: Path):
    model, path = Attention(), tmp_path / "model.ptl"
    path.write_bytes(b"old")
    with pytest.raises(ExportError, match=r"1\.12\.2 cannot run") as caught:
        export(model, path)
    assert "aten::scaled_dot_product_attention does not exist there (File" in str(caught.value)
    assert "test_export.py" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert export(model, tmp_path / "model.pt").release is None
    with pytest.raises(ExportError, match="aten::_native_multi_head_attention takes 9 to 12 arguments there, not 13"):
        export(nn.MultiheadAttention(8, 2), path)


def test_operators_in_a_trace_are_named_with_the_line_of_the_model(tmp_path: Path):
    class Traced(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.scaled_dot_product_attention(x, x, x) * len(vars(self)["_buffers"])

    with pytest.raises(ExportError, match=r"does not exist there \(\S*test_export.py\(\d+\): forward\)\. Rewrite"):
        export(Traced(), tmp_path / "model.ptl", example=torch.rand(1, 2, 3, 4))


def check_traced(model: nn.Module, example: Tensor, x: Tensor, folder: Path) -> None:
    """Check that a model is traced with an example, and that its skeleton is also correct for another input."""
    written = exported(model, folder, example=example)
    assert written.traced
    module = load(written)
    module.run_method("load_weights", dict(model.state_dict()))
    with torch.no_grad():
        assert_same(module(x), model(x), network_slack(model, x))


def test_unscriptable_models_are_traced_with_an_example(tmp_path: Path):
    model = Unscriptable()
    with pytest.raises(ExportError, match=r"Unscriptable cannot be scripted: .*test_export.py.*example"):
        exported(model, tmp_path)
    check_traced(model, torch.zeros(1, 3), torch.ones(5, 3), tmp_path)
    with pytest.raises(ExportError, match=r"cannot be traced with the example"):
        exported(model, tmp_path, example=[torch.zeros(1, 4)])


class Form(Enum):
    ROWS = "rows"
    COLUMNS = "columns"


class Enumerated(nn.Module):
    """Reads an attribute whose type, an enum, lite interpreters do not support, as timm's models do."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.form = Form.ROWS

    def forward(self, x: Tensor) -> Tensor:
        if self.form == Form.ROWS:
            x = x.flip(0)
        return self.linear(x)


class Pair:
    def __init__(self, first: Tensor, second: Tensor) -> None:
        self.first = first
        self.second = second


class Paired(nn.Module):
    """Passes tensors along in an object, as torchvision's detectors do."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        pair = Pair(x, self.linear(x))
        return pair.first + pair.second


@pytest.mark.parametrize(("kind", "name"), [(Enumerated, "Form"), (Paired, "Pair")])
def test_classes_that_the_runtime_cannot_read_are_traced_away(tmp_path: Path, kind: type[nn.Module], name: str):
    model = kind()
    with pytest.raises(ExportError, match=rf"cannot run {kind.__name__}: it computes .*\.{name}\. Pass an example"):
        exported(model, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert export(model, tmp_path / "model.pt").traced is False
    check_traced(model, torch.zeros(2, 3), torch.randn(5, 3), tmp_path)


class Listed(Paired):
    def forward(self, x: Tensor) -> list[Pair]:  # type: ignore[override]
        return [Pair(x, self.linear(x))]


def test_models_that_can_be_neither_scripted_nor_traced_need_a_wrapper(tmp_path: Path):
    with pytest.raises(ExportError, match=r"cannot run Listed: .* cannot be traced .* Wrap the part of it that takes"):
        exported(Listed(), tmp_path, example=torch.zeros(2, 3))


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (nn.LazyLinear(3), "weight is not initialized"),
        (nn.ParameterList([nn.Parameter(torch.ones(2, dtype=torch.complex64))]), "0 has dtype torch.complex64"),
        (nn.LSTM(3, 4), "LSTM has no single forward"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), "parametrizations"),
    ],
)
def test_models_that_cannot_be_exported(model: nn.Module, fault: str, tmp_path: Path):
    with pytest.raises(ExportError, match=fault):
        exported(model, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_models_with_a_method_of_a_reserved_name(tmp_path: Path):
    class Own(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

        @torch.jit.export
        def load_weights(self, x: Tensor) -> Tensor:
            return x

    with pytest.raises(ExportError, match="rename it"):
        exported(Own(), tmp_path)


def test_unknown_runtimes_and_unwritable_paths(tmp_path: Path):
    with pytest.raises(EncodeError, match=r"'1\.3'.*1\.12"):
        exported(LeNet5(), tmp_path, release="1.3")
    with pytest.raises(FileNotFoundError):
        export(LeNet5(), tmp_path / "none" / "model.ptl")


def test_complete_models_need_no_weights(tmp_path: Path):
    model = LeNet5().eval()
    module = lite(model, tmp_path, with_weights=True)
    with torch.no_grad():
        x = torch.ones(1, 1, 28, 28)
        assert_same(module(x), model(x), network_slack(model, x))


def test_torchscript_for_the_full_runtimes(tmp_path: Path):
    model = LeNet5().eval()
    export(model, tmp_path / "model.pt")
    with quietly():
        module = torch.jit.load(tmp_path / "model.pt")
    module.load_weights(dict(model.state_dict()))
    with torch.no_grad():
        x = torch.ones(1, 1, 28, 28)
        assert_same(module(x), model(x), network_slack(model, x))


def test_probes_return_every_layer_at_any_size(tmp_path: Path):
    model = UNet(width=2).eval()
    module = lite(model, tmp_path, example=torch.zeros(1, 3, 32, 32), probe=True)
    module.run_method("load_weights", dict(model.state_dict()))
    x = torch.randn(1, 3, 64, 48)
    with torch.no_grad():
        found, expected = module(x), Probe(model)(x)
        assert_same(expected["output"], model(x), network_slack(model, x))
    assert list(found) == list(expected) == ["output", *sorted(found.keys() - {"output"})]
    assert [name.split()[1] for name in found if " " in name][:2] == ["inc.double_conv.0", "inc.double_conv.1"]
    for name, layer in found.items():
        same_sums(layer, expected[name], terms=1000)
        assert name == "output" or 0 < layer.numel() <= 1024
    with pytest.raises(ExportError, match="example"):
        exported(model, tmp_path, probe=True)
