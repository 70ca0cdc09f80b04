from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from frformat.train.data import DataError, MaskFolder, load_carvana, load_isbi
from tests.train.data import DATA, data_file


def picture(path: Path, value: int, size: tuple[int, int] = (3, 2), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


def test_images_and_masks_are_in_the_order_of_their_numbers(tmp_path: Path):
    for number in (10, 9, 1):
        picture(tmp_path / "images" / f"v2_{number}.png", number)
        picture(tmp_path / "masks" / f"gt{number:04}.png", 255 * (number > 5))
    (tmp_path / "masks" / ".hidden").touch()
    pairs = list(MaskFolder(tmp_path / "images", tmp_path / "masks", "L"))
    assert [int(image[0, 0, 0]) for image, _ in pairs] == [1, 9, 10]
    assert [int(mask[0, 0]) for _, mask in pairs] == [0, 1, 1]
    for image, mask in pairs:
        assert (image.shape, mask.shape) == ((1, 2, 3), (2, 3))
        assert image.dtype == mask.dtype == torch.uint8


def test_color(tmp_path: Path):
    Image.fromarray(np.array([[[1, 2, 3]]], np.uint8)).save(tmp_path / "1.png")
    (image, mask), *_ = MaskFolder(tmp_path, tmp_path)
    assert image.flatten().tolist() == [1, 2, 3]
    assert mask.tolist() == [[1]]


@pytest.mark.parametrize(
    ("images", "masks", "says"),
    [
        (["1.png", "2.png"], ["1.png"], "number 2 is in only one of"),
        (["1.png"], ["1.png", "3.png"], "number 3 is in only one of"),
        (["1.png", "a.png"], ["1.png"], "a.png: its name has no number"),
        (["in01.png", "in1.png"], ["1.png"], "in1.png and in01.png have the same number"),
    ],
)
def test_mismatched_files(tmp_path: Path, images: list[str], masks: list[str], says: str):
    for folder, names in (("images", images), ("masks", masks)):
        for name in names:
            picture(tmp_path / folder / name, 0)
    with pytest.raises(DataError, match=says):
        MaskFolder(tmp_path / "images", tmp_path / "masks")


def test_an_empty_folder(tmp_path: Path):
    with pytest.raises(DataError, match="it contains no images"):
        MaskFolder(tmp_path, tmp_path)


def test_an_image_and_a_mask_of_different_sizes(tmp_path: Path):
    picture(tmp_path / "images" / "1.png", 0)
    picture(tmp_path / "masks" / "1.png", 0, (2, 3))
    with pytest.raises(DataError, match=r"masks.1\.png: it has 2×3 pixels, not 3×2"):
        MaskFolder(tmp_path / "images", tmp_path / "masks")[0]


def test_the_published_sets():
    data_file("carvana"), data_file("isbi2012_membrane")
    for load, count, shape in ((load_carvana, 10, (3, 640, 959)), (load_isbi, 30, (1, 512, 512))):
        pairs = load(DATA)
        image, mask = pairs[count - 1]
        assert len(pairs) == count
        assert image.shape == shape
        assert mask.shape == shape[1:]
        assert mask.unique().tolist() == [0, 1]
