"""``frformat verify``: check that files are intact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import click

from frformat.cli import errors
from frformat.cli.files import Opening, open_frz
from frformat.cli.options import base_option, json_option, memory_option
from frformat.cli.terminal import echo, print_json, progress
from frformat.format.reader import FrzFile
from frformat.wording import clean, count

HELP: Final = """Check each FILE completely: structure, checksums, streams and values.

\b
Examples:
  frformat verify model.frz
  frformat verify --rebuild *.frz
  frformat verify new.delta.frz --base old.frz
  frformat verify --json model.frz | jq '.[0].ok'
  curl -s https://example.org/model.frz | frformat verify -
"""


@dataclass
class Result:
    """The ``--json`` output for a file; counts are None if they are unknown.

    Attributes:
        file: its path.
        ok: whether it is intact.
        rebuilt: whether every tensor was rebuilt.
        error: what is wrong, or None.
        bytes: its size.
        tensors: number of names.
        tiers: number of tiers in the complete file.
        tiers_present: number of tiers that are present.
    """

    file: str
    ok: bool = False
    rebuilt: bool = False
    error: errors.ErrorFacts | None = None
    bytes: int | None = None
    tensors: int | None = None
    tiers: int | None = None
    tiers_present: int | None = None


@click.command(
    short_help="Check files completely: structure, checksums and values.",
    help=HELP,
    epilog="Exit codes: 0 all files are intact, 2 at least one is damaged or cannot be read.",
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--rebuild", is_flag=True, help="Also rebuild every tensor, as decoding does.")
@base_option
@memory_option
@json_option
def verify(files: tuple[str, ...], rebuild: bool, base: str | None, memory_budget: int, as_json: bool) -> int:
    """Check all files and report on each. Return the exit code."""
    results = []
    for path in files:
        result, error = _check(path, rebuild, base, memory_budget)
        results.append(result)
        if as_json:
            continue
        if error is None:
            echo(_line(result))
        else:
            errors.report(error, as_json)
    if as_json:
        print_json(results)
    return 0 if all(result.ok for result in results) else errors.TROUBLE


def _check(path: str, rebuild: bool, base: str | None, memory_budget: int) -> tuple[Result, Exception | None]:
    """Return the result for one file, and the error if there is one."""
    result = Result(path)
    try:
        with open_frz(path, Opening(base, memory_budget=memory_budget)) as file:
            result.bytes, result.tensors = file.container.size, len(file)
            result.tiers, result.tiers_present = file.tiers, file.tiers_present
            file.verify()
            if rebuild:
                _rebuild(file, path)
    except errors.CAUGHT as error:
        result.error = errors.facts(error)
        return result, error
    result.ok, result.rebuilt = True, rebuild
    return result, None


def _rebuild(file: FrzFile, path: str) -> None:
    """Rebuild every tensor, one after the other."""
    infos = [file.info(name) for name in file]
    infos = [info for info in infos if info.alias_of is None]
    with progress() as bars:
        task = bars.add_task(clean(path), total=sum(info.nbytes for info in infos))
        for info in infos:
            file[info.name]
            bars.update(task, advance=info.nbytes)


def _line(result: Result) -> str:
    present, tiers = result.tiers_present or 0, result.tiers
    some = "" if present == tiers else f" of {tiers}; the others are cut off"
    parts = [count(result.bytes or 0, "byte"), count(result.tensors or 0, "tensor"), f"{count(present, 'tier')}{some}"]
    return clean(f"{result.file}: ok, {', '.join(parts)}")
