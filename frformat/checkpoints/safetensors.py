"""The safetensors format: a JSON header, then the tensors' bytes.

The ``safetensors`` package is not used: its NumPy interface does not support 8-bit floats, copies every tensor it
reads, and can write tensors only if all of them are in memory at the same time. This module checks the header as
strictly as that package does.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import partial
from typing import Any, Final

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from frformat.checkpoints.checkpoint import Checkpoint, Entry
from frformat.checkpoints.reading import said
from frformat.dtypes import DTYPES
from frformat.errors import EncodeError
from frformat.format import coders
from frformat.format.atomic import replacing
from frformat.spectral.zigzag import element_count
from frformat.wording import count

NAMES: Final = {
    "BOOL": "bool",
    "U8": "u8",
    "I8": "i8",
    "U16": "u16",
    "I16": "i16",
    "U32": "u32",
    "I32": "i32",
    "U64": "u64",
    "I64": "i64",
    "F16": "f16",
    "BF16": "bf16",
    "F32": "f32",
    "F64": "f64",
    "C64": "c64",
    "F8_E4M3": "f8_e4m3",
    "F8_E5M2": "f8_e5m2",
    "F8_E8M0": "f8_e8m0",
}
"""The format's element types by their names in safetensors files."""

F4: Final = "F4"
"""Two 4-bit floats (E2M1) per byte, the first in the low bits."""

WIDENED: Final = {
    F4: ("f8_e4m3", np.dtype(ml_dtypes.float4_e2m1fn)),
    "F8_E4M3FNUZ": ("f16", np.dtype(ml_dtypes.float8_e4m3fnuz)),
    "F8_E5M2FNUZ": ("f16", np.dtype(ml_dtypes.float8_e5m2fnuz)),
}
"""Element types that ``.frz`` lacks: for each, the type that it is read as, without loss, and its NumPy type."""

HEADER_BYTES: Final = 100_000_000
"""Size in bytes of the largest header that the safetensors package accepts."""

METADATA: Final = "__metadata__"


def load(path: str) -> Checkpoint:
    """List the tensors of a file. Each is mapped into memory on request."""
    try:
        header, start, size = _header(path)
        metadata = _metadata(header.pop(METADATA, None))
        entries = {}
        end = 0
        for name, (dtype, shape, begin, stop) in sorted(
            ((name, _described(name, fields)) for name, fields in header.items()), key=lambda item: item[1][2:]
        ):
            if begin != end or 8 * (stop - begin) != element_count(shape) * _bits(dtype):
                raise EncodeError(
                    f"tensor {name!r}: bytes {begin} to {stop} do not match {dtype} {list(shape)} at offset {end}"
                )
            if dtype in WIDENED:
                entries[name] = Entry(WIDENED[dtype][0], shape, partial(_widened, path, start + begin, dtype, shape))
            else:
                entries[name] = Entry(dtype, shape, partial(_read, path, start + begin, dtype, shape))
            end = stop
        if start + end != size:
            raise EncodeError(f"it should have {start + end} bytes but has {size}: it is truncated or damaged")
    except EncodeError as error:
        raise EncodeError(f"not a valid safetensors file: {error}") from error
    ties = {name: target for name, target in metadata.items() if name in entries}
    found = Checkpoint(entries, notes=_notes([fields["dtype"] for fields in header.values()])).tied(ties)
    return replace(found, metadata={key: text for key, text in metadata.items() if key not in found.aliases})


