"""Checkpoints in other programs' formats, to be damaged."""

from __future__ import annotations

import json
import random
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import ml_dtypes
import numpy as np
import torch

from frformat import EncodeError, checkpoints, save
from frformat.checkpoints import Checkpoint, Entry
from frformat.dtypes import dtype_name
from tests.fuzz.kinds import Kind, saved
from tests.fuzz.mutations import damaged, damaged_member

LARGEST: Final = 1 << 24
"""Largest tensor to read, in bytes; larger ones are only listed."""


def checkpoint_kinds() -> dict[str, Kind]:
    """Return checkpoints of each kind. Legacy ones contain memory addresses, which differ each time."""
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
    legacy = saved(lambda file: torch.save(content, file, _use_new_zipfile_serialization=False))
    zipped = saved(lambda file: torch.save(content, file))
    plain = saved(lambda file: np.savez(file, **arrays))
    tensors = _safetensors(arrays | brains)
    return {
        "pt legacy": Kind(legacy, damaged, read),
        "pt zip": Kind(zipped, damaged, read),
        "pt member": Kind(zipped, damaged_member, read),
        "npz": Kind(plain, damaged, read),
        "npz deflated": Kind(saved(lambda file: np.savez_compressed(file, **arrays)), damaged, read),
        "npz member": Kind(plain, damaged_member, read),
        "safetensors": Kind(tensors, damaged, read),
        "safetensors header": Kind(tensors, _damaged_header, read),
    }


def read(path: Path) -> None:
    """Read a file as ``encode`` does."""
    with checkpoints.load(path) as checkpoint:
        for entry in checkpoint.entries.values():
            if entry.nbytes <= LARGEST:
                entry.array()
        if sum(entry.nbytes for entry in checkpoint.entries.values()) <= LARGEST:
            _encode(checkpoint)


def _encode(checkpoint: Checkpoint) -> None:
    """Save a checkpoint. Names and shapes that the format does not allow are refused with an error."""
    with suppress(EncodeError):
        save(checkpoint, aliases=checkpoint.aliases, metadata=checkpoint.metadata, compression="none")


def _safetensors(arrays: dict[str, np.ndarray]) -> bytes:
    entries = {
        name: Entry(dtype_name(array.dtype), array.shape, lambda array=array: array) for name, array in arrays.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.safetensors"
        checkpoints.save(Checkpoint(entries, metadata={"licence": "MIT"}), path)
        return path.read_bytes()


def _damaged_header(whole: bytes, random: random.Random) -> bytes:
    """Damage the header. Its length remains correct, and it usually remains JSON."""
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
