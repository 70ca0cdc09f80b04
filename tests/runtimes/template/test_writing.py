"""Templates from an exporter that writes the parameters of a traced model one after the other."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from frformat.runtimes import ExportError
from frformat.runtimes.copies import contract
from frformat.runtimes.template import fill
from frformat.runtimes.template.merging import merged
from frformat.runtimes.template.writing import Exporter, write
from frformat.torch import save_model


class Net(nn.Module):
    """Has tied weights, unused weights, and normalizations of which some can be merged and some cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.up = nn.ConvTranspose2d(6, 4, 2, 2)
        self.up_norm = nn.BatchNorm2d(4, affine=False)
        self.late = nn.BatchNorm2d(4)
        self.instance = nn.InstanceNorm2d(4)
        self.fc = nn.Linear(4, 4)
        self.fc_norm = nn.BatchNorm1d(4)
        self.again = nn.Linear(4, 4)
        self.again.weight = self.fc.weight
        self.spare = nn.Linear(2, 2)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.normal_()  # type: ignore[union-attr]
                module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
                if module.affine:
                    nn.init.normal_(module.weight)
                    nn.init.normal_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        y = self.up_norm(self.up(torch.relu(self.norm(self.conv(x)))))
        y = self.instance(self.late(torch.relu(y))).amax((2, 3))
        return self.again(self.fc_norm(self.fc(y)))


EXAMPLE = (torch.zeros(2, 2, 8, 8),)


def convert(module: nn.Module, inputs: tuple[Any, ...]) -> bytes:
    used = {node.target for node in module.graph.nodes if node.op == "get_attr"}  # type: ignore[union-attr]
    return b"|".join(attrgetter(name)(module).numpy().tobytes() for name in sorted(map(str, used)))


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net().eval()


def test_normalizations_with_constant_statistics_are_merged(net: Net):
    found = merged(net, EXAMPLE, contract(net))
    targets = [str(node.target) for node in found.module.graph.nodes]
    assert targets.count("aten.batch_norm.default") == 0
    assert len(found.normalizations) == 4


def test_filled_files_equal_exported_files(net: Net, tmp_path: Path):
    exporter = Exporter("Test", "tests 1", convert)
    save_model(net, tmp_path / "a.frz")
    written = write(net, str(tmp_path / "a.frt"), exporter, example=EXAMPLE, with_weights=False)
    write(net, str(tmp_path / "a.bin"), exporter, example=EXAMPLE, with_weights=True)
    assert fill(tmp_path / "a.frt", tmp_path / "a.frz") == (tmp_path / "a.bin").read_bytes()
    assert written.runtime == "Test"
    assert written.bytes == (tmp_path / "a.frt").stat().st_size < 1500

    def computed(module: nn.Module, inputs: tuple[Any, ...]) -> bytes:
        x = torch.randn(2, 2, 8, 8)
        torch.testing.assert_close(module(x), net(x), rtol=1e-4, atol=1e-5)
        return b""

    write(net, str(tmp_path / "b.bin"), Exporter("Test", "tests 1", computed), example=EXAMPLE, with_weights=True)


def test_templates_do_not_depend_on_the_exported_weights(net: Net, tmp_path: Path):
    def everything(module: nn.Module, inputs: tuple[Any, ...]) -> bytes:
        return b"|".join(tensor.numpy().tobytes() for tensor in module.state_dict().values())

    exporter = Exporter("Test", "tests 1", everything)  # ExecuTorch's exporter writes unused buffers, too
    save_model(net, tmp_path / "a.frz")
    write(net, str(tmp_path / "a.bin"), exporter, example=EXAMPLE, with_weights=True)
    write(net, str(tmp_path / "a.frt"), exporter, example=EXAMPLE, with_weights=False)
    write(Net().eval(), str(tmp_path / "b.frt"), exporter, example=EXAMPLE, with_weights=False)
    assert (tmp_path / "a.frt").read_bytes() == (tmp_path / "b.frt").read_bytes()
    assert fill(tmp_path / "b.frt", tmp_path / "a.frz") == (tmp_path / "a.bin").read_bytes()


