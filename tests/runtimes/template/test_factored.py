"""Templates of networks that run on coefficients."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import frformat
from frformat.errors import FrzError, LoadError
from frformat.runtimes import ExportError
from frformat.runtimes.models import factored as factored_model
from frformat.runtimes.template import cosines, fill, static
from frformat.runtimes.template.files import parse
from frformat.runtimes.template.layout import Basis, Core, Plain, Product, Scaled, Shifted
from frformat.runtimes.template.writing import Exporter, write
from frformat.spectral import dct
from frformat.torch import save_model
from frformat.torch.regularization import regularize
from tests.runtimes.template import factored
from tests.runtimes.template.test_recorded import RECORDED


def test_the_recorded_file_is_filled_bit_for_bit():
    assert (RECORDED / "factored.frt").read_bytes() == factored.template()
    assert fill(RECORDED / "factored.frt", RECORDED / "factored.frz") == (RECORDED / "factored.bin").read_bytes()


def test_cores_and_bases_equal_those_of_the_format():
    data = (RECORDED / "factored.bin").read_bytes()
    layout, _ = parse((RECORDED / "factored.frt").read_bytes())
    found = {place.value: np.frombuffer(data, "<f4", place.elements, place.offset) for place in layout.places[::-1]}
    with frformat.open(RECORDED / "factored.frz") as file:
        weight = file["conv.weight"]
        np.testing.assert_array_equal(found[3], file.coefficients("tucker.weight"))
    np.testing.assert_allclose(found[1].reshape(6, 3, 3, 8).transpose(3, 0, 1, 2), weight, rtol=0, atol=1e-6)
    eight, twenty = dct.basis(8, 4), dct.basis(20, 4)
    np.testing.assert_allclose(found[4].reshape(8, 4), eight, rtol=0, atol=1e-7)
    np.testing.assert_allclose(found[7].reshape(4, 4), twenty[8:16].T @ eight, rtol=0, atol=1e-7)
    core = found[0].reshape(3, 3, 3, 3).transpose(0, 3, 1, 2)
    core = np.einsum("oiyx,Oo,Ii->OIyx", core, dct.basis(8, 3), dct.basis(6, 3))
    np.testing.assert_allclose(core, weight, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("n", "r"), [(1, 1), (2, 2), (3, 3), (64, 33), (1000, 999), (4099, 5)])
def test_bases_are_accurate(n: int, r: int):
    np.testing.assert_allclose(cosines.basis(n, r), dct.basis(n, r), rtol=0, atol=1e-15)


@pytest.mark.parametrize(("n", "r", "checksum"), [(1024, 33, 0x85D62DB5), (997, 50, 0x1CC19DCF)])
def test_long_bases_have_the_same_bits_in_all_implementations(n: int, r: int, checksum: int):
    # ``CosinesTest.kt`` contains the same numbers.
    assert zlib.crc32(cosines.basis(n, r).astype("<f8").tobytes()) == checksum


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("fewer", r"conv.weight: 20 coefficients in the file, 21 in the model; choose its tier"),
        ("longer", r"conv.weight: a spectrum of \[9, 6, 3, 3\] in the file, a spectrum of \[8, 6, 3, 3\] in the model"),
        ("dense", r"conv.weight: .* coefficients of a spectrum of \[8, 6, 3, 3\], but none are stored; export again"),
        ("large", r"the coefficients of conv.weight yield a core that does not fit into f32"),
    ],
)
def test_coefficients_that_do_not_fit_are_refused(name: str, problem: str):
    with pytest.raises(LoadError, match=problem) as error:
        fill(RECORDED / "factored.frt", RECORDED / f"{name}.frz")
    assert error.value.kind == "MISMATCH"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("box", "does not suit its coefficients"),
        ("wide", "does not suit its coefficients"),
        ("turned", "cannot be expanded"),
        ("rows", "unsuitable lengths"),
        ("terms", "unsuitable lengths"),
        ("spectrum", "is not a spectrum"),
        ("empty", "has 0 of 3 basis functions"),
        ("coded", "does not suit its normalization"),
        ("axes", r"have shape \[3, 7\]"),
        ("kept", "cannot have 1297 coefficients"),
    ],
)
def test_faulty_values_are_refused(name: str, problem: str):
    assert (RECORDED / "faulty" / f"{name}.frt").read_bytes() == factored.faulty()[name]
    with pytest.raises(LoadError, match=problem) as error:
        parse((RECORDED / "faulty" / f"{name}.frt").read_bytes())
    assert error.value.kind == "SKELETON_DAMAGED"


def test_all_faulty_templates_are_tested():
    names = {path.stem for path in (RECORDED / "faulty").iterdir()}
    assert names == set(factored.faulty())


def test_the_memory_for_bases_counts_toward_the_budget():
    with pytest.raises(FrzError, match="memory budget") as error:
        fill(RECORDED / "large.frt", RECORDED / "factored.frz")
    assert error.value.code == "BUDGET"


class Thin(nn.Module):
    """Has every operation on thin values: biases, padding, pooling, joined channels, and normalizations."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 32, 3, padding=1)
        self.norm = nn.BatchNorm2d(32)
        self.second = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.own = nn.BatchNorm2d(32, affine=False, track_running_stats=False)
        self.down = nn.Conv2d(32, 64, 3, padding=1)
        self.up = nn.ConvTranspose2d(64, 32, 2, 2, bias=False)
        self.up_biased = nn.ConvTranspose2d(64, 32, 2, 2)
        self.join = nn.Conv2d(96, 32, 3, padding=1)
        self.affine = nn.BatchNorm2d(32, track_running_stats=False)
        self.out = nn.Conv2d(32, 2, 1)
        for norm in (self.norm, self.affine):
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
        self.norm.running_mean.normal_()  # type: ignore[union-attr]
        self.norm.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.relu(self.norm(self.first(x)))
        x = torch.relu(self.own(self.second(x)))
        y = nn.functional.leaky_relu(self.down(nn.functional.max_pool2d(x, 2)), 0.1)
        up, biased = (nn.functional.pad(layer(y), (0, 1, 0, 1)) for layer in (self.up, self.up_biased))
        z = torch.relu(self.affine(self.join(torch.cat([x, up, biased], 1))))
        return self.out(z), z.mean((2, 3))


