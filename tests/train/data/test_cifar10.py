from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from frformat.train.data import CIFAR10_CLASSES, DataError, load_cifar10
from frformat.train.data.cifar10 import MAX_BYTES
from tests.train.data import DATA, data_file


def jpeg(color: tuple[int, int, int], size: tuple[int, int] = (32, 32)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "JPEG")
    return out.getvalue()


RED, BLUE = jpeg((254, 0, 0)), jpeg((0, 0, 254))


def write(folder: Path, files: list[tuple[str, bytes]]) -> Path:
    (folder / "cifar10").mkdir()
    with tarfile.open(folder / "cifar10" / "cifar10_test_jpeg.tar.xz", "w:xz") as archive:
        root = tarfile.TarInfo("test")
        root.type = tarfile.DIRTYPE
        archive.addfile(root)
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return folder


def test_images_are_in_the_order_of_their_names(tmp_path: Path):
    files = [("test/dog/0001.jpg", BLUE), ("test/airplane/0002.jpg", BLUE), ("test/dog/0000.jpg", RED)]
    images, labels = load_cifar10("test", write(tmp_path, files)).tensors
    assert images.dtype == torch.uint8
    assert images.shape == (3, 3, 32, 32)
    assert labels.dtype == torch.int64
    assert labels.tolist() == [0, 5, 5]
    assert [tuple(image[:, 16, 16] > 128) for image in images] == [(0, 0, 1), (1, 0, 0), (0, 0, 1)]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("test/dog/0000.jpg", jpeg((0, 0, 0), (32, 33)), "test/dog/0000.jpg: it has 32×33 pixels, not 32×32"),
        ("test/dog/0000.jpg", RED[:200], "test/dog/0000.jpg: not a complete JPEG or PNG image"),
        ("test/dog/0000.jpg", bytes(MAX_BYTES + 1), "test/dog/0000.jpg has 16385 bytes, more than 16384"),
        ("test/wolf/0000.jpg", RED, "'test/wolf/0000.jpg'; expected test/CLASS/NAME"),
        ("train/dog/0000.jpg", RED, "'train/dog/0000.jpg'; expected test/CLASS/NAME"),
        ("test/dog.jpg", RED, "'test/dog.jpg'; expected test/CLASS/NAME"),
    ],
)
def test_files_that_are_not_images_of_the_set(tmp_path: Path, name: str, content: bytes, says: str):
    with pytest.raises(DataError, match=says):
        load_cifar10("test", write(tmp_path, [("test/cat/0000.jpg", RED), (name, content)]))


def test_links_are_not_followed(tmp_path: Path):
    (tmp_path / "cifar10").mkdir()
    with tarfile.open(tmp_path / "cifar10" / "cifar10_test_jpeg.tar.xz", "w:xz") as archive:
        link = tarfile.TarInfo("test/dog/0000.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "elsewhere"
        archive.addfile(link)
    with pytest.raises(DataError, match="expected test/CLASS/NAME"):
        load_cifar10("test", tmp_path)


def test_an_empty_archive(tmp_path: Path):
    with pytest.raises(DataError, match="it contains no images"):
        load_cifar10("test", write(tmp_path, []))


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_truncated_archive(tmp_path: Path, share: float):
    noise = np.random.default_rng(0).integers(0, 256, 8192, np.uint8).tobytes()
    path = write(tmp_path, [("test/dog/0000.jpg", RED + noise)]) / "cifar10" / "cifar10_test_jpeg.tar.xz"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"not a complete \.tar\.xz archive"):
        load_cifar10("test", tmp_path)


def test_the_whole_test_set():
    data_file("cifar10")
    images, labels = load_cifar10("test", DATA).tensors
    assert images.shape == (10_000, 3, 32, 32)
    assert labels.tolist() == [label for label in range(len(CIFAR10_CLASSES)) for _ in range(1000)]
