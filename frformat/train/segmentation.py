"""Base class of recipes whose model assigns each pixel to one of two classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from frformat.train.classification import check_labels, distilled
from frformat.train.data import UNIT_PIXELS, Pixels
from frformat.train.draws import Draws
from frformat.train.group import ProcessGroup
from frformat.train.pictures import Picture, tiled
from frformat.train.recipe import Batch, Loss, Recipe, mean

SHOWN: Final = 2
"""Number of images in the picture."""


class Segmentation(Recipe):
    """Samples are images, uint8 (n, channels, height, width), and classes of pixels, uint8 (n, height, width).

    Training uses square crops at random positions, mirrored and rotated at random.

    Attributes:
        crop: height and width of a crop.
        pixels: how images are normalized for the model.
    """

    metric = "dice"
    distills = True
    crop: ClassVar[int]
    pixels: ClassVar[Pixels] = UNIT_PIXELS

    def inputs(self, samples: Batch) -> Tensor:
        """Return the normalized images."""
        return self.pixels(samples[0])

    def prepare(self, samples: Batch, draws: Draws) -> Batch:
        """Return a random crop of each sample."""
        images, masks = samples
        return random_crops(images, masks[:, None], self.crop, draws.uniform(5))

    def losses(self) -> Mapping[str, Loss]:
        """Return one loss: the cross-entropy of all pixels plus 1 − Dice."""
        return {"": self.loss}

    def loss(self, model: nn.Module, batch: Batch, draws: Draws) -> Tensor:
        """See :meth:`losses`."""
        images, masks = self.inputs(batch), batch[1][:, 0].long()
        logits = model(images)
        self._check(logits, masks, draws)
        overlap = dice(logits.softmax(1)[:, 1], masks.to(logits.dtype))
        return distilled(self, logits, images, masks) + (1 - overlap).mean()

    def _check(self, logits: Tensor, masks: Tensor, draws: Draws | None = None) -> None:
        """Check that there are two classes; see :func:`frformat.train.classification.check_labels`."""
        check_labels(self, logits, masks, draws)
        if logits.shape[1] != 2:
            raise ValueError(f"the model of recipe {self.name} has {logits.shape[1]} outputs per pixel, not 2")

    def evaluate(self, model: nn.Module, samples: TensorDataset, group: ProcessGroup) -> dict[str, float]:
        """Return the mean Dice of class 1 and the share of correct pixels, on whole images one by one."""

        def score(batch: Batch) -> Mapping[str, Tensor]:
            logits, masks = model(self.inputs(batch)), batch[1]
            self._check(logits, masks)
            classes = logits.argmax(1)
            return {
                "dice": dice(classes.double(), masks.double()),
                "accuracy": (classes == masks).double().mean((1, 2)),
            }

        return mean(samples, 1, group, score)

    def picture(self, model: nn.Module, samples: TensorDataset) -> Picture:
        """Return a picture that shows images, each with its mask and the model's result."""
        device = next(model.parameters()).device
        shown = []
        for image, mask in zip(*(tensor[:SHOWN] for tensor in samples.tensors), strict=True):
            found = model(self.inputs((image[None].to(device), mask[None]))).argmax(1).cpu()
            shown += [UNIT_PIXELS(image), mask.expand_as(image), found.expand_as(image)]
        return tiled(torch.stack(shown), 3)


def dice(first: Tensor, second: Tensor) -> Tensor:
    """Return the Dice coefficient 2|A∩B| / (|A|+|B|) of each pair of masks (n, height, width); 1 if both are empty."""
    shared, both = (first * second).sum((1, 2)), (first + second).sum((1, 2))
    return torch.where(both > 0, 2 * shared / both.clamp(min=1e-7), torch.ones_like(both))


def random_crops(images: Tensor, masks: Tensor, size: int, chance: Tensor) -> Batch:
    """Cut squares at random positions, mirrored and rotated by quarter turns.

    Args:
        images: (n, channels, height, width).
        masks: (n, 1, height, width).
        size: side of a square, in pixels.
        chance: (n, 5), random numbers from 0 to 1, for the position (2), mirroring (2) and transposing.

    Raises:
        ValueError: images are smaller than the squares.
    """
    height, width = images.shape[2:]
    if min(height, width) < size:
        raise ValueError(f"images of {height}×{width} pixels are smaller than crops of {size}×{size}")
    cut = []
    for image, mask, (down, right, *flips) in zip(images, masks, chance.tolist(), strict=True):
        y, x = int(down * (height - size + 1)), int(right * (width - size + 1))
        window = (slice(None), slice(y, y + size), slice(x, x + size))
        mirrored = [axis for axis, flip in zip((1, 2), flips, strict=False) if flip < 0.5]
        pair = [part[window].flip(mirrored) for part in (image, mask)]
        cut.append([part.transpose(1, 2) if flips[2] < 0.5 else part for part in pair])
    return tuple(torch.stack(parts) for parts in zip(*cut, strict=True))
