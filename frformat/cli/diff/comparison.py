"""Two files compared, as the plain data that ``diff --json`` prints and the listing is made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from frformat.cli.diff.differences import difference
from frformat.cli.diff.sides import Side


def compare(a: Side, b: Side, tolerance: float, progress: Callable[[int], None]) -> dict[str, Any]:
    """Compare names, shapes, element types and weights; tell also of what is stored in another way.

    Args:
        a: the first file.
        b: the second one.
        tolerance: largest difference of weights that counts as none, as a share of the first tensor's largest weight.
        progress: told the bytes of tensors compared since it was last told.

    Returns:
        ``equal``: whether both have the same tensors within the tolerance. ``only_in_a`` and ``only_in_b``: names.
        ``tensors``: for each name in both ``dtype``, ``shape`` and ``stored``, each as a pair; ``absolute`` and
        ``relative``, the largest differences (None if the shapes differ); and ``equal``. ``metadata``: the entries that
        differ, each as a pair. ``files``, ``bytes`` and ``notes``: pairs, too.
    """
    tensors = []
    for name in a.kinds:
        if name in b.kinds:
            tensors.append(_tensor(a, b, name, tolerance))
            progress(a.kinds[name].nbytes)
    only_in_a = [name for name in a.kinds if name not in b.kinds]
    only_in_b = [name for name in b.kinds if name not in a.kinds]
    keys = sorted(a.metadata.keys() | b.metadata.keys())
    metadata = {key: (a.metadata.get(key), b.metadata.get(key)) for key in keys}
    return {
        "files": (a.path, b.path),
        "bytes": (a.size, b.size),
        "notes": (a.notes, b.notes),
        "tolerance": tolerance,
        "equal": not only_in_a and not only_in_b and all(tensor["equal"] for tensor in tensors),
        "only_in_a": only_in_a,
        "only_in_b": only_in_b,
        "tensors": tensors,
        "metadata": {key: pair for key, pair in metadata.items() if pair[0] != pair[1]},
    }


def _tensor(a: Side, b: Side, name: str, tolerance: float) -> dict[str, Any]:
    x, y = a.kinds[name], b.kinds[name]
    found = difference(a, b, name) if x.shape == y.shape else None
    within = found is not None and (found.absolute == 0 or found.relative <= tolerance)
    return {
        "name": name,
        "dtype": (x.dtype, y.dtype),
        "shape": (x.shape, y.shape),
        "stored": (x.stored, y.stored),
        "absolute": None if found is None else found.absolute,
        "relative": None if found is None else found.relative,
        "equal": within and x.dtype == y.dtype,
    }
