"""The UNet of the Frequency Regularization authors, on cars and on cell membranes."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import TensorDataset

from frformat.train.data import DataError, MaskFolder, load_carvana, load_isbi
from frformat.train.models import UNet
from frformat.train.recipe import Data, StrPath
from frformat.train.segmentation import Segmentation
from frformat.train.settings import Settings


class UNetOnCarvana(Segmentation):
    """Trains 33 coefficients for each of 23 tensors instead of 31 million weights.

    Attributes:
        width: number of channels of the network at full resolution.
        images: returns all images and masks, given the folder of data sets.
        tested: number of images at the end of the data set that are used for tests.
        passes: number of passes over the other images in an epoch, each with different crops.
        channels: number of channels of an image.
    """

    name = "unet-carvana"
    summary = "the 31 M UNet on cars: 759 of 31,024,960 parameters"
    defaults = Settings(epochs=40, batch=8, lr=0.05, warmup=0.1, keep=33)
    crop = 256
    width = 64
    images = staticmethod(load_carvana)
    tested = 2
    passes = 20
    channels = 3

    def data(self, folder: StrPath | None) -> Data:
        """Return the images and masks; the last ones are for testing."""
        return split(self.images(folder), self.tested, self.passes)

    def model(self) -> nn.Module:
        """Return the UNet."""
        return UNet(channels=self.channels, width=self.width)


class UNetOnIsbi(UNetOnCarvana):
    """Segments the membranes between cells, in images with more detail than those of Carvana."""

    name = "unet-isbi"
    summary = "the 31 M UNet on cell membranes (ISBI 2012): 2,944 parameters"
    defaults = Settings(epochs=40, batch=4, lr=0.05, warmup=0.1, keep=128)
    images = staticmethod(load_isbi)
    tested = 6
    passes = 5
    channels = 1


def split(folder: MaskFolder, tested: int, passes: int) -> Data:
    """Load a folder into memory. The last ``tested`` images are for testing; an epoch is several passes over the rest.

    Raises:
        DataError: there are too few images, or they differ in size.
    """
    if len(folder) <= tested:
        raise DataError(
            f"{len(folder)} images with masks, of which {tested} are for tests, so none is left for training"
        )
    images, masks = zip(*(folder[index] for index in range(len(folder))), strict=True)
    sizes = sorted({tuple(image.shape) for image in images})
    if len(sizes) > 1:
        raise DataError(f"images differ in size: {list(sizes[0])} and {list(sizes[-1])}")
    pictures, classes = torch.stack(images), torch.stack(masks)
    train, test = ((pictures[part], classes[part]) for part in (slice(None, -tested), slice(-tested, None)))
    return Data(TensorDataset(*train), TensorDataset(*test), passes=passes)
