"""Remove what wrappers such as torch.compile, data parallelism and checkpointing add to names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from frformat.checkpoints.checkpoint import Checkpoint

MARKERS: Final = ("_orig_mod", "_fsdp_wrapped_module", "_fpw_module", "_checkpoint_wrapped_module", "_forward_module")
"""Parts that only wrappers add to names, at any position."""

AMBIGUOUS: Final = "module"
"""The name that DataParallel, DistributedDataParallel and averaged models give to the model. A model's own
modules can have this name, too."""

COUNTER: Final = "n_averaged"
"""The name of an averaged model's counter, which belongs to the wrapper, not to the model."""


def plain_names(names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Remove what wrappers have added to the names of a checkpoint, however they are nested.

    Parts that only wrappers use are removed anywhere in a name. ``module`` is removed if it is next to such a part, or
    if all names begin with it. Nothing is removed if two names would become the same.

    Args:
        names: the names of all tensors.

    Returns:
        The plain name of each tensor, without the counter of an averaged model if there is one; and notes for the user,
        one line each.
    """
    plain = {name: name.split(".") for name in names}
    taken: dict[str, None] = {}
    for parts in plain.values():
        _take_markers(parts, taken)
    averaged = [name for name, parts in plain.items() if parts[-1] == COUNTER]
    others = [parts for name, parts in plain.items() if name not in averaged]
    while others and all(len(parts) > 1 and parts[0] == AMBIGUOUS for parts in others):
        for parts in others:
            del parts[0]
        taken[AMBIGUOUS] = None
    found = {name: ".".join(parts) for name, parts in plain.items()}
    if AMBIGUOUS in taken:
        found = {name: short for name, short in found.items() if name not in averaged}
    if not taken or len(set(found.values())) < len(found):
        return {name: name for name in plain}, []
    prefixes = ", ".join(f"{part}." for part in taken)
    return found, [f"removed wrapper prefixes from names: {prefixes}"]


def _take_markers(parts: list[str], taken: dict[str, None]) -> None:
    """Remove wrappers' parts from a name: their markers, and ``module`` next to one."""
    wrapping = [part in (*MARKERS, AMBIGUOUS) for part in parts[:-1]]
    start = 0
    while start < len(wrapping):
        end = start
        while end < len(wrapping) and wrapping[end]:
            end += 1
        if any(part in MARKERS for part in parts[start:end]):
            taken.update(dict.fromkeys(parts[start:end]))
            del parts[start:end], wrapping[start:end]
        else:
            start = end + 1


def unwrapped(checkpoint: Checkpoint) -> Checkpoint:
    """Return the tensors under their plain names, note the changes, and omit an averaged model's counter."""
    plain, notes = plain_names([*checkpoint.entries, *checkpoint.aliases])
    if not notes:
        return checkpoint
    left_out = [name for name in checkpoint.entries if name not in plain]
    notes += [f"left out {', '.join(left_out)}, the counter of an averaged model"] if left_out else []
    entries = {plain[name]: entry for name, entry in checkpoint.entries.items() if name in plain}
    aliases = {plain[name]: plain[target] for name, target in checkpoint.aliases.items()}
    return replace(checkpoint, entries=entries, aliases=aliases, notes=[*checkpoint.notes, *notes])