def test_weights_reached_through_lists_and_functions(tmp_path: Path):
    outer = nn.Linear(2, 2, bias=False)

    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other, self.outer = nn.Linear(2, 2), nn.Linear(2, 2), outer
            self.list = [self.one.weight, self.other.weight]

        def forward(self, x: Tensor) -> Tensor:
            return self.other(x @ self.list[0] @ self.list[1] @ outer.weight)

    exporter, example = Exporter("Test", "tests 1", convert), (torch.rand(3, 2),)
    made = Listed().eval()
    write(made, str(tmp_path / "a.frt"), exporter, example=example, with_weights=False)
    for weight in made.parameters():
        nn.init.normal_(weight)
    save_model(made, tmp_path / "a.frz")
    write(made, str(tmp_path / "a.bin"), exporter, example=example, with_weights=True)
    assert fill(tmp_path / "a.frt", tmp_path / "a.frz") == (tmp_path / "a.bin").read_bytes()


def test_weights_changed_by_the_exporter_are_named(net: Net, tmp_path: Path):
    def rounding(module: nn.Module, inputs: tuple[Any, ...]) -> bytes:
        return b"".join(tensor.half().float().numpy().tobytes() for tensor in module.state_dict().values())

    with pytest.raises(ExportError, match=r"Net cannot be exported .* tests 1 changes .*conv.weight, .*"):
        write(net, str(tmp_path / "a.frt"), Exporter("Test", "tests 1", rounding), example=EXAMPLE, with_weights=False)
    assert not (tmp_path / "a.frt").exists()


def test_models_that_cannot_be_templates_are_refused(net: Net, tmp_path: Path):
    exporter, path = Exporter("Test", "tests 1", convert), str(tmp_path / "a.frt")
    with pytest.raises(ExportError, match="Test needs a trace; pass an example input"):
        write(net, path, exporter, example=None, with_weights=False)
    with pytest.raises(ExportError, match=r"bias has dtype torch.float16; templates accept only torch.float32"):
        write(nn.Linear(2, 2).half(), path, exporter, example=(torch.zeros(1, 2).half(),), with_weights=False)
    with pytest.raises(ExportError, match="Net cannot be traced: "):
        write(net, path, exporter, example=(torch.zeros(3),), with_weights=False)

    def fails(module: nn.Module, inputs: tuple[Any, ...]) -> bytes:
        raise RuntimeError("no such operator")

    with pytest.raises(ExportError, match="Net cannot be exported for Test: RuntimeError: no such operator"):
        write(net, path, Exporter("Test", "tests 1", fails), example=EXAMPLE, with_weights=False)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_normalizations_are_merged_into_convolutions_with_any_padding(axes: int):
    conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1](2, 4, 3, padding="same")
    norm = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[axes - 1](4)
    model, x = nn.Sequential(conv, norm).eval(), torch.randn(1, 2, *[6] * axes)
    found = merged(model, (x,), contract(model))
    assert [str(node.target) for node in found.module.graph.nodes if node.op == "call_function"] == [
        f"aten.conv{axes}d.padding"
    ]


def test_a_normalization_along_another_axis_than_the_outputs_is_not_merged():
    class Unbatched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(2, 6, 3), nn.BatchNorm1d(6)
            nn.init.normal_(self.norm.running_mean)  # type: ignore[arg-type]

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.conv(x))  # (6, 6, 6), of which axis 1 is normalized

    torch.manual_seed(0)
    model, x = Unbatched().eval(), torch.randn(2, 8, 8)
    found = merged(model, (x,), contract(model))
    assert [type(value).__name__ for value in found.values[:2]] == ["Scaled", "Shifted"]
    assert found.values[0].tensor is None  # a product of its own
