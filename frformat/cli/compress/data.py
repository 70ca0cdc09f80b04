"""Read inputs for calibration and measuring from pictures or arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from torch import Tensor, nn

from frformat.checkpoints.reading import reported
from frformat.errors import EncodeError
from frformat.train.data import pixels as kinds
from frformat.train.data.errors import DataError
from frformat.train.data.pixels import Pixels
from frformat.wording import count

EXTENSIONS: Final = (".png", ".jpg", ".jpeg")

PIXELS: Final[dict[str, tuple[str, Pixels]]] = {
    "unit": ("RGB", kinds.UNIT_PIXELS),
    "grey": ("L", kinds.UNIT_PIXELS),
    "imagenet": ("RGB", kinds.IMAGENET_PIXELS),
    "mnist": ("L", kinds.MNIST_PIXELS),
}
"""Pillow's mode and the normalization, by name on the command line."""


@dataclass(frozen=True)
class Inputs:
    """Inputs of a model.

    Attributes:
        values: floats in the model's input format, or pixels as bytes.
        labels: their classes, or None.
        pixels: normalization of bytes, or None.
    """

    values: Tensor
    labels: Tensor | None
    pixels: Pixels | None = None

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def read(cls, path: str, pixels: str) -> Inputs:
        """Read all inputs of a folder or an ``.npz`` file.

        Args:
            path: the folder, or the file.
            pixels: a key of :data:`PIXELS`, for pictures.

        Raises:
            EncodeError: there are no inputs, or they are inconsistent.
            OSError: the folder or the file cannot be read.
        """
        return _pictures(path, *PIXELS[pixels]) if os.path.isdir(path) else _arrays(path)

    def split(self, count: int, seed: int) -> tuple[Inputs, Inputs]:
        """Choose ``count`` inputs at random; return them and the rest. Of ``seed``, the lowest 64 bits count."""
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed & ((1 << 64) - 1)))
        return self._some(order[:count]), self._some(order[count:])

    def batches(self, size: int, *, mirror: bool = False) -> list[Tensor]:
        """Return batches in the model's input format; with ``mirror``, also reversed along the last axis."""
        found = [part for part, _ in self._parts(size)]
        return found + [part.flip(-1) for part in found] if mirror else found

    def accuracy(self, size: int) -> Callable[[nn.Module], float]:
        """Return a function that measures a model's accuracy on these inputs, in percent."""

        def accuracy(model: nn.Module) -> float:
            right = 0
            for part, labels in self._parts(size):
                logits = model(part)
                if not isinstance(logits, Tensor) or logits.dim() != 2 or len(logits) != len(part):
                    raise EncodeError("accuracy needs a model that returns one row of logits per input")
                wrong = labels[(labels < 0) | (labels >= logits.shape[1])]
                if len(wrong):
                    raise EncodeError(
                        f"{int(wrong[0])} is not a class of the model, which returns {logits.shape[1]} logits; classes "
                        "are numbered from 0"
                    )
                right += int((logits.argmax(1) == labels).sum())
            return 100 * right / len(self)

        return accuracy

    def _some(self, which: Tensor) -> Inputs:
        return Inputs(self.values[which], None if self.labels is None else self.labels[which], self.pixels)

    def _parts(self, size: int) -> Iterator[tuple[Tensor, Any]]:
        for start in range(0, len(self), size):
            part = self.values[start : start + size]
            labels = None if self.labels is None else self.labels[start : start + size]
            yield (part if self.pixels is None else self.pixels(part)), labels


def _arrays(path: str) -> Inputs:
    with reported(path), open(path, "rb") as stream:
        if stream.read(2) != b"PK":  # NumPy takes most other files for a pickle, and advises to trust it
            raise EncodeError("neither a folder nor an .npz file; numpy.savez(path, x=inputs) writes one")
        stream.seek(0)
        loaded: NpzFile = np.load(stream, allow_pickle=False)
        with loaded as file:
            found: dict[str, NDArray[Any]] = {name: file[name] for name in ("x", "y") if name in file}
            names = ", ".join(file)
    if "x" not in found:
        raise EncodeError(f"{path}: it contains no array x, the model's inputs, but {names or 'nothing'}")
    if found["x"].ndim < 1 or not len(found["x"]):
        raise EncodeError(f"{path}: x, of shape {list(found['x'].shape)}, contains no inputs")
    x, y = found["x"], found.get("y")
    if x.dtype.kind not in "fiu":
        raise EncodeError(f"{path}: x is of type {x.dtype}, which is not numeric")
    if y is not None and (y.shape != (len(x),) or y.dtype.kind not in "iu"):
        raise EncodeError(
            f"{path}: y has type {y.dtype} and shape {list(y.shape)}; it must have one integer for each of "
            f"{count(len(x), 'input')}"
        )
    values = torch.from_numpy(x.astype(np.float32) if x.dtype.kind == "f" else x.astype(np.int64))
    return Inputs(values, None if y is None else torch.from_numpy(y.astype(np.int64)))


def _pictures(folder: str, mode: Any, numbers: Pixels) -> Inputs:
    from frformat.train.data import pictures

    classes = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and _is_shown(entry.name))
    found: list[tuple[str, int]] = []
    for number, name in enumerate(classes or [""]):
        files = sorted(filter(_is_shown, os.listdir(os.path.join(folder, name))))
        found += [(os.path.join(folder, name, each), number) for each in files if each.lower().endswith(EXTENSIONS)]
    if not found:
        raise EncodeError(f"{folder}: it contains no pictures ({', '.join(EXTENSIONS)})")
    try:
        images = [pictures.read(path, mode, name=path) for path, _ in found]
    except DataError as error:
        raise EncodeError(str(error)) from error
    odd = next((place for place, image in enumerate(images) if image.shape != images[0].shape), None)
    if odd is not None:
        sizes = ["×".join(map(str, images[place].shape[:0:-1])) for place in (0, odd)]
        raise EncodeError(
            f"{found[odd][0]}: it has {sizes[1]} pixels, but others have {sizes[0]}; all must have the same size"
        )
    labels = torch.tensor([label for _, label in found]) if classes else None
    return Inputs(torch.stack(images), labels, numbers)


def _is_shown(name: str) -> bool:
    """Return whether a file or folder is the user's own, not one that a program keeps there, such as a cache."""
    return not name.startswith((".", "__"))
