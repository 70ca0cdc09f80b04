"""What a PyTorch file holds, whatever it takes to find out without running code from it."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from typing import Final

import torch

from frformat.checkpoints import inert
from frformat.checkpoints.reading import said
from frformat.errors import EncodeError

ADVICE: Final = re.compile(
    r".*(?:Please file an issue with the following so that we can make|WeightsUnpickler error: )", re.DOTALL
)
"""What PyTorch puts before the reason for which it refuses a pickle."""

NAMED: Final = re.compile(r"GLOBAL (\S+) (?:was not an allowed|whose module)")
"""A name of code in what PyTorch says."""

SHOWN: Final = 5
"""At most so many names of code are told."""


def unpickled(path: str, *, trusted: bool) -> tuple[object, list[str]]:
    """The content of a file, its tensors mapped where the file allows it, and what a user should know of it.

    Args:
        path: the file.
        trusted: whether code that the file names may be run, as for a whole module.

    Raises:
        EncodeError: it cannot be read without running code, or holds TorchScript.
        Exception: whatever PyTorch raises for a damaged file.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that sparse tensors are validated, and the like
        try:
            if trusted:
                return _read(path, False), []
            content, replaced = inert.load(lambda: _read(path, True))
        except pickle.UnpicklingError as error:
            found = NAMED.search(str(error))
            if not found:
                raise EncodeError(f"cut or damaged, or holds more than tensors: {_reason(error)}") from error
            advice = "no code from a file is run unasked; save model.state_dict() instead"
            raise EncodeError(f"needs code of {found[1]} to be loaded, and {advice}") from error
        except RuntimeError as error:
            if "TorchScript" in str(error):
                raise EncodeError("a TorchScript archive; save model.state_dict() with torch.save") from error
            raise EncodeError(f"cut or damaged, says PyTorch: {_reason(error)}") from error
    more = f" and {len(replaced) - SHOWN} more" if len(replaced) > SHOWN else ""
    notes = [f"read without the code that it names: {', '.join(replaced[:SHOWN])}{more}"] if replaced else []
    return content, notes


def _read(path: str, safely: bool) -> object:
    return torch.load(path, map_location="cpu", weights_only=safely, mmap=zipfile.is_zipfile(path))


def _reason(error: Exception) -> str:
    """What PyTorch says, without its advice to run code from the file."""
    return said(error, ADVICE.sub("", str(error)).strip().partition("\n")[0])
