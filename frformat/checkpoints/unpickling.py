"""Read the content of a PyTorch file without running code from it."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch
from torch._weights_only_unpickler import Unpickler

from frformat.checkpoints import inert
from frformat.checkpoints.checksums import check_sums
from frformat.checkpoints.reading import said
from frformat.checkpoints.torch_tensors import PARTIAL
from frformat.errors import EncodeError
from frformat.wording import listed

ADVICE: Final = re.compile(
    r".*(?:Please file an issue with the following so that we can make|WeightsUnpickler error: )", re.DOTALL
)
"""The text that PyTorch puts before its reason for refusing a pickle."""

NAMED: Final = re.compile(r"GLOBAL (\S+) (?:was not an allowed|whose module)")
"""Finds the name of a class or function in PyTorch's message."""

SHARDED: Final = ("DTensor", "ShardedTensor")
"""Classes of tensors that are divided among processes."""

LONGEST: Final = 1000
"""Number of characters of PyTorch's message to search; names of classes and functions are shorter."""

SHOWN: Final = 5
"""Largest number of names of classes and functions to list in a note."""


def unpickled(path: str, *, trusted: bool) -> tuple[object, list[str]]:
    """Return the content of a file, with its tensors memory-mapped where the file allows it, and notes for the user.

    Args:
        path: the file.
        trusted: whether code that the file refers to may be run, as whole modules require.

    Raises:
        EncodeError: it cannot be read without running code, or contains TorchScript.
        Exception: whatever PyTorch or :mod:`zipfile` raises for a damaged file.
    """
    if zipfile.is_zipfile(path):
        check_sums(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for example, about the validation of sparse tensors
        try:
            if trusted:
                return _read(path, False), []
            content, replaced = inert.load(lambda: _read(path, True))
        except (pickle.UnpicklingError, RuntimeError) as error:
            if _is_sharded(path):
                raise EncodeError(f"contains sharded tensors, {PARTIAL}") from error
            if not isinstance(error, pickle.UnpicklingError):
                if "TorchScript" in str(error):
                    raise EncodeError("a TorchScript archive; save model.state_dict() with torch.save") from error
                raise EncodeError(f"truncated or damaged, according to PyTorch: {_reason(error)}") from error
            found = NAMED.search(str(error))
            if not found:
                raise EncodeError(f"truncated or damaged, or contains more than tensors: {_reason(error)}") from error
            advice = "code from a file is never run unless requested; save model.state_dict() instead"
            raise EncodeError(f"loading it requires the code of {found[1]}, but {advice}") from error
    notes = [f"read without running the code that it refers to: {listed(replaced, SHOWN)}"] if replaced else []
    return content, notes


def _is_sharded(path: str) -> bool:
    """Return whether a file refers to tensors that are divided among processes."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # the file can be damaged in any way
        return False
    return any(name.rpartition(".")[2] in SHARDED for name in names)


def _read(path: str, safely: bool) -> object:
    with _short_reasons():
        return torch.load(path, map_location="cpu", weights_only=safely, mmap=zipfile.is_zipfile(path))


@contextmanager
def _short_reasons() -> Iterator[None]:
    """Shorten the error messages of PyTorch's weights-only reader.

    A message can contain a name from the file, and PyTorch searches messages in quadratic time: 0.7 s for a name of
    5 kB, hours for one of 1 MB.
    """
    load = Unpickler.load

    def short(self: Unpickler) -> object:
        try:
            return load(self)  # type: ignore[no-untyped-call]
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(str(error)[:LONGEST]) from None

    Unpickler.load = short  # type: ignore[method-assign]
    try:
        yield
    finally:
        Unpickler.load = load  # type: ignore[method-assign]


def _reason(error: Exception) -> str:
    """Return PyTorch's message without its advice to run code from the file."""
    text = str(error)
    advice = ADVICE.match(text)
    return said(error, text[advice.end() if advice else 0 :].strip().partition("\n")[0])
