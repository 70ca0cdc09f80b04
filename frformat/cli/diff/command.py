"""``frformat diff``: show how two files differ."""

from __future__ import annotations

from typing import Final

import click

from frformat.cli import errors
from frformat.cli.options import Nonnegative, base_option, entry_option, json_option, memory_option, spectral_option
from frformat.cli.terminal import print_json, progress

HELP: Final = """Compare the tensors of files A and B.

The files can be .frz, .safetensors, .npz and PyTorch files. They are equal if they contain tensors of the same names,
and each tensor has the same shape, element type and weights in both files, at the last tier. Differences in storage,
metadata and size are also shown, but do not count.

\b
Examples:
  frformat diff old.frz new.frz
  frformat diff model.safetensors model.frz --tolerance 0.01
  frformat diff old.frz new.delta.frz --base old.frz
  frformat diff --json a.frz b.frz | jq '.tensors[] | select(.equal | not) | .name'
"""


@click.command(help=HELP, epilog="Exit codes: 0 the files are equal, 1 they differ, 2 error.")
@click.argument("a", type=click.Path(allow_dash=True))
@click.argument("b", type=click.Path(allow_dash=True))
@click.option(
    "--tolerance",
    type=Nonnegative(),
    default=0.0,
    metavar="X",
    help="Weights are equal if they differ by at most X times the tensor's largest weight in A.",
)
@base_option
@entry_option
@spectral_option
@memory_option
@json_option
def diff(
    a: str,
    b: str,
    tolerance: float,
    base: str | None,
    entry: str | None,
    spectral: bool | None,
    memory_budget: int,
    as_json: bool,
) -> int:
    """Compare two files and return the exit code."""
    from frformat.cli.diff.comparison import compare
    from frformat.cli.diff.listing import show
    from frformat.cli.diff.sides import open_side

    if a == b == "-":
        raise click.UsageError("Only one of the files can be standard input.", click.get_current_context())
    with (
        open_side(a, memory_budget, entry, spectral, base) as first,
        open_side(b, memory_budget, entry, spectral, base) as second,
        progress() as bars,
    ):
        task = bars.add_task("comparing", total=sum(kind.nbytes for kind in first.kinds.values()))
        found = compare(first, second, tolerance, lambda nbytes: bars.update(task, advance=nbytes))
    if as_json:
        print_json(found.as_json())
    else:
        show(found)
    return 0 if found.equal else errors.DIFFERENT
