"""Parse a directory, with every check that needs only the directory (specification, sections 3 and 12).

The result of :func:`parse` needs no further check except against the size of the file.
"""

from __future__ import annotations

from collections.abc import Sequence

from frformat.errors import FrzError
from frformat.format import delta, group_rules, limits, messagepack
from frformat.format.directory import ALIASES, BASE, FEATURES, GROUPS, METADATA, TIERS, Directory, Group
from frformat.format.group_parser import GroupParser, Known
from frformat.format.ledger import Ledger, characters
from frformat.format.messagepack import Cursor, Fields, malformed, required


def parse(data: bytes, budget: int = limits.MEMORY_BUDGET, spent: int = 0) -> Directory:
    """Parse the directory.

    Args:
        data: the inflated directory.
        budget: bytes that opening a file may take.
        spent: bytes of the budget that are already taken.

    Raises:
        FrzError: ``DIRECTORY``, ``LIMIT``, ``FEATURE``, ``UNSUPPORTED``, ``NAME``, ``SHAPE`` or ``BUDGET``.
    """
    messagepack.check(data)
    starts = _starts(data)
    features = _features(Cursor(data, starts[FEATURES])) if FEATURES in starts else []
    is_delta = delta.FEATURE in features
    tiers = Cursor(data, starts[TIERS]).uint("tiers", limits.TIERS) if TIERS in starts else 1
    if tiers == 0:
        raise malformed("tiers is 0")
    if is_delta and tiers > 1:
        raise malformed(f"a delta file has {tiers} tiers, not one")
    known = Known(tiers, Ledger(budget, spent), is_delta)
    groups = _groups(Cursor(data, required(starts.get(GROUPS), "groups", "it")), known)
    aliases = _aliases(Cursor(data, starts[ALIASES]), known) if ALIASES in starts else []
    metadata = _metadata(Cursor(data, starts[METADATA]), known) if METADATA in starts else {}
    if is_delta != (BASE in starts):
        raise malformed("the feature delta and the field base must occur together")
    base = Cursor(data, starts[BASE]).binary("base", limits.SHA256_BYTES) if is_delta else None
    _check_names(groups, aliases)
    return Directory(groups, metadata, dict(aliases), tiers, base)


def _starts(data: bytes) -> dict[int, int]:
    """Return the offset of each field's value in the directory map."""
    cursor = Cursor(data)
    starts = {}
    fields = Fields(cursor, "the directory")
    while (key := fields.next()) is not None:
        starts[key] = cursor.offset
        cursor.skip()
    return starts


def _features(cursor: Cursor) -> list[str]:
    features = [cursor.text("a feature").decode() for _ in range(cursor.array("features", limits.FEATURES))]
    unknown = [feature for feature in features if feature != delta.FEATURE]
    if unknown:
        names = ", ".join(map(repr, unknown))
        raise FrzError("FEATURE", f"this file needs {names}, which this version does not support: upgrade")
    return features


def _groups(cursor: Cursor, known: Known) -> list[Group]:
    groups: list[Group] = []
    count = cursor.array("groups")
    known.ledger.spend(count * Ledger.GROUP)
    for index in range(count):
        what = f"group {index}"
        group = GroupParser(cursor, what, known).group()
        group_rules.check(group, what, known)
        groups.append(group)
        if not group.names:
            known.factors += [(group, place) for place in range(group.tensors)]
    return groups


def _aliases(cursor: Cursor, known: Known) -> list[tuple[str, str]]:
    aliases = []
    for _ in range(cursor.array("aliases")):
        cursor.array("an alias", exact=2)
        known.count(1)
        name, target = known.check_name(cursor.text("an alias")), cursor.text("an alias").decode()
        known.ledger.spend(characters(name) + characters(target))
        aliases.append((name, target))
    return aliases


def _metadata(cursor: Cursor, known: Known) -> dict[str, str]:
    out = {}
    previous = b""
    for _ in range(cursor.map("metadata")):
        key = cursor.text("a metadata key")
        if key <= previous:
            raise malformed("metadata keys are empty or not in ascending order")
        name, text = key.decode(), cursor.text("metadata").decode()
        known.ledger.spend(2 * Ledger.SHAPE + characters(name) + characters(text))
        out[name] = text
        previous = key
    return out


def _check_names(groups: Sequence[Group], aliases: Sequence[tuple[str, str]]) -> None:
    seen: set[str] = set()
    for group in groups:
        for name in group.names:
            if name in seen:
                raise FrzError("NAME", "this name occurs twice", tensor=name)
            seen.add(name)
    names = set()
    for name, target in aliases:
        if name in seen or name in names:
            raise FrzError("NAME", "this name occurs twice", tensor=name)
        names.add(name)
        if target not in seen:
            raise FrzError("NAME", f"it is an alias of {target!r}, which is not in the file", tensor=name)
