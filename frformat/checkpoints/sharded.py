"""Read a Hugging Face folder as one checkpoint: a single file, or all shards that an index names."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

from frformat.checkpoints.checkpoint import Checkpoint
from frformat.checkpoints.reading import said
from frformat.errors import EncodeError

WHOLE: Final = ("model.safetensors", "pytorch_model.bin")
INDEXES: Final = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
"""The files to look for in a folder, in order of preference."""

SHARD: Final = re.compile(r".+-\d{5}-of-(?P<count>\d{5})\.\w+")
"""Matches the names of shards, such as ``model-00001-of-00003.safetensors``."""

DISTRIBUTED: Final = ".metadata"
"""A file in every folder that ``torch.distributed.checkpoint`` has written."""

INDEX_BYTES: Final = 256 << 20
"""Largest index to read, in bytes: enough for ten million names."""

Load = Callable[[str], Checkpoint]


def is_index(path: str) -> bool:
    """Return whether a path points to an index of shards."""
    return path.endswith(".index.json")


def check_whole(path: str) -> None:
    """Check that a file is not one of several shards.

    Raises:
        EncodeError: it is, according to its name.
    """
    shard = SHARD.fullmatch(os.path.basename(path))
    if shard is None or int(shard["count"]) == 1:
        return
    folder = os.path.dirname(path)
    indexes = [name for name in os.listdir(folder or ".") if is_index(name)]
    instead = os.path.join(folder, indexes[0]) if len(indexes) == 1 else "the folder with all shards and their index"
    raise EncodeError(f"one of {int(shard['count']):,} shards, without the tensors of the others; use {instead}")


def load(path: str, load_file: Load) -> Checkpoint:
    """List the tensors of a folder, or of an index's shards.

    Args:
        path: path of the folder or the index.
        load_file: lists the tensors of one file.

    Raises:
        EncodeError: the folder contains no checkpoint, the index is invalid, or a tensor is missing from the shards.
    """
    if is_index(path):
        return _shards(path, load_file)
    there = set(os.listdir(path))
    found = [name for pair in zip(WHOLE, INDEXES, strict=True) for name in pair if name in there]
    if not found and DISTRIBUTED in there:
        raise EncodeError(
            "a folder of torch.distributed.checkpoint; convert it with `python -m torch.distributed.checkpoint."
            "format_utils dcp_to_torch FOLDER FILE.pt`"
        )
    if not found:
        raise EncodeError(f"the folder contains none of {', '.join((*WHOLE, *INDEXES))}")
    chosen = os.path.join(path, found[0])
    checkpoint = _shards(chosen, load_file) if is_index(chosen) else load_file(chosen)
    left = f", not {', '.join(found[1:])}" if found[1:] else ""
    checkpoint.notes.insert(0, f"read {found[0]} from the folder{left}")
    return checkpoint


def _shards(index: str, load_file: Load) -> Checkpoint:
    """Return the tensors of all shards in index order. The shards stay open."""
    where = _weight_map(index)
    folder = os.path.dirname(index)
    shards: dict[str, Checkpoint] = {}
    with ExitStack() as stack:
        for name in dict.fromkeys(where.values()):
            shards[name] = load_file(os.path.join(folder, name))
            stack.callback(shards[name].close)
        size = os.path.getsize(index) + sum(shard.size for shard in shards.values())
        merged = Checkpoint({}, size=size, close=stack.pop_all().close)
    try:
        for name, shard in where.items():
            found = shards[shard]
            if name not in found.entries and name not in found.aliases:
                raise EncodeError(f"{shard} lacks tensor {name!r}, although the index lists it")
        for shard, found in shards.items():
            extra = [name for name in (*found.entries, *found.aliases) if where.get(name) != shard]
            if extra:
                raise EncodeError(f"{shard} contains {extra[0]!r}, which the index does not list")
            merged.aliases.update(found.aliases)
            merged.metadata.update(found.metadata)
            merged.notes.extend(f"{shard}: {note}" for note in found.notes)
        for name, shard in where.items():
            if name in shards[shard].entries:
                merged.entries[name] = shards[shard].entries[name]
    except BaseException:
        merged.close()
        raise
    return merged


def _weight_map(index: str) -> dict[str, str]:
    """Return the name of each tensor's shard, a file next to the index."""
    if os.path.getsize(index) > INDEX_BYTES:
        raise EncodeError(f"the index has more than {INDEX_BYTES:,} bytes")
    try:
        with open(index, encoding="utf-8") as file:
            content: Any = json.load(file)
    except (ValueError, RecursionError) as error:
        raise EncodeError(f"the index is not JSON: {said(error)}") from error
    where = content.get("weight_map") if isinstance(content, dict) else None
    if not (isinstance(where, dict) and where and all(isinstance(name, str) for name in where.values())):
        raise EncodeError("the index has no weight_map that names the file of each tensor")
    for name in set(where.values()):
        if name in ("", ".", "..") or any(sign in name for sign in "/\\\0"):
            raise EncodeError(f"{name!r} is not a file next to the index")
    return where
