from __future__ import annotations

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from frformat import EncodeError, checkpoints
from frformat.checkpoints import Checkpoint, Entry
from frformat.checkpoints.safetensors import NAMES
from frformat.dtypes import DTYPES, dtype_name
from tests.strategies import arrays, names


def checkpoint(tensors: dict[str, np.ndarray], **fields: dict) -> Checkpoint:
    entries = {
        name: Entry(dtype_name(array.dtype), array.shape, lambda array=array: array) for name, array in tensors.items()
    }
    return Checkpoint(entries, **fields)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("safetensors") / "file.safetensors"


storable = arrays().filter(lambda array: array.dtype != np.complex128)


@given(
    st.dictionaries(names.filter(lambda name: name != "__metadata__"), storable, max_size=5),
    st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), st.just("text")),
)
def test_tensors_survive_bit_for_bit(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]):
    assert checkpoints.save(checkpoint(tensors, metadata=metadata), path) == []
    back = checkpoints.load(path)
    assert set(back) == set(tensors)
    assert back.metadata == metadata
    for name, array in tensors.items():
        entry, found = back.entries[name], back[name]
        assert (entry.dtype, entry.shape, entry.nbytes) == (dtype_name(array.dtype), array.shape, array.nbytes)
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name not in ("c128", "f8_e8m0")])
def test_files_are_exchanged_with_the_package(path: Path, dtype: str):
    tensors = {"b": np.ones((2, 3), DTYPES[dtype]), "a": np.zeros((), DTYPES[dtype]), "u8": np.ones(3, np.uint8)}
    checkpoints.save(checkpoint(tensors), path)
    ours = path.read_bytes()
    theirs = safetensors.torch.load(ours)
    assert {name: tuple(tensor.shape) for name, tensor in theirs.items()} == {"a": (), "b": (2, 3), "u8": (3,)}
    safetensors.torch.save_file(theirs, path)
    back = checkpoints.load(path)
    assert all(back[name].tobytes() == array.tobytes() for name, array in tensors.items())
    assert len(ours) == path.stat().st_size


def test_types_that_the_package_writes_but_does_not_read(path: Path):
    safetensors.torch.save_file({"a": torch.tensor([0, 127, 255], dtype=torch.uint8).view(torch.float8_e8m0fnu)}, path)
    with checkpoints.load(path) as found:
        assert (found.entries["a"].dtype, found["a"].tobytes()) == ("f8_e8m0", b"\0\x7f\xff")
        theirs = path.read_bytes()
        checkpoints.save(found, path)
    assert path.read_bytes() == theirs


def test_four_bit_floats_are_read_exactly(path: Path):
    codes = torch.arange(256, dtype=torch.uint8).reshape(2, 128)
    safetensors.torch.save_file({"a": codes.view(torch.float4_e2m1fn_x2), "b": torch.ones(2)}, path)
    magnitudes = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
    values = np.array(magnitudes + [-value for value in magnitudes])
    with checkpoints.load(path) as found:
        assert found.notes == ["read 1 F4 tensor as f8_e4m3, which represents every F4 value exactly"]
        assert found.entries["a"].dtype == "f8_e4m3"
        back = found["a"].astype(np.float64)
        assert found["b"].tolist() == [1.0, 1.0]
    assert back.shape == (2, 256)
    low, high = np.arange(256) & 15, np.arange(256) >> 4
    np.testing.assert_array_equal(back.reshape(-1, 2), np.stack((values[low], values[high]), axis=1))
    assert np.signbit(back).sum() == 256  # negative zeros keep their sign


@pytest.mark.parametrize(
    ("dtype", "name"), [(torch.float8_e4m3fnuz, "F8_E4M3FNUZ"), (torch.float8_e5m2fnuz, "F8_E5M2FNUZ")]
)
def test_eight_bit_floats_that_the_format_lacks_are_read_exactly(path: Path, dtype: torch.dtype, name: str):
    codes = torch.arange(256, dtype=torch.uint8).reshape(2, 128).view(dtype)
    safetensors.torch.save_file({"a": codes, "none": codes[:0].clone(), "one": codes[0, 3].clone()}, path)
    theirs = safetensors.torch.load_file(path)["a"].double().numpy()
    with checkpoints.load(path) as found:
        assert found.notes == [f"read 3 {name} tensors as f16, which represents every {name} value exactly"]
        assert {key: (entry.dtype, entry.shape) for key, entry in found.entries.items()} == {
            "a": ("f16", (2, 128)),
            "none": ("f16", (0, 128)),
            "one": ("f16", ()),
        }
        np.testing.assert_array_equal(found["a"].astype(np.float64), theirs)
        assert found["none"].size == 0
        assert found["one"] == theirs[0, 3]
    assert np.isnan(theirs).sum() == 1


def test_data_is_aligned(path: Path):
    checkpoints.save(checkpoint({"x": np.ones(3, np.uint8), "y": np.ones(2)}), path)
    assert all(array.ctypes.data % array.itemsize == 0 for array in checkpoints.load(path).values())


def test_big_endian_and_fortran_arrays_are_written_in_order(path: Path):
    array = np.arange(6, dtype=">i4").reshape(2, 3, order="F")
    checkpoints.save(checkpoint({"x": array}), path)
    np.testing.assert_array_equal(checkpoints.load(path)["x"], array)


def test_tied_names_are_all_written(path: Path):
    checkpoints.save(checkpoint({"a": np.ones(2)}, aliases={"b": "a"}), path)
    assert safetensors.numpy.load_file(path)["b"].tolist() == checkpoints.load(path)["a"].tolist() == [1, 1]


