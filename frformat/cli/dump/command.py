"""``frformat dump``: show the contents of a file."""

from __future__ import annotations

from typing import Final

import click

from frformat.cli import errors
from frformat.cli.files import Opening, open_frz, source
from frformat.cli.options import json_option, opening_options
from frformat.cli.output import force_option, writing
from frformat.cli.terminal import echo, print_json
from frformat.errors import FrzError
from frformat.format.reader import FrzFile
from frformat.wording import clean

LISTED_BYTES: Final = 512
"""Approximate number of bytes needed to convert a coefficient, its index and its energy to JSON."""

HELP: Final = """Show the contents of FILE, or the spectrum of its tensor NAME.

\b
Examples:
  frformat dump model.frz                    the file at a glance
  frformat dump model.frz --stats            also count nonzero values
  frformat dump model.frz conv1.weight       one tensor, coefficient by coefficient
  frformat dump model.frz --plot model.png   energy and bytes as a picture
  frformat dump model.frz --bytes            every byte and its meaning
  frformat dump model.frz --json | jq .ratio
  cat model.frz | frformat dump -            from a pipe
"""


@click.command(
    help=HELP,
    epilog="Exit codes: 0 success, 2 the file is damaged, is not an .frz file, or lacks what was requested.",
)
@click.argument("file", type=click.Path(allow_dash=True))
@click.argument("name", required=False)
@click.option("--plot", metavar="OUT.png", type=click.Path(), help="Plot energy and bytes (needs matplotlib).")
@click.option("--bytes", "as_bytes", is_flag=True, help="Explain every byte of the file; works on damaged files, too.")
@click.option("--stats", is_flag=True, help="Also count the nonzero values of each tensor, which decodes the file.")
@opening_options
@force_option
@json_option
def dump(
    file: str,
    name: str | None,
    plot: str | None,
    as_bytes: bool,
    stats: bool,
    opening: Opening,
    force: bool,
    as_json: bool,
) -> int:
    """Show a file, a tensor, every byte, or a picture. Return the exit code."""
    context = click.get_current_context()
    if sum((name is not None, plot is not None, as_bytes)) > 1:
        raise click.UsageError("NAME, --plot and --bytes are mutually exclusive.", context)
    if stats and (name is not None or plot is not None or as_bytes):
        raise click.UsageError("--stats applies only to the listing of a whole file.", context)
    if as_bytes and opening.tier is not None:
        raise click.UsageError("--bytes explains all tiers: omit --tier.", context)
    if force and plot is None:
        raise click.UsageError("--force needs --plot.", context)
    if as_bytes:
        return _bytes(file, opening, as_json)
    if plot is not None:
        return _plot(file, plot, opening, force, as_json)
    if name is not None:
        return _tensor(file, name, opening, as_json)
    return _list(file, stats, opening, as_json)


def _list(path: str, stats: bool, opening: Opening, as_json: bool) -> int:
    """Show the file at a glance. A damaged segment does not prevent listing the directory."""
    from frformat.cli.dump import listing
    from frformat.cli.dump.survey import Survey, checksum_facts

    with source(path) as file, FrzFile(file, path, opening.tier, opening.memory_budget, opening.base) as found:
        facts = Survey(found, path, stats=stats)
        checksums, error = checksum_facts(file, found.container)
        if error is not None:
            error.path = path
        if as_json:
            told = {"checksums": checksums, "error": None if error is None else errors.facts(error)}
            print_json(facts.summary(), told, facts.lists())
        else:
            listing.show(facts, checksums)
    if error is None:
        return 0
    return errors.TROUBLE if as_json else errors.report(error, as_json)


def _tensor(path: str, name: str, opening: Opening, as_json: bool) -> int:
    """Show one tensor: its line of the listing, and its content."""
    from frformat.cli.dump import picture, tensor
    from frformat.cli.dump.survey import Survey

    with open_frz(path, opening) as file:
        info = file.info(name)
        budget = opening.memory_budget
        if as_json and info.spectral and info.kept[file.tier] * LISTED_BYTES > budget:
            reason = f"listing {info.kept[file.tier]:,} coefficients needs more than the {budget:,} bytes allowed"
            raise FrzError("BUDGET", reason, path=path, tensor=name)
        facts = Survey(file, path)
        listed, tiers = facts.tensor(name), facts.summary().tiers
        content = tensor.tensor_content(file, name, None if as_json else picture.SHOWN)
    if as_json:
        print_json(listed, content)
    else:
        picture.show(listed, content, tiers)
    return 0


def _bytes(path: str, opening: Opening, as_json: bool) -> int:
    """Show every byte and its meaning, and report faults."""
    from frformat.cli.dump import hexdump, layout

    with source(path) as file:
        found = layout.explain(file, path, opening.memory_budget, opening.base)
        if as_json:
            print_json(hexdump.as_json(found, path))
        else:
            hexdump.show(found, file, path)
    if found.error is None:
        return 0
    return errors.TROUBLE if as_json else errors.report(found.error, as_json)


def _plot(path: str, picture: str, opening: Opening, force: bool, as_json: bool) -> int:
    """Draw the file as a picture."""
    from frformat.cli.dump import energy, plot
    from frformat.cli.dump.survey import Survey

    with writing(picture, force), open_frz(path, opening) as file:
        plot.save(Survey(file, path), energy.energy(file), picture)
    if as_json:
        print_json({"file": path, "plot": picture})
    else:
        echo(clean(f"{picture}: drawn"))
    return 0
