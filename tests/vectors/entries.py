"""Vectors: the bytes of a file, and the result expected of a reader, as in ``vectors.json``."""

from __future__ import annotations

import decimal
import hashlib
from dataclasses import dataclass, field
from typing import Any

from tests.vectors import meaning, transform
from tests.vectors.frz import File, Group, Tensor, corner

Entry = dict[str, Any]


@dataclass
class Vector:
    """One file of ``spec/vectors`` and its entry.

    Attributes:
        folder: ``valid`` or ``faulty``.
        name: name of the vector.
        file: name of its file without the extension; several vectors can use one file.
        data: the bytes of the file.
        entry: the rest of the entry, in order.
        base: the bytes of the file that is given as the base.
    """

    folder: str
    name: str
    file: str
    data: bytes
    entry: Entry = field(default_factory=dict)
    base: bytes | None = None

    @property
    def path(self) -> str:
        """The path of its file."""
        return f"{self.folder}/{self.file}.frz"

    def as_json(self) -> Entry:
        """Return the entry of ``vectors.json``."""
        digest = hashlib.sha256(self.data).hexdigest()
        about = {"about": self.entry["about"]}
        found = {"name": self.name, "file": self.path, **about, "bytes": len(self.data)}
        return {**found, "sha256": digest, **self.entry}


def base_path(data: bytes) -> str:
    """Return the path at which a base is stored."""
    return f"base-files/{hashlib.sha256(data).hexdigest()[:16]}.frz"


def valid(
    name: str,
    about: str,
    file: File,
    *,
    tier: int | None = None,
    present: int | None = None,
    of: str | None = None,
    rebuild: bool = True,
    damaged: int | None = None,
    base: bytes | None = None,
    zstd: bool = False,
) -> Vector:
    """Return a file that every reader decodes.

    Args:
        name: name of the vector.
        about: what it tests, in one line.
        file: the file.
        tier: the tier to open at; None for the last that is present.
        present: number of tiers present; None for all.
        of: name of the vector whose file is used; None if this vector has its own file.
        rebuild: whether tensors are to be rebuilt; otherwise only the listing and values are compared.
        damaged: a tier whose last segment is damaged and must not be read.
        base: the bytes of the file that is given as the base.
        zstd: whether the base uses zstd.
    """
    there = file.tiers if present is None else present
    used = there - 1 if tier is None else tier
    entry: Entry = {"about": about}
    if tier is not None:
        entry["tier"] = tier
    if base is not None:
        entry["base"] = base_path(base)
    entry |= {"zstd": zstd or any(g.coder == "zstd" for g in file.groups), "tiers": file.tiers, "tiersPresent": there}
    entry["metadata"] = file.metadata or {}
    entry["aliases"] = dict(file.aliases or ())
    if file.factors:
        entry["factors"] = [factor_entry(file, g, t, used) for g, t in file.factors]
    entry["tensors"] = [tensor_entry(file, g, t, used, rebuild) for g in file.groups for t in g.tensors if t.name]
    data = bytearray(file.bytes(present))
    if damaged is not None:
        data[len(file.bytes(damaged + 1)) - 5] ^= 1
    return Vector("valid", name, of or name, bytes(data), entry, base)


def faulty(
    name: str,
    about: str,
    data: bytes,
    code: str,
    *,
    load: str | None = None,
    tier: int | None = None,
    budget: int | None = None,
    sound: list[str] | None = None,
    base: bytes | None = None,
) -> Vector:
    """Return a file or request that every reader refuses.

    Args:
        name: name of the vector.
        about: what is wrong, in one line.
        data: the bytes of the file.
        code: the error.
        load: the tensor whose decoding fails; None if opening the file already fails.
        tier: the tier to open at; None for the last that is present.
        budget: the memory budget; None for the default.
        sound: tensors that can still be decoded.
        base: the bytes of the file that is given as the base.
    """
    entry: Entry = {"about": about}
    if base is not None:
        entry["base"] = base_path(base)
    if tier is not None:
        entry["tier"] = tier
    if budget is not None:
        entry["budget"] = budget
    entry["at"] = "open" if load is None else "load"
    if load is not None:
        entry["tensor"] = load
    if sound is not None:
        entry["sound"] = sound
    return Vector("faulty", name, name, data, {**entry, "code": code}, base)


def tensor_entry(file: File, group: Group, tensor: Tensor, tier: int, rebuild: bool) -> Entry:
    """Return the result expected for a tensor."""
    entry: Entry = {"name": tensor.name, "dtype": group.dtype, "shape": list(tensor.shape)}
    if tensor.view is not None:
        entry["view"] = list(tensor.view)
    if group.bases:
        entry["bases"] = group.kinds(tensor)
    if tensor.factors:
        entry["factors"] = list(tensor.factors)
    if tensor.seeds:
        entry["seeds"] = [str(seed) for seed in tensor.seeds]
    entry |= _stored(file, group, tensor)
    if not rebuild and tensor.kept is None and tensor.corners is None:
        return {**entry, "values": None}
    entry["values"] = _digest(group, tensor, tier)
    if not rebuild:
        return {**entry, "weights": None}
    exact = meaning.exact_elements(file, group, tensor, tier)
    if exact is not None:
        return {**entry, "elements": hashlib.sha256(exact).hexdigest()}
    return {**entry, "weights": _weights(file, group, tensor, tier)}


def factor_entry(file: File, group: Group, tensor: Tensor, tier: int) -> Entry:
    """Return the result expected for a factor."""
    entry = {"shape": list(tensor.shape), **_stored(file, group, tensor)}
    return {**entry, "values": _digest(group, tensor, tier)}


def _stored(file: File, group: Group, tensor: Tensor) -> Entry:
    """Describe how a tensor is stored, without fields that have no effect."""
    entry: Entry = {}
    if tensor.kept is not None:
        entry["kept"] = list(tensor.kept)
    if tensor.corners is not None:
        entry["corners"] = [list(corner(tensor, t)) for t in range(file.tiers)]
    if group.per_tier:
        entry["perTier"] = True
    if group.format:
        entry["format"] = group.format
    if group.stepped:
        entry["step"] = tensor.step
    if group.offset_bits:
        entry["offsets"] = [axis for axis in range(len(tensor.meant)) if group.offset_bits >> axis & 1]
    return {**entry, "coder": group.coder}


def _digest(group: Group, tensor: Tensor, tier: int) -> str:
    return hashlib.sha256(meaning.canonical_bytes(group, meaning.core(group, tensor, tier))).hexdigest()


def _weights(file: File, group: Group, tensor: Tensor, tier: int) -> Entry:
    found, scale = meaning.reference(file, group, tensor, tier)
    sample = [[i, float(found[i])] for i in transform.sample(len(found))] if found else []
    with decimal.localcontext(transform.CONTEXT):
        total = float(sum(found))
        largest = float(max(map(abs, found), default=0))
    entry = {"max": largest, "sum": total, "sample": sample}
    return entry if float(scale) == largest else {"scale": float(scale), **entry}
