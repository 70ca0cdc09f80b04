"""Damaged checkpoints: whatever is in them, reading one ends in tensors or in one typed error that names the file."""

from __future__ import annotations

import io
import json
import os
import random
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import ml_dtypes
import numpy as np
import torch

from frformat import EncodeError, FrzError, checkpoints, save
from frformat.checkpoints import Checkpoint, Entry
from frformat.dtypes import dtype_name
from tests.fuzz.mutations import damaged, damaged_member

LARGEST: Final = 1 << 24
"""Tensors of more bytes are listed, but not read."""

Mutate = Callable[[bytes, random.Random], bytes]


@cache
def wholes() -> dict[str, tuple[bytes, Mutate]]:
    """Whole files of each kind, and how they are damaged. Legacy ones have addresses in them, other ones each time."""
    rng = np.random.default_rng(0)
    arrays = {
        "conv.weight": rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "conv.bias": np.zeros(4, np.float16),
        "steps": np.array(7),
        "mask": np.array([True, False]),
        "empty": np.zeros((0, 3)),
    }
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    state |= {"brain": torch.ones(3, dtype=torch.bfloat16), "tied": state["conv.bias"], "turned": torch.ones(2, 3).T}
    indices = torch.tensor([[0, 0, 1], [0, 1, 0]])
    state["spectrum"] = torch.sparse_coo_tensor(indices, torch.ones(3), (50, 40), check_invariants=True)
    content = {"epoch": 3, "model": state, "optimizer": {"state": {0: {"m": torch.ones(2)}}, "param_groups": [{}]}}
    brains = {"brain": np.ones(3, ml_dtypes.bfloat16), "f8": np.ones(3, ml_dtypes.float8_e4m3fn)}
    return {
        "pt legacy": (_saved(lambda file: torch.save(content, file, _use_new_zipfile_serialization=False)), damaged),
        "pt zip": (_saved(lambda file: torch.save(content, file)), damaged),
        "pt member": (_saved(lambda file: torch.save(content, file)), damaged_member),
        "npz": (_saved(lambda file: np.savez(file, **arrays)), damaged),
        "npz deflated": (_saved(lambda file: np.savez_compressed(file, **arrays)), damaged),
        "npz member": (_saved(lambda file: np.savez(file, **arrays)), damaged_member),
        "safetensors": (_safetensors(arrays | brains), damaged),
        "safetensors header": (_safetensors(arrays | brains), _damaged_header),
    }


Found = Callable[[str, int, Exception], None]


def run(folder: Path, counts: dict[str, int], seed: int, found: Found) -> Counter[str]:
    """Read damaged files of each kind.

    Args:
        folder: where files are written.
        counts: how many of each kind.
        seed: of the damage; file number n of a kind is made from the kind, the seed and n alone.
        found: told of everything that is no typed error: kind, number and error.

    Returns:
        How often reading ended in what.
    """
    outcomes: Counter[str] = Counter()
    path = folder / "damaged"
    for kind, (whole, mutate) in wholes().items():
        for number in range(counts.get(kind, 0)):
            path.write_bytes(made(whole, mutate, kind, seed, number))
            try:
                outcomes[f"{kind}: {read(path)}"] += 1
            except Exception as error:
                outcomes[f"{kind}: DEFECT"] += 1
                found(kind, number, error)
    return outcomes


def made(whole: bytes, mutate: Mutate, kind: str, seed: int, number: int) -> bytes:
    """A damaged file."""
    return mutate(whole, random.Random(f"{kind} {seed} {number}"))


def read(path: Path) -> str:
    """Read a file as ``encode`` does; what it ended in. Raises what is no typed error, or names no file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with checkpoints.load(path) as checkpoint:
                for entry in checkpoint.entries.values():
                    if entry.nbytes <= LARGEST:
                        entry.array()
                if sum(entry.nbytes for entry in checkpoint.entries.values()) <= LARGEST:
                    _encode(checkpoint)
    except (EncodeError, FrzError, OSError) as error:
        told = str(error)
        if os.fspath(path) not in told or "\n" in told or len(told) > 1000:
            raise AssertionError(f"does not name the file in one line: {told!r}") from error
        return type(error).__name__
    return "read"


def _encode(checkpoint: Checkpoint) -> None:
    """Names and shapes that the format does not allow are refused, naming the tensor."""
    with suppress(EncodeError):
        save(checkpoint, aliases=checkpoint.aliases, metadata=checkpoint.metadata, compression="none")


def _saved(write: Callable[[io.BytesIO], None]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def _safetensors(arrays: dict[str, np.ndarray]) -> bytes:
    entries = {
        name: Entry(dtype_name(array.dtype), array.shape, lambda array=array: array) for name, array in arrays.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.safetensors"
        checkpoints.save(Checkpoint(entries, metadata={"licence": "MIT"}), path)
        return path.read_bytes()


def _damaged_header(whole: bytes, random: random.Random) -> bytes:
    """Its length is right, and mostly it is JSON still."""
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    name = random.choice(list(header))
    values = [None, -1, 0, 1.5, 2**31, 2**63, 2**64, 10**4000, "", "F32", "F4", [], [0, 2**63], [1] * 70, {}, True]
    if random.random() < 0.7 and isinstance(header[name], dict) and header[name]:
        header[name][random.choice([*header[name], "more"])] = random.choice(values)
    else:
        header[name] = random.choice(values)
    packed = json.dumps(header).encode()
    if random.random() < 0.3:
        packed = damaged(packed, random)
    return len(packed).to_bytes(8, "little") + packed + whole[8 + size :]
