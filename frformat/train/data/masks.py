"""Images and the classes of their pixels: two folders, with files that are matched by the number in their names."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset

from frformat.train.data import pictures
from frformat.train.data.errors import DataError
from frformat.train.data.locate import locate

CARVANA_ORIGIN: Final = (
    "Put images/inNNNN.png and masks/gtNNNN.png there, for example the ten of "
    "https://github.com/guanfangdong/pytorch-frequency-regularization."
)
ISBI_ORIGIN: Final = "Put train/image/N.png and train/label/N.png there; see https://github.com/zhixuhao/unet."
NUMBER: Final = re.compile(r"[0-9]{1,18}(?=[^0-9]*$)")
"""The last number in a name."""


class MaskFolder(Dataset[tuple[Tensor, Tensor]]):
    """Images with one mask each, in the order of their numbers, read on request.

    An item is an image, uint8 (1 or 3, height, width), and its mask, uint8 (height, width): 1 where the mask's file is
    not black, else 0.

    Args:
        images: the folder of images, such as ``in0003.png`` or ``3.png``.
        masks: the folder of masks, such as ``gt0003.png`` or ``3.png``.
        mode: whether to read the images in gray or in color.

    Raises:
        DataError: a name has no number, a number occurs twice, or an image or a mask has no counterpart. Accessing an
            item also raises this error, if a file is damaged or the image and its mask differ in size.
    """

    def __init__(
        self, images: str | os.PathLike[str], masks: str | os.PathLike[str], mode: Literal["L", "RGB"] = "RGB"
    ) -> None:
        self.mode: Literal["L", "RGB"] = mode
        numbered_images, numbered_masks = _numbered(Path(images)), _numbered(Path(masks))
        alone = sorted(numbered_images.keys() ^ numbered_masks.keys())
        if alone:
            raise DataError(f"number {alone[0]} is in only one of {images} and {masks}")
        self.pairs = [(numbered_images[number], numbered_masks[number]) for number in sorted(numbered_images)]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image_path, mask_path = self.pairs[index]
        image = pictures.read(image_path, self.mode, name=str(image_path))
        mask = pictures.read(mask_path, "L", name=str(mask_path), size=(image.shape[1], image.shape[2]))
        return image, (mask[0] > 0).to(torch.uint8)


def load_carvana(folder: str | os.PathLike[str] | None = None) -> MaskFolder:
    """Return color photographs of cars in a studio; class 1 is the car.

    Args:
        folder: the folder that contains ``carvana/``; see :func:`frformat.train.data.locate.locate`.

    Raises:
        MissingDataError: the data set is missing.
        DataError: images and masks do not match.
    """
    found = locate("carvana", ["images", "masks"], origin=CARVANA_ORIGIN, folder=folder)
    return MaskFolder(found / "images", found / "masks")


def load_isbi(folder: str | os.PathLike[str] | None = None) -> MaskFolder:
    """Return the 30 labeled gray sections of a fly's nervous system from ISBI 2012; class 0 is the membrane.

    Args:
        folder: the folder that contains ``isbi2012_membrane/``.

    Raises:
        MissingDataError, DataError: see :func:`load_carvana`.
    """
    found = locate("isbi2012_membrane", ["train/image", "train/label"], origin=ISBI_ORIGIN, folder=folder)
    return MaskFolder(found / "train" / "image", found / "train" / "label", "L")


def _numbered(folder: Path) -> dict[int, Path]:
    """Return the files of a folder by number, ignoring hidden ones."""
    files: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        match = NUMBER.search(path.stem)
        if match is None:
            raise DataError(f"{path}: its name has no number by which to match images and masks")
        other = files.setdefault(int(match[0]), path)
        if other != path:
            raise DataError(f"{path} and {other.name} have the same number")
    if not files:
        raise DataError(f"{folder}: it contains no images")
    return files