class OneOutput(Thin):
    """Has no output that is a mean."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x)[0]


EXAMPLE = (torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 61, 59)).astype(np.float32)),)


def convert(module: nn.Module, inputs: tuple[Any, ...]) -> bytes:
    used = {node.target for node in module.graph.nodes if node.op == "get_attr"}  # type: ignore[union-attr]
    state = module.state_dict()
    return b"|".join(state[str(name)].numpy().tobytes() for name in sorted(used, key=str))


def linear() -> nn.Module:
    """Return a network of linear layers that are large enough to run on coefficients."""
    norm = nn.BatchNorm1d(1500, track_running_stats=False)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return nn.Sequential(
        nn.Linear(1500, 1500), nn.Tanh(), nn.Linear(1500, 1500), norm, nn.ReLU(), nn.Linear(1500, 1500)
    ).eval()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("thin") / "a.frz"
    save_model(regularize(Thin().eval(), keep=40, example=EXAMPLE[0]), path)
    return path


def check_same(net: nn.Module, plain: nn.Module, example: tuple[Tensor, ...], path: Path) -> None:
    """Check that the traced network computes what the plain one computes; ``path`` is written."""
    checked: list[bytes] = []

    def run(module: nn.Module, inputs: tuple[Any, ...]) -> bytes:
        with torch.no_grad():
            torch.testing.assert_close(module(*inputs), plain(*inputs), rtol=1e-4, atol=1e-4)
        checked.append(convert(module, inputs))
        return b""

    write(net, str(path), Exporter("Test", "tests 1", run), example=example, with_weights=True)
    assert checked


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("block", [static.BLOCK, 5 * 59 * 32])
def test_static_networks_compute_what_the_model_computes(
    weights: Path, block: int, pooled: bool, images: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for name in ("BLOCK", "POOLED_BLOCK"):
        monkeypatch.setattr(static, name, block)
    plain = Thin().eval()
    frformat.torch.load_model(plain, weights)
    example = (torch.cat([EXAMPLE[0] + number for number in range(images)]),)
    net = factored_model(Thin().eval(), str(weights), example, static=True, pooled=pooled)
    assert isinstance(net, static.Static)
    kinds = {type(constant.value) for constant in net.constants.values()}
    assert {Core, Basis, Product, Plain, Scaled, Shifted} <= kinds
    check_same(net, plain, example, tmp_path / "a.bin")


def test_pooled_networks_reduce_no_axes_of_the_thin_values(weights: Path):
    found = {}
    for pooled in (False, True):
        net = factored_model(OneOutput().eval(), str(weights), EXAMPLE, static=True, pooled=pooled)
        with torch.no_grad():
            graph = torch.export.export(net, EXAMPLE, strict=False).graph
        found[pooled] = {str(node.target) for node in graph.nodes}
    reducing = {"aten.mean.dim", "aten.sum.dim_IntList", "aten.matmul.default"}
    assert found[False] & reducing == reducing
    assert not found[True] & reducing


def test_linear_layers_run_on_coefficients(tmp_path: Path):
    torch.manual_seed(0)
    example = torch.randn(64, 1500)
    plain = linear()
    save_model(regularize(plain, keep=40, example=example), tmp_path / "a.frz")
    plain = linear()
    frformat.torch.load_model(plain, tmp_path / "a.frz")
    net = factored_model(linear(), str(tmp_path / "a.frz"), (example,), static=True)
    assert isinstance(net, static.Static)
    assert len({constant.value for constant in net.constants.values() if isinstance(constant.value, Core)}) == 3
    check_same(net, plain, (example,), tmp_path / "a.bin")


def test_filled_files_equal_exported_files(weights: Path, tmp_path: Path):
    net = factored_model(Thin().eval(), str(weights), EXAMPLE, static=True)
    exporter = Exporter("Test", "tests 1", convert)
    written = write(net, str(tmp_path / "a.frt"), exporter, example=EXAMPLE, with_weights=False)
    write(net, str(tmp_path / "a.bin"), exporter, example=EXAMPLE, with_weights=True)
    assert fill(tmp_path / "a.frt", weights) == (tmp_path / "a.bin").read_bytes()
    assert "join.weight" in written.coefficients
    layout, _ = parse((tmp_path / "a.frt").read_bytes())
    assert set(layout.forms) == set(written.coefficients)
    torch.manual_seed(1)
    save_model(regularize(Thin().eval(), keep=41, example=EXAMPLE[0]), tmp_path / "other.frz")
    with pytest.raises(LoadError, match=r"join.weight: 41 coefficients in the file, 40 in the model"):
        fill(tmp_path / "a.frt", tmp_path / "other.frz")


def test_constants_changed_by_the_exporter_are_named(weights: Path, tmp_path: Path):
    net = factored_model(Thin().eval(), str(weights), EXAMPLE, static=True)

    def rounding(module: nn.Module, inputs: tuple[Any, ...]) -> bytes:
        return b"".join(tensor.half().float().numpy().tobytes() for tensor in module.state_dict().values())

    with pytest.raises(ExportError, match=r"tests 1 changes .*a basis of 32 channels"):
        write(net, str(tmp_path / "a.frt"), Exporter("Test", "tests 1", rounding), example=EXAMPLE, with_weights=False)
    assert not (tmp_path / "a.frt").exists()


def test_normalizations_that_follow_each_other_are_refused(weights: Path):
    class Twice(Thin):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            x = torch.relu(self.norm(self.own(self.first(x))))
            return self.second(x), x

    with pytest.raises(ExportError, match="two normalizations follow each other; templates do not support this"):
        factored_model(Twice().eval(), str(weights), EXAMPLE, static=True)
