"""Names of tensors without what wrappers of PyTorch put into them: compile, DataParallel, FSDP, averages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from frformat.checkpoints.checkpoint import Checkpoint

OWN: Final = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_fpw_module", "_checkpoint_wrapped_module"})
"""Parts of names that nothing but torch.compile, FSDP (older and today's) and activation checkpointing makes."""

MODULE: Final = "module"
"""What DataParallel, DistributedDataParallel and AveragedModel call what they wrap, and so may any network."""

COUNTER: Final = "n_averaged"
"""AveragedModel's count, beside the model that it wraps."""


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """Every name without the wrappers in it, wherever they stand and however many there are.

    ``module`` is taken for a wrapper where it is all that there is: ``net.module.weight`` becomes ``net.weight`` if all
    names that begin with ``net.`` begin with ``net.module.``. Names that would become one name stay as they are.

    Args:
        names: all names of a state dict.

    Returns:
        The plain name for each name, in the same order.
    """
    parts = {name: [part for part in name.split(".") if part not in OWN] for name in names}
    while True:
        wrapped = _wrapped(parts.values())
        if not wrapped:
            break
        parts = {name: _without(found, wrapped) for name, found in parts.items()}
    plain = {name: ".".join(found) or name for name, found in parts.items()}
    users: dict[str, int] = {}
    for name in plain.values():
        users[name] = users.get(name, 0) + 1
    return {name: to if users[to] == 1 else name for name, to in plain.items()}


def unwrapped(checkpoint: Checkpoint) -> Checkpoint:
    """The same tensors under their plain names; a note says what was taken off."""
    plain = plain_names([*checkpoint.entries, *checkpoint.aliases])
    found = dict.fromkeys(
        part for name, to in plain.items() if name != to for part in name.split(".") if part in OWN or part == MODULE
    )
    if not found:
        return checkpoint
    notes = [*checkpoint.notes, f"took {', '.join(map(repr, found))} out of the names"]
    entries = {plain[name]: entry for name, entry in checkpoint.entries.items()}
    if COUNTER in entries and MODULE in found:
        del entries[COUNTER]
        notes.append(f"left out {COUNTER!r}, the count of AveragedModel")
    aliases = {plain[name]: plain[target] for name, target in checkpoint.aliases.items()}
    return replace(checkpoint, entries=entries, aliases=aliases, notes=notes)


def _wrapped(names: Iterable[list[str]]) -> set[tuple[str, ...]]:
    """The outermost paths below which there is ``module`` and nothing else."""
    names = list(names)
    parents = {tuple(parts[: parts.index(MODULE)]) for parts in names if MODULE in parts[:-1]}
    lengths = sorted({len(parent) for parent in parents})
    for parts in names:
        for length in lengths:
            if length < len(parts) and parts[length] not in (MODULE, COUNTER):
                parents.discard(tuple(parts[:length]))
    return parents


def _without(parts: list[str], wrapped: set[tuple[str, ...]]) -> list[str]:
    if MODULE in parts[:-1]:
        at = parts.index(MODULE)
        if tuple(parts[:at]) in wrapped:
            return parts[:at] + parts[at + 1 :]
    return parts
