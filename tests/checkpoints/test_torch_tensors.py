from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from frformat import EncodeError, Spectrum
from frformat.checkpoints.torch_tensors import TORCH_DTYPES, aliases, dtype_name, overlapping, to_numpy, to_torch
from frformat.dtypes import DTYPES
from frformat.spectral.sparse import Sparse
from tests.strategies import arrays, spectra


def bits(tensor: torch.Tensor) -> bytes:
    """Return a tensor's elements as bytes, in row-major order."""
    flat = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.reshape(-1))
    return flat.view(torch.uint8).numpy().tobytes()


def test_every_dtype_has_a_counterpart_in_order():
    assert list(TORCH_DTYPES) == list(DTYPES)
    assert all(dtype_name(dtype) == name for name, dtype in TORCH_DTYPES.items())


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_memory_is_shared_in_both_directions(name: str, shape: tuple[int, ...]):
    array = np.ones(shape, DTYPES[name])
    tensor = to_torch(array)
    back = to_numpy(tensor)
    assert tensor.dtype == TORCH_DTYPES[name]
    assert tuple(tensor.shape) == back.shape == shape
    assert back.dtype == array.dtype
    if array.size:
        assert tensor.data_ptr() == array.ctypes.data == back.ctypes.data


@given(arrays())
def test_bits_survive(array: np.ndarray):
    tensor = to_torch(array.copy())
    assert bits(tensor) == array.tobytes()
    assert to_numpy(tensor).tobytes() == array.tobytes()


def test_strides_devices_and_lazy_bits_are_resolved():
    base = torch.arange(24, dtype=torch.bfloat16).reshape(4, 6)
    np.testing.assert_array_equal(to_numpy(base.T[::2]), base.T[::2].float().numpy())
    values = torch.tensor([1 + 2j, 3 - 4j])
    np.testing.assert_array_equal(to_numpy(values.conj()), values.numpy().conj())
    np.testing.assert_array_equal(to_numpy(values.conj().imag), -values.numpy().imag)
    assert to_numpy(torch.nn.Parameter(torch.ones(2))).tolist() == [1, 1]


def test_expanded_tensors_have_all_their_elements():
    assert to_numpy(torch.ones(1, 3).expand(4, 3)).shape == (4, 3)


@pytest.mark.parametrize("dtype", [torch.complex32, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.qint8])
def test_dtypes_without_counterpart_are_refused(dtype: torch.dtype):
    with pytest.raises(EncodeError, match=r"has no counterpart in the format; convert to one of bool, u8"):
        dtype_name(dtype)


def test_meta_tensors_are_refused():
    with pytest.raises(EncodeError, match="meta device"):
        to_numpy(torch.empty(2, device="meta"))


def test_big_endian_arrays_become_tensors():
    assert to_torch(np.array([1, 256], ">i4")).tolist() == [1, 256]


@given(spectra())
def test_a_spectrum_survives_as_sparse_tensor(spectrum: Spectrum):
    assume(spectrum.kept <= 64 or spectrum.coefficients.all())  # too many zeros would hide the spectrum
    tensor = to_torch(spectrum)
    sparse = to_numpy(tensor)
    assert isinstance(sparse, Sparse)
    assert tensor.layout == torch.sparse_coo
    assert tuple(tensor.shape) == spectrum.shape
    assert np.count_nonzero(spectrum.coefficients) == len(sparse.values)
    back = sparse.spectrum(spectrum.view)
    np.testing.assert_array_equal(back.coefficients, np.trim_zeros(spectrum.coefficients, "b"))


@pytest.mark.filterwarnings("ignore:Sparse CS. tensor support")
def test_sparse_tensors_of_other_kinds():
    dense = torch.zeros(3, 4)
    dense[0, 1], dense[2, 0] = 5, 7
    duplicates = torch.sparse_coo_tensor([[0, 0, 2], [1, 1, 0]], [2.0, 3.0, 7.0], (3, 4), check_invariants=True)
    for tensor in (duplicates, dense.to_sparse_csr(), dense.to_sparse_csc(), dense.to_sparse(1)):
        found = to_numpy(tensor)
        assert isinstance(found, Sparse)
        np.testing.assert_array_equal(found.dense(), dense.numpy())
    scalar = to_numpy(torch.tensor(2.5).to_sparse())
    assert isinstance(scalar, Sparse)
    assert scalar.dense() == 2.5


