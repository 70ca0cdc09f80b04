"""Find the inputs of a comparison, and their true classes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.checkpoints.reading import said
from frformat.errors import ReportError
from frformat.parity.fields import ELEMENTS
from frformat.parity.measure import Classes
from frformat.parity.npy import read_input

EXTENSIONS: Final = (".npy", ".png", ".jpg", ".jpeg")

NUMBER: Final = re.compile(r"0*([0-9]+)(?=[^0-9]*$)")
"""The last number in a name."""

LIGHT: Final = 128
"""Gray value from which pixels of a JPEG mask belong to class 1: compression makes black pixels slightly lighter."""


@dataclass(frozen=True)
class Input:
    """A file with an input, and optionally one with the true output.

    Attributes:
        name: its name without extension.
        path: ``.npy``, in the model's input format; or a picture, which becomes RGB in 0 … 1.
        truth: ``.npy``, integers: the class at each position; or a picture. In a PNG picture, all pixels that are not
            black belong to class 1; in a JPEG picture, all light ones.
    """

    name: str
    path: str
    truth: str | None

    def values(self) -> NDArray[Any]:
        """Return the model's input tensor."""
        if self.path.endswith(".npy"):
            return read_input(self.path)
        from frformat.parity import pictures

        return pictures.tensor_of(pictures.read_pixels(self.path, "RGB"))

    def classes(self, shape: tuple[int, ...]) -> Classes | None:
        """Return the true class at each position of a map of ``shape``; None if it is not known."""
        if self.truth is None:
            return None
        found = _integers(self.truth) if self.truth.endswith(".npy") else _mask(self.truth)
        if found.size != np.prod(shape):
            raise ReportError(
                f"{self.truth}: it has shape {list(found.shape)}, but the output is a map of {list(shape)}"
            )
        return found.reshape(shape)


def find_inputs(folder: str, truth: str | None = None) -> list[Input]:
    """Return the inputs in a folder, in ascending order of their names.

    Args:
        folder: folder with ``.npy`` files, pictures, or both.
        truth: a folder with one file for each input. Files belong together if what differs between the names of a
            folder is the same in both folders (``car1.jpg`` and ``car1_mask.png``), or if the last numbers in their
            names are equal; if neither identifies all files, they belong together in ascending order.

    Raises:
        ReportError: a folder is a file, there are no inputs, two have the same name, or the number of true outputs
            differs.
        OSError: a folder cannot be read.
    """
    files = list(_files(folder))
    truths: Sequence[str | None] = list(_files(truth)) if truth else [None] * len(files)
    if not files:
        raise ReportError(f"{folder}: there are no .npy files or pictures")
    if len(truths) != len(files):
        raise ReportError(f"{truth}: {len(truths)} files for {len(files)} inputs; each input needs one")
    inputs = [
        Input(os.path.splitext(os.path.basename(path))[0], path, about)
        for path, about in zip(files, _paired(files, truths), strict=True)
    ]
    if len({entry.name for entry in inputs}) < len(inputs):
        raise ReportError(f"{folder}: two inputs have the same name except for the extension")
    return inputs


def _paired(files: Sequence[str], truths: Sequence[str | None]) -> Sequence[str | None]:
    """Return the truths in the order of the files to which they belong."""
    named = [path for path in truths if path is not None]
    for key in (_differing, _numbers):
        own, others = key(files), dict(zip(key(named), named, strict=True))
        if len(others) == len(named) and set(own) == others.keys():
            return [others[each] for each in own]
    return truths


def _differing(paths: Sequence[str]) -> list[str]:
    """Return the names without extensions, and without what they all begin or end with."""
    names = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    beginning = _shared(names)
    names = [name[beginning:] for name in names]
    ending = _shared([name[::-1] for name in names])
    return [name[: len(name) - ending] for name in names]


def _shared(names: Sequence[str]) -> int:
    """Return the number of letters with which all names begin."""
    least, most = min(names, default=""), max(names, default="")
    return next((place for place, letter in enumerate(least) if letter != most[place]), len(least))


def _numbers(paths: Sequence[str]) -> list[str]:
    """Return the last number in each name, without leading zeros; the names where there is none."""
    stems = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    return [match[1] if (match := NUMBER.search(stem)) else stem for stem in stems]


def _files(folder: str) -> Iterator[str]:
    if os.path.isfile(folder):
        raise ReportError(f"{folder}: it is a file; pass a folder of .npy files or pictures")
    for name in sorted(os.listdir(folder)):
        if name.lower().endswith(EXTENSIONS) and not name.startswith("."):
            yield os.path.join(folder, name)


def _mask(path: str) -> Classes:
    from frformat.parity.pictures import read_pixels

    least = 1 if path.lower().endswith(".png") else LIGHT
    return (read_pixels(path, "L") >= least).astype(np.int64)


def _integers(path: str) -> NDArray[np.integer[Any]]:
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)  # mapped, so that missing data takes no memory
    except OSError:
        raise
    except Exception as error:  # NumPy can raise anything for an invalid header
        raise ReportError(f"{path}: not a NumPy file: {said(error)}") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "iu" or found.size > ELEMENTS:
        raise ReportError(f"{path}: it does not contain integers")
    return np.array(found)