def save(checkpoint: Checkpoint, path: str) -> list[str]:
    """Write a file, one tensor at a time. Tied weights are written under each of their names.

    The metadata says which names are tied, as in files from the safetensors package: it maps a name to another.
    """
    names = {dtype: name for name, dtype in NAMES.items()}
    metadata = checkpoint.aliases | checkpoint.metadata
    header: dict[str, Any] = {METADATA: metadata} if metadata else {}
    entries = checkpoint.untied()
    # As in the safetensors package, the widest elements come first, so every tensor is aligned to its element size.
    order = sorted(entries, key=lambda name: -DTYPES[entries[name].dtype].itemsize)
    offset = 0
    for name in order:
        entry = entries[name]
        if entry.dtype not in names:
            raise EncodeError(f"tensor {name!r}: safetensors does not support {entry.dtype}; write .npz or .pt")
        if name == METADATA:
            raise EncodeError(f"safetensors cannot store a tensor named {METADATA}; write .npz or .pt")
        shape = list(entry.shape)
        header[name] = {"dtype": names[entry.dtype], "shape": shape, "data_offsets": [offset, offset + entry.nbytes]}
        offset += entry.nbytes
    packed = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    packed += b" " * (-len(packed) % 8)
    with replacing(path) as file:
        file.write(len(packed).to_bytes(8, "little") + packed)
        for name in order:
            file.write(coders.byte_view(entries[name].array()))
    return []


def _header(path: str) -> tuple[dict[str, Any], int, int]:
    """Return the header, the offset of the first tensor and the size of the file."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        length = int.from_bytes(file.read(8), "little")
        if length > min(HEADER_BYTES, size - 8):
            raise EncodeError(f"its header has {length} bytes, but the file only has {size}: truncated or damaged")
        packed = file.read(length)
    try:
        header = json.loads(packed.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:  # numbers with thousands of digits also raise ValueError
        raise EncodeError(f"its header is not JSON: {said(error)}") from error
    if not isinstance(header, dict):
        raise EncodeError("its header is not a JSON object")
    return header, 8 + length, size


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise EncodeError("a name occurs twice in its header")
    return found


def _metadata(found: object) -> dict[str, str]:
    if found is None:
        return {}
    if not (isinstance(found, dict) and all(isinstance(text, str) for text in found.values())):
        raise EncodeError("its metadata is not a map of strings")
    return {key: text for key, text in found.items() if key}


def _described(name: str, fields: object) -> tuple[str, tuple[int, ...], int, int]:
    """Return the element type, shape, first byte and end of one tensor."""
    match fields:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [begin, end]} if all(
            type(n) is int and 0 <= n < 1 << 63 for n in (*shape, begin, end)
        ):
            if dtype not in NAMES and dtype not in WIDENED:
                raise EncodeError(
                    f"tensor {name!r}: element type {dtype} is not one of {', '.join((*NAMES, *WIDENED))}"
                )
            return NAMES.get(dtype, dtype), tuple(shape), begin, end
    raise EncodeError(f"tensor {name!r}: its description is malformed")


def _notes(dtypes: list[str]) -> list[str]:
    """Return a note about each element type that is read as another one."""
    return [
        f"read {count(dtypes.count(dtype), f'{dtype} tensor')} as {wide}, which represents every {dtype} value exactly"
        for dtype, (wide, _) in WIDENED.items()
        if dtype in dtypes
    ]


def _bits(dtype: str) -> int:
    return 4 if dtype == F4 else 8 if dtype in WIDENED else 8 * DTYPES[dtype].itemsize


def _widened(path: str, offset: int, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Read a tensor of a type that the format lacks as the type that :data:`WIDENED` names."""
    wide, narrow = WIDENED[dtype]
    count = element_count(shape)
    if count == 0:
        return np.empty(shape, DTYPES[wide])
    codes: NDArray[Any] = np.memmap(path, np.uint8, "r", offset, count * _bits(dtype) // 8)
    if dtype == F4:
        codes = np.stack((codes & 15, codes >> 4), axis=-1)
    values: NDArray[Any] = codes.reshape(shape).view(narrow).astype(DTYPES[wide])
    return values


def _read(path: str, offset: int, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Map one tensor: its pages are read when they are used, and dropped together with the array."""
    if element_count(shape) == 0:
        return np.empty(shape, DTYPES[dtype])
    array = np.memmap(path, DTYPES[dtype], "r", offset, shape)
    if dtype == "bool" and array.view(np.uint8).max() > 1:
        raise EncodeError("an element of a bool tensor is neither 0 nor 1")
    return array
