from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frformat.train.data import DataError, load_mnist
from tests.train.data import DATA, data_file

COUNT = 3
IMAGES = struct.pack(">4I", 0x803, COUNT, 28, 28) + bytes(i % 251 for i in range(COUNT * 784))
LABELS = struct.pack(">2I", 0x801, COUNT) + bytes([7, 0, 9])


def write(folder: Path, images: bytes = gzip.compress(IMAGES), labels: bytes = gzip.compress(LABELS)) -> Path:
    (folder / "mnist").mkdir(exist_ok=True)
    (folder / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(images)
    (folder / "mnist" / "train-labels-idx1-ubyte.gz").write_bytes(labels)
    return folder


def test_images_and_labels(tmp_path: Path):
    images, labels = load_mnist("train", write(tmp_path)).tensors
    assert images.dtype == torch.uint8
    assert images.shape == (COUNT, 1, 28, 28)
    assert images.numpy().tobytes() == IMAGES[16:]
    assert labels.dtype == torch.int64
    assert labels.tolist() == [7, 0, 9]


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (b"\0\0\x08\x01" + IMAGES[4:], "starts with 00000801, not with 00000803"),
        (b"\0\0\x0d\x03" + IMAGES[4:], "starts with 00000d03"),
        (b"", "starts with , not"),
        (IMAGES[:15], "header ends after 15 of 16 bytes"),
        (IMAGES[:-1], "ends after 2351 of the 2352 bytes"),
        (IMAGES + b"\0", "continues after the 2352 bytes"),
        (
            IMAGES[:8] + struct.pack(">2I", 32, 32) + IMAGES[16:],
            r"shape \(3, 32, 32\), but items of shape \(28, 28\)",
        ),
        (struct.pack(">4I", 0x803, 0, 28, 28), r"shape \(0, 28, 28\)"),
        (struct.pack(">4I", 0x803, 2, 28, 28) + IMAGES[16:][:1568], "has 2 images, but .* has 3 labels"),
        (struct.pack(">4I", 0x803, 0xFFFFFFFF, 28, 28) + IMAGES[16:], "3367254359280 bytes, but a file this short"),
    ],
)
def test_headers_are_checked(tmp_path: Path, images: bytes, says: str):
    with pytest.raises(DataError, match="train-images-idx3-ubyte.gz.*" + says):
        load_mnist("train", write(tmp_path, gzip.compress(images)))


def test_labels_are_digits(tmp_path: Path):
    with pytest.raises(DataError, match="label 10 is not one of the 10 digits"):
        load_mnist("train", write(tmp_path, labels=gzip.compress(LABELS[:-1] + b"\x0a")))


def test_files_that_are_not_gzip(tmp_path: Path):
    with pytest.raises(DataError, match="not a complete gzip file"):
        load_mnist("train", write(tmp_path, IMAGES))


@pytest.mark.parametrize("length", [1, 9, 20, len(gzip.compress(IMAGES)) - 1])
def test_a_truncated_file(tmp_path: Path, length: int):
    with pytest.raises(DataError, match="not a complete gzip file"):
        load_mnist("train", write(tmp_path, gzip.compress(IMAGES)[:length]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read_correctly(tmp_path: Path, data: st.DataObject):
    """Some bits of gzip's header do not matter, such as the date and the system."""
    damaged = bytearray(gzip.compress(IMAGES))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        images = load_mnist("train", write(tmp_path, bytes(damaged))).tensors[0]
    except DataError:
        return
    assert images.numpy().tobytes() == IMAGES[16:]


def test_the_whole_set():
    data_file("mnist")
    for split, count in (("train", 60_000), ("test", 10_000)):
        images, labels = load_mnist(split, DATA).tensors
        assert images.shape == (count, 1, 28, 28)
        assert 0.08 * count < labels.bincount().min() <= labels.bincount().max() < 0.12 * count
