"""Vectors: a file's bytes and what a reader must make of it, as ``vectors.json`` says it."""

from __future__ import annotations

import decimal
import hashlib
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.vectors import transform
from tests.vectors.frz import File, Group, Tensor, elements
from tests.vectors.numbers import INTEGERS, canonical

Entry = dict[str, Any]


@dataclass
class Vector:
    """One file of ``spec/vectors`` and its entry.

    Attributes:
        folder: ``valid`` or ``faulty``.
        name: name of the vector.
        file: name of its file without the ending; several vectors may use one file.
        data: the bytes of the file.
        entry: the rest of the entry, in order.
    """

    folder: str
    name: str
    file: str
    data: bytes
    entry: Entry = field(default_factory=dict)

    def as_json(self) -> Entry:
        """The entry of ``vectors.json``."""
        digest = hashlib.sha256(self.data).hexdigest()
        about = {"about": self.entry["about"]}
        found = {"name": self.name, "file": f"{self.folder}/{self.file}.frz", **about, "bytes": len(self.data)}
        return {**found, "sha256": digest, **self.entry}


def valid(
    name: str,
    about: str,
    file: File,
    *,
    tier: int | None = None,
    present: int | None = None,
    of: str | None = None,
    rebuild: bool = True,
) -> Vector:
    """A file that every reader decodes.

    Args:
        name: name of the vector.
        about: what it tests, one line.
        file: the file.
        tier: the tier to open at; None for the last that is present.
        present: how many tiers are there; None for all.
        of: name of the vector whose file it uses, if it is not its own.
        rebuild: whether tensors are to be rebuilt; otherwise only what is listed and coefficients are compared.
    """
    there = file.tiers if present is None else present
    used = there - 1 if tier is None else tier
    entry: Entry = {"about": about}
    if tier is not None:
        entry["tier"] = tier
    entry |= {"zstd": any(g.coder == "zstd" for g in file.groups), "tiers": file.tiers, "tiersPresent": there}
    entry["metadata"] = file.metadata or {}
    entry["aliases"] = dict(file.aliases or ())
    if file.rows():
        entry["rows"] = file.rows()
    entry["tensors"] = [part for g in file.groups for part in _tensors(file, g, used, rebuild)]
    return Vector("valid", name, of or name, file.bytes(present), entry)


def faulty(
    name: str,
    about: str,
    data: bytes,
    code: str,
    *,
    load: str | None = None,
    tier: int | None = None,
    budget: int | None = None,
) -> Vector:
    """A file or request that every reader refuses.

    Args:
        name: name of the vector.
        about: what is wrong, one line.
        data: the bytes of the file.
        code: the error.
        load: the tensor whose decoding fails; None if opening does.
        tier: the tier to open at; None for the last that is present.
        budget: the memory budget; None for the one that all vectors have.
    """
    entry: Entry = {"about": about}
    if tier is not None:
        entry["tier"] = tier
    if budget is not None:
        entry["budget"] = budget
    entry["at"] = "open" if load is None else "load"
    if load is not None:
        entry["tensor"] = load
    return Vector("faulty", name, name, data, {**entry, "code": code})


def _tensors(file: File, group: Group, tier: int, rebuild: bool) -> list[Entry]:
    if not group.format:
        digests = [hashlib.sha256(data).hexdigest() if rebuild else None for data in elements(file, group, tier)]
        return [{**_common(group, t), "elements": d} for t, d in zip(group.tensors, digests, strict=True)]
    return [_spectral(group, t, file.tiers, tier, rebuild) for t in group.tensors]


def _common(group: Group, tensor: Tensor) -> Entry:
    coding = "dct" if group.format else "raw"
    fixed = {"name": tensor.name, "coding": coding, "dtype": group.dtype, "shape": list(tensor.shape)}
    return {**fixed, "coder": group.coder}


def _spectral(group: Group, tensor: Tensor, tiers: int, tier: int, rebuild: bool) -> Entry:
    kept = [group.kept(tensor, t) for t in range(tiers)]
    coefficients = canonical(group.format, tensor.values[: kept[tier]], tensor.step)
    view = list(tensor.view) if tensor.view is not None else None
    entry = {**_common(group, tensor), "format": group.format, "step": None, "view": view, "kept": kept}
    if group.format in INTEGERS:
        entry["step"] = tensor.step
    packed = struct.pack(f"<{len(coefficients)}f", *coefficients)
    entry["coefficients"] = hashlib.sha256(packed).hexdigest()
    entry["weights"] = (
        _weights(tensor.view if tensor.view is not None else tensor.shape, coefficients) if rebuild else None
    )
    return entry


def _weights(shape: Sequence[int], coefficients: Sequence[float]) -> Entry:
    found = transform.weights(shape, coefficients)
    sample = [[i, float(found[i])] for i in transform.sample(len(found))] if found else []
    with decimal.localcontext(transform.CONTEXT):
        total = float(sum(found))
        largest = float(max(map(abs, found), default=0))
    assert len(found) == math.prod(shape)
    return {"max": largest, "sum": total, "sample": sample}