def test_only_tensors_in_the_same_memory_are_aliases():
    base = torch.arange(6.0)
    found = aliases(
        {
            "first": base,
            "again": base[:],
            "parameter": torch.nn.Parameter(base),
            "reshaped": base.reshape(2, 3),
            "part": base[:3],
            "later": base[3:],
            "as int": base.view(torch.int32),
            "equal": base.clone(),
        }
    )
    assert found == {"again": "first", "parameter": "first"}


def test_conjugate_empty_and_sparse_tensors_are_aliases_only_if_identical():
    values = torch.ones(2, dtype=torch.complex64)
    assert aliases({"a": values, "b": values.conj()}) == {}
    empty = torch.ones(0)
    assert aliases({"a": torch.ones(0), "b": empty, "c": empty}) == {"c": "b"}
    sparse = torch.eye(3).to_sparse()
    assert aliases({"a": sparse, "b": sparse, "c": torch.eye(3).to_sparse()}) == {"b": "a"}


@given(st.data())
def test_any_view_of_a_storage_has_its_own_elements(data: st.DataObject):
    base = torch.arange(60, dtype=data.draw(st.sampled_from([torch.bfloat16, torch.float16, torch.int64])))
    shape = data.draw(st.lists(st.integers(1, 4), max_size=3).map(tuple))
    strides = tuple(data.draw(st.integers(0, 5)) for _ in shape)
    offset = data.draw(st.integers(0, 10))
    view = base.as_strided(shape, strides, offset)
    array = to_numpy(view)
    assert array.shape == shape
    assert math.prod(shape) == 0 or array.reshape(-1)[-1] == view.reshape(-1)[-1].item()
    assert np.ascontiguousarray(array).tobytes() == bits(view)


def test_different_views_are_not_aliases():
    base = torch.arange(24.0).reshape(4, 6)
    views = {
        "whole": base,
        "again": base.view(4, 6),
        "row": base[1:3],
        "columns": base[:, ::2],
        "transposed": base.T,
        "overlapping": base.as_strided((3, 3), (1, 1)),
        "expanded": base[0].expand(4, 6),
        "bits": base.view(torch.int32),
    }
    assert aliases(views) == {"again": "whole"}


def test_tensors_that_share_elements_are_found():
    base, numbers = torch.arange(24.0).reshape(4, 6), torch.randn(3, 4, dtype=torch.complex64)
    tensors = {
        "left": base[:, :3],
        "right": base[:, 3:],
        "whole numbers": numbers[0],
        "real part": numbers[1:].real,
        "imaginary part": numbers[1:].imag,
        "empty": base[:0],
        "sparse": torch.eye(3).to_sparse(),
        "meta": torch.empty(3, device="meta").expand(2, 3),
        "one": torch.ones(1).expand(1),
    }
    assert overlapping(tensors.values()) == set()
    others = {"corner": base[3:, 5:], "part": numbers.imag[2], "expanded": torch.ones(1).expand(2)}
    found = overlapping([*tensors.values(), *others.values()])
    assert found == {id(each) for each in (tensors["right"], tensors["imaginary part"], *others.values())}


@given(st.data())
def test_a_view_that_repeats_elements_is_found(data: st.DataObject):
    shape = data.draw(st.lists(st.integers(1, 4), max_size=3).map(tuple))
    strides = tuple(data.draw(st.integers(0, 6)) for _ in shape)
    view = torch.arange(80).as_strided(shape, strides)
    repeats = len(view.unique()) < view.numel()
    assert not repeats or overlapping([view]) == {id(view)}
    assert repeats or overlapping([view.contiguous()]) == set()


def test_freed_tensors_are_not_mistaken_for_others():
    class Made(dict[str, torch.Tensor]):
        def __getitem__(self, name: str) -> torch.Tensor:
            return torch.ones(1000)  # at the address of the previous one

    assert aliases(Made.fromkeys("abcdef")) == {}


def test_freed_memory_is_not_read():
    tensor = torch.ones(1000)
    tensor.untyped_storage().resize_(0)
    with pytest.raises(EncodeError, match="its memory was freed"):
        to_numpy(tensor)


def test_tensors_that_cannot_be_arrays_are_refused_in_one_line():
    for layout in (torch.strided, torch.jagged):
        with pytest.raises(EncodeError, match=r"a nested tensor .* pad it$"):
            to_numpy(torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=layout))
    sparse = torch.sparse_coo_tensor([[1], [1]], [1.0], (1 << 31, 1 << 31), check_invariants=True)
    with pytest.raises(EncodeError, match="too many elements for memory"):
        to_numpy(sparse)
    if torch.backends.mkldnn.is_available():
        assert to_numpy(torch.ones(2, 3).to_mkldnn()).tolist() == [[1, 1, 1], [1, 1, 1]]