def test_tensors_that_differ_are_not_tied(path: Path):
    tensors = {"a": np.ones(2), "b": np.ones(2), "c": np.zeros(2), "d": np.ones(2, np.float32), "e": np.ones(2)}
    metadata = {"b": "a", "c": "a", "d": "a", "e": "e", "x": "a", "licence": "MIT"}
    safetensors.numpy.save_file(tensors, path, metadata)
    found = checkpoints.load(path)
    assert (set(found), found.aliases) == ({"a", "c", "d", "e"}, {"b": "a"})
    assert found.metadata == {key: text for key, text in metadata.items() if key != "b"}


def test_complex128_is_refused(path: Path):
    with pytest.raises(EncodeError, match=r"tensor 'x': safetensors does not support c128; write .npz or .pt"):
        checkpoints.save(checkpoint({"x": np.ones(1, complex)}), path)
    with pytest.raises(EncodeError, match="__metadata__"):
        checkpoints.save(checkpoint({"__metadata__": np.ones(1)}), path)


def write(path: Path, header: object, data: bytes = b"") -> None:
    packed = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(packed).to_bytes(8, "little") + packed + data)


ONE = {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"{", "its header is not JSON"),
        (b'{"a\xff": 1}', "its header is not JSON"),
        (b"{" + b'"a":{' * 100_000, "its header is not JSON"),
        ({"x": 1}, "tensor 'x': its description is malformed"),
        ({"x": {"dtype": "U8", "shape": [2]}}, "tensor 'x': its description is malformed"),
        ({"x": ONE | {"shape": [-2]}}, "tensor 'x': its description is malformed"),
        ({"x": ONE | {"shape": [2.0]}}, "tensor 'x': its description is malformed"),
        ({"x": ONE | {"shape": [True, 2]}}, "tensor 'x': its description is malformed"),
        ({"x": ONE | {"data_offsets": [0, 2, 2]}}, "tensor 'x': its description is malformed"),
        ({"x": ONE | {"dtype": "F6_E2M3"}}, "tensor 'x': element type F6_E2M3 is not one of BOOL, U8"),
        ({"x": {"dtype": "F4", "shape": [3], "data_offsets": [0, 2]}}, "bytes 0 to 2 do not match F4"),
        ({"x": ONE | {"dtype": "F8_E5M2FNUZ", "shape": [3]}}, "bytes 0 to 2 do not match F8_E5M2FNUZ"),
        ({"x": ONE | {"shape": [3]}}, r"tensor 'x': bytes 0 to 2 do not match u8 \[3\] at offset 0"),
        ({"x": ONE | {"shape": [1 << 62, 1 << 62]}}, "tensor 'x': bytes 0 to 2 do not match u8"),
        ({"x": ONE | {"data_offsets": [1, 3]}}, "tensor 'x': bytes 1 to 3 do not match"),
        ({"x": ONE, "y": ONE}, "tensor 'y': bytes 0 to 2 do not match"),
        (b'{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"x":1}', "a name occurs twice"),
        ({"x": ONE, "__metadata__": {"a": 1}}, "its metadata is not a map of strings"),
        ({"x": ONE, "__metadata__": "a"}, "its metadata is not a map of strings"),
        ({"x": ONE | {"data_offsets": [0, 1], "shape": [1]}}, "it should have 69 bytes but has 70"),
        ({"x": ONE | {"data_offsets": [0, 3], "shape": [3]}}, "it should have 71 bytes but has 70"),
    ],
)
def test_faulty_files_are_refused(path: Path, header: object, reason: str):
    write(path, header, b"\x00\x01")
    with pytest.raises(EncodeError, match=reason) as caught:
        checkpoints.load(path)
    assert str(caught.value).startswith(f"{path}: not a valid safetensors file: ")


def test_every_truncation_is_refused(path: Path):
    safetensors.numpy.save_file({"a": np.ones(3), "b": np.ones(2, np.uint8)}, path)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(EncodeError):
            checkpoints.load(path)


def test_bools_are_zero_or_one(path: Path):
    write(path, {"x": ONE | {"dtype": "BOOL"}}, b"\x01\x02")
    with pytest.raises(EncodeError, match="tensor 'x': an element of a bool tensor is neither 0 nor 1"):
        checkpoints.load(path)["x"]


def test_every_type_common_to_package_and_format_is_supported():
    assert set(NAMES.values()) == set(DTYPES) - {"c128"}
    assert DTYPES["bf16"] == ml_dtypes.bfloat16


def test_a_failed_write_leaves_only_the_old_file(path: Path):
    def fail() -> np.ndarray:
        raise RuntimeError("unreadable")

    path.write_bytes(b"old")
    entries = {"a": Entry("f32", (2,), lambda: np.ones(2, np.float32)), "b": Entry("f32", (2,), fail)}
    for suffix in ("safetensors", "npz", "pt"):
        target = path.with_suffix(f".{suffix}")
        target.write_bytes(b"old")
        with pytest.raises(RuntimeError, match="unreadable"):
            checkpoints.save(Checkpoint(entries), target)
        assert target.read_bytes() == b"old"
        target.unlink()
    assert list(path.parent.iterdir()) == []


def test_metadata_can_be_null(path: Path):
    header = b'{"__metadata__":null,"x":{"dtype":"F8_E8M0","shape":[2],"data_offsets":[0,2]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\x7f\x80")
    with checkpoints.load(path) as found:
        assert found.metadata == {}
        assert found["x"].tolist() == [1.0, 2.0]
