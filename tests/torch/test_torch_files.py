from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import frformat
from frformat import EncodeError, FrzError, Spectrum
from frformat.checkpoints.torch_tensors import TORCH_DTYPES, to_torch
from frformat.dtypes import DTYPES
from frformat.torch import load_file, save_file
from tests.checkpoints.test_torch_tensors import bits
from tests.strategies import arrays, names
from tests.train.data import data_file


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files") / "file.frz"


@st.composite
def state_dicts(draw: st.DrawFn) -> dict[str, torch.Tensor]:
    """Return tensors of every dtype and several strides; some have two names."""
    found = draw(st.dictionaries(names, arrays(), max_size=5))
    state = {name: to_torch(array.copy()) for name, array in found.items()}
    for name in list(state):
        if state[name].ndim and draw(st.booleans()):
            state[name] = state[name].transpose(0, -1)
        if draw(st.booleans()):
            state[f"{name}\N{WHITE RIGHT POINTING BACKHAND INDEX}"] = state[name]
    return state


@given(state_dicts())
def test_state_dicts_survive_bit_for_bit(path: Path, state: dict[str, torch.Tensor]):
    save_file(state, path)
    back = load_file(path)
    assert set(back) == set(state)
    for name, tensor in state.items():
        assert back[name].dtype == tensor.dtype
        assert back[name].shape == tensor.shape
        assert bits(back[name]) == bits(tensor)


def test_tied_tensors_are_stored_once_and_tied_again(path: Path):
    weight = torch.randn(300, 300)
    save_file({"wte": weight, "head": weight, "part": weight[:1]}, path, compression="none")
    assert os.path.getsize(path) < weight.nbytes + 2000
    back = load_file(path)
    assert back["wte"] is back["head"]
    assert back["part"].data_ptr() != back["wte"].data_ptr()
    torch.testing.assert_close(back["part"], weight[:1], rtol=0, atol=0)


def test_names_can_be_tied_by_the_caller(path: Path):
    save_file({"a": torch.ones(2), "b": torch.ones(3)}, path, aliases={"c": "a"})
    assert load_file(path)["c"].tolist() == [1, 1]


def test_loaded_tensors_can_be_written_to(path: Path):
    save_file({"a": torch.zeros(2, dtype=torch.bfloat16), "b": Spectrum(np.ones(1, np.float32), (2, 2))}, path)
    for tensor in load_file(path).values():
        tensor.add_(1)


class Made(Mapping[str, torch.Tensor]):
    """Creates tensors on access; if there is a buffer, all of them share it."""

    def __init__(self, buffer: torch.Tensor | None = None) -> None:
        self.buffer = buffer

    def __getitem__(self, name: str) -> torch.Tensor:
        buffer = torch.empty(300, 300) if self.buffer is None else self.buffer
        return buffer.fill_(float(name))

    def __iter__(self) -> Iterator[str]:
        return iter(map(str, range(12)))

    def __len__(self) -> int:
        return 12


@pytest.mark.parametrize("buffer", [None, torch.empty(300, 300), torch.empty(30, 30)])
def test_mappings_can_create_tensors_on_access(path: Path, buffer: torch.Tensor | None):
    save_file(Made(buffer), path)
    assert {name: tensor.unique().tolist() for name, tensor in load_file(path).items()} == {
        str(i): [i] for i in range(12)
    }


def test_other_mappings_of_lasting_tensors_are_tied(path: Path):
    weight = torch.randn(30, 30)
    save_file(MappingProxyType({"a": weight, "b": weight}), path)
    with frformat.open(path) as file:
        assert file.aliases == {"b": "a"}


def sparse_tensors() -> dict[str, torch.Tensor]:
    dense = torch.zeros(50, 40)
    dense[:2, :20] = torch.randn(
        2, 20
    )  # looks like a spectrum, but also like the gradient of an embedding with few used rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns that compressed layouts are in beta
        return {
            "coo": dense.to_sparse(),
            "hybrid": dense.to_sparse(1),
            "csr": dense.to_sparse_csr(),
            "csc": dense.to_sparse_csc(),
            "bsr": dense.to_sparse_bsr((5, 4)),
            "bsc": dense.to_sparse_bsc((5, 4)),
            "half": dense.half().to_sparse(),
            "integers": (dense > 0).int().to_sparse(),
        }


def test_sparse_tensors_are_stored_losslessly(path: Path):
    tensors = sparse_tensors()
    save_file(tensors, path)
    back = load_file(path)
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name], tensor.to_dense()), name
    with frformat.open(path) as file:
        assert not any(file.info(name).spectral for name in file)


@pytest.mark.parametrize("spectral", [True, ["w"]])
def test_sparse_tensors_are_spectra_on_request(path: Path, spectral: bool | list[str]):
    tensor = torch.sparse_coo_tensor([[0, 0, 1], [0, 1, 0]], [3.0, 2.0, 1.0], (50, 40), check_invariants=True)
    save_file({"w": tensor, "bias": torch.ones(3)}, path, spectral=spectral)
    with frformat.open(path) as file:
        assert file.info("w").spectral
        assert file.spectrum("w").coefficients.tolist() == [3, 2, 1]
    expected = Spectrum(np.array([3, 2, 1], np.float32), (50, 40)).weights()
    np.testing.assert_array_equal(load_file(path)["w"].numpy(), expected)


