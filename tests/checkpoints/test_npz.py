from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat import EncodeError, checkpoints
from frformat.checkpoints.npz import WIDER
from frformat.dtypes import dtype_name
from tests.checkpoints.test_safetensors import checkpoint
from tests.strategies import arrays, names


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("npz") / "file.npz"


@given(st.dictionaries(names.filter(lambda name: not name.endswith(".npy")), arrays(), max_size=5))
def test_tensors_survive_and_numpy_reads_them(path: Path, tensors: dict[str, np.ndarray]):
    checkpoints.save(checkpoint(tensors), path)
    back = checkpoints.load(path) if tensors else {}
    with np.load(path) as theirs:
        assert set(theirs) == set(back) == set(tensors)
        for name, array in tensors.items():
            wide = array.astype(np.float32) if dtype_name(array.dtype) in WIDER else array
            for found in (back[name], theirs[name]):
                assert (found.dtype, found.shape) == (wide.dtype, array.shape)
                assert found.tobytes() == wide.tobytes()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_files_written_by_numpy_are_read(path: Path, save):
    save(path, a=np.arange(6).reshape(2, 3), b=np.asfortranarray(np.eye(3)), c=np.array(2.5, ">f4"))
    back = checkpoints.load(path)
    assert {name: (entry.dtype, entry.shape) for name, entry in back.entries.items()} == {
        "a": ("i64", (2, 3)),
        "b": ("f64", (3, 3)),
        "c": ("f32", ()),
    }
    np.testing.assert_array_equal(back["a"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(back.entries["b"].array(), np.eye(3))
    assert back.entries["c"].array().tobytes() == np.float32(2.5).tobytes()


def test_widening_is_reported(path: Path):
    tensors = {"a": np.ones(1, ml_dtypes.bfloat16), "b": np.ones(1, ml_dtypes.float8_e5m2), "c": np.ones(1)}
    assert checkpoints.save(checkpoint(tensors), path) == [
        "bf16 was written as f32 without loss: .npz does not support it",
        "f8_e5m2 was written as f32 without loss: .npz does not support it",
    ]


def test_the_same_tensors_yield_the_same_file(path: Path):
    files = []
    for _ in range(2):
        checkpoints.save(checkpoint({"a": np.ones(3)}, aliases={"b": "a"}), path)
        files.append(path.read_bytes())
    assert files[0] == files[1]
    assert set(np.load(path)) == {"a", "b"}
    found = checkpoints.load(path)
    assert (set(found), found.aliases) == ({"a"}, {"b": "a"})


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.array([{"a": 1}], object), "dtype object has no counterpart"),
        (np.ones(2, ml_dtypes.bfloat16), r"elements of 2 bytes have an unknown type \(bfloat16\?\)"),
        (np.zeros(2, [("x", "f4")]), "elements of 4 bytes have an unknown type"),
        (np.array(["text"]), "dtype <U4 has no counterpart"),
        (np.zeros(1, np.longdouble), "dtype .* has no counterpart"),
    ],
)
def test_entries_that_are_not_tensors_are_refused_by_name(path: Path, array: np.ndarray, reason: str):
    np.savez(path, fine=np.ones(1), wrong=array)
    with pytest.raises(EncodeError, match=rf"file.npz: wrong.npy: {reason}"):
        checkpoints.load(path)


def zipped(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)


def npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version=version)
    return out.getvalue()


def test_versions_of_the_array_format(path: Path):
    zipped(path, a=npy(np.ones(2), (2, 0)))
    assert checkpoints.load(path)["a"].tolist() == [1, 1]
    with pytest.warns(UserWarning, match=r"Stored array in format 3.0|metadata|3.0"):
        data = npy(np.zeros(1, [("é€", "f4")]))
    zipped(path, a=data)
    with pytest.raises(EncodeError, match=r"array file version 3.0 is not supported"):
        checkpoints.load(path)


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY", b"not an array", npy(np.ones(2))[:40]])
def test_damaged_members_are_refused(path: Path, data: bytes):
    zipped(path, a=data)
    with pytest.raises(EncodeError, match=r"file.npz: a.npy: "):
        checkpoints.load(path)


def test_missing_data_is_refused_when_it_is_read(path: Path):
    zipped(path, a=npy(np.ones(2))[:-1])
    with pytest.raises(EncodeError, match=r"file.npz: a.npy: "):
        checkpoints.load(path)["a"]


def test_the_archive_checksum_detects_damage(path: Path):
    np.savez(path, a=np.ones(100))
    data = bytearray(path.read_bytes())
    data[400] ^= 1
    path.write_bytes(data)
    with pytest.raises(EncodeError, match=r"file.npz: a.npy: BadZipFile: Bad CRC-32"):
        checkpoints.load(path)["a"]


def test_an_interrupt_while_a_member_is_closed_is_reported_as_it_is(path: Path, monkeypatch: pytest.MonkeyPatch):
    close, interrupts = zipfile._ZipWriteFile.close, [KeyboardInterrupt()]

    def interrupted(member: Any) -> None:
        if interrupts:
            raise interrupts.pop()
        close(member)

    monkeypatch.setattr(zipfile._ZipWriteFile, "close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(checkpoint({"a": np.ones(3), "b": np.ones(3)}), path.with_name("other.npz"))
    assert not path.with_name("other.npz").exists()


def test_truncated_archives_are_refused(path: Path):
    np.savez(path, a=np.ones(100))
    whole = path.read_bytes()
    for size in (0, 3, 50, len(whole) - 30):
        path.write_bytes(whole[:size])
        with pytest.raises(EncodeError, match=r"file.npz"):
            checkpoints.load(path)
