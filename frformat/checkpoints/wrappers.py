"""Names as the plain model has them, without what wrappers put in: torch.compile, data parallelism, checkpointing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from frformat.checkpoints.checkpoint import Checkpoint

MARKERS: Final = ("_orig_mod", "_fsdp_wrapped_module", "_fpw_module", "_checkpoint_wrapped_module", "_forward_module")
"""Parts of names that only wrappers have, wherever they are in a name."""

AMBIGUOUS: Final = "module"
"""What DataParallel, DistributedDataParallel and averaged models call the model; others may mean something by it."""

COUNTER: Final = "n_averaged"
"""How many models an averaged one is the mean of: the wrapper's own, not the model's."""


def plain_names(names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return the names of a checkpoint without what wrappers put in, however often and in whatever order.

    Parts that only wrappers have are taken off anywhere in a name; ``module`` where all names begin with it, or beside
    such a part. Nothing is taken off if two names would then be one.

    Args:
        names: of all tensors.

    Returns:
        The plain name of each, without the counter of an averaged model if there is one; and what a user should know,
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
    return found, [f"took {prefixes} out of the names, which wrappers put there"]


def _take_markers(parts: list[str], taken: dict[str, None]) -> None:
    """Take runs of wrappers' parts out of a name: marks of wrappers, and ``module`` where it is beside one."""
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
    """Return the same tensors under their plain names, noting what changed; without an averaged model's counter."""
    plain, notes = plain_names([*checkpoint.entries, *checkpoint.aliases])
    if not notes:
        return checkpoint
    left_out = [name for name in checkpoint.entries if name not in plain]
    notes += [f"left out {', '.join(left_out)}, which an averaged model counts with"] if left_out else []
    entries = {plain[name]: entry for name, entry in checkpoint.entries.items() if name in plain}
    aliases = {plain[name]: plain[target] for name, target in checkpoint.aliases.items()}
    return replace(checkpoint, entries=entries, aliases=aliases, notes=[*checkpoint.notes, *notes])