def test_declared_spectra_must_be_spectra(path: Path):
    tensor = torch.sparse_coo_tensor([[0, 49], [0, 39]], [3.0, 2.0], (50, 40), check_invariants=True)
    with pytest.raises(EncodeError, match=r"tensor 'w': 2 elements of shape \[50, 40\] .* 2,000 coefficients"):
        save_file({"w": tensor}, path, spectral=True)
    with pytest.raises(EncodeError, match="tensor 'w': a dense tensor"):
        save_file({"w": torch.ones(2, 2)}, path, spectral=["w"])
    for spectral in ("w", ["v"]):
        with pytest.raises(EncodeError, match="is neither True nor a list of names of given tensors"):
            save_file({"w": tensor}, path, spectral=spectral)


def test_wrapper_prefixes_are_removed_from_names_with_a_warning(path: Path):
    state = {f"_orig_mod.module.{name}": torch.ones(2, 2) for name in ("a", "b")}
    state["_orig_mod.module.c"] = torch.sparse_coo_tensor([[0], [0]], [1.0], (4, 4), check_invariants=True)
    with pytest.warns(UserWarning, match=r"removed wrapper prefixes from names: _orig_mod., module\."):
        save_file(state, path, spectral=["_orig_mod.module.c"], format={"_orig_mod.module.c": "f32"})
    with frformat.open(path) as file:
        assert list(file) == ["a", "b", "c"]
        assert not file.aliases
        assert file.info("c").step is None


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({0: torch.ones(1), "a": torch.ones(1)}, "a tensor's name must be a string, not 0 of type int"),
        ({None: torch.ones(1)}, "not None of type NoneType"),
        ([{"a": torch.ones(1)}], "of type list is not a state dict: pass tensors by name"),
        (({"a": torch.ones(1)},), "of type tuple is not a state dict"),
    ],
)
def test_unnamed_tensors_are_refused(path: Path, state: object, message: str):
    with pytest.raises(EncodeError, match=message):
        save_file(state, path)  # type: ignore[arg-type]


def test_tensors_are_loaded_in_another_type(path: Path):
    save_file({"w": torch.tensor([1.0, 2.0]), "n": torch.tensor(3), "large": torch.tensor(1e6)}, path)
    back = load_file(path, dtype=torch.bfloat16)
    assert {name: tensor.dtype for name, tensor in back.items()} == {
        "w": torch.bfloat16, "n": torch.int64, "large": torch.bfloat16
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"tensor 'large': values up to 1e\+06 exceed the range of torch.float16"):
        load_file(path, dtype=torch.float16)


@pytest.mark.parametrize("value", [{"a": 1}, 3, None, np.ones(2)])
def test_entries_that_are_not_tensors_are_refused_by_name(path: Path, value: object):
    with pytest.raises(EncodeError, match="entry 'extra' is of type"):
        save_file({"w": torch.ones(1), "extra": value}, path)  # type: ignore[dict-item]


def test_dtypes_without_counterpart_are_refused_by_name(path: Path):
    with pytest.raises(EncodeError, match=r"tensor 'w': dtype torch.float8_e4m3fnuz"):
        save_file({"w": torch.zeros(2, dtype=torch.uint8).view(torch.float8_e4m3fnuz)}, path)


def test_options_reach_the_file(path: Path):
    seen = []
    save_file(
        {"w": Spectrum(np.arange(8, dtype=np.float32), (4, 4))},
        path,
        metadata={"licence": "MIT"},
        format="q8",
        tiers=[2],
        compression="none",
        progress=lambda name, done: seen.append((name, done)),
    )
    with frformat.open(path) as file:
        info = file.info("w")
        assert (file.metadata, info.kept) == ({"licence": "MIT"}, (2, 8))
        assert info.step is not None
    assert seen == [("w", 32)]
    assert not torch.equal(load_file(path, tier=0)["w"], load_file(path)["w"])


def test_the_memory_budget_counts_all_tensors(path: Path):
    save_file({"a": torch.zeros(500_000), "b": torch.zeros(500_000)}, path)
    assert len(load_file(path, memory_budget=9_500_000)) == 2
    with pytest.raises(FrzError, match="BUDGET"):
        load_file(path, memory_budget=9_500_000, dtype=torch.float64)
    tensors = load_file(path, memory_budget=18_000_000, dtype=torch.float64)  # twice as large, and one tensor cast
    assert tensors["b"].dtype == torch.float64
    with pytest.raises(FrzError, match="BUDGET"):
        load_file(path, memory_budget=3_000_000)


def test_tensors_are_loaded_to_the_device(path: Path):
    save_file({"a": torch.zeros(2)}, path)
    assert load_file(path, device="meta")["a"].device.type == "meta"


def test_the_published_unet_is_small_and_complete(path: Path):
    source = data_file("unet_fr/unet_fr.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the one about sparse tensors, which not every version has
        state = torch.load(source, weights_only=True)
    save_file(state, path, spectral=True)
    assert os.path.getsize(path) <= 1650
    with frformat.open(path) as file:
        assert list(file) == list(state)
        for name, tensor in state.items():
            assert file.info(name).shape == tuple(tensor.shape)
            assert torch.equal(to_torch(file.spectrum(name)).to_dense(), tensor.to_dense())


def test_all_dtypes_are_tested():
    assert set(TORCH_DTYPES) >= set(DTYPES)
