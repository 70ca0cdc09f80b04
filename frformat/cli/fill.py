"""``frformat fill``: fill a template with weights."""

from __future__ import annotations

import click

from frformat.cli import terminal
from frformat.cli.files import Opening
from frformat.cli.options import json_option, opening_options, output_option
from frformat.cli.output import force_option, messages_redirected, writing
from frformat.cli.terminal import echo
from frformat.wording import clean, count

HELP = """Write the model file of LiteRT or ExecuTorch from TEMPLATE and the weights in WEIGHTS.

TEMPLATE is a .tflite.frt or .pte.frt file written by `frformat export`. The result is the file that the runtime's own
exporter would have written, byte for byte, except that exporters store equal tensors only once. It is the file that an
app creates with FrzTemplate.

\b
Examples:
  frformat fill model.tflite.frt model.frz -o model.tflite
  frformat fill model.pte.frt model.frz -o model.pte
"""


@click.command(
    short_help="Fill a template for LiteRT or ExecuTorch with weights.",
    help=HELP,
    epilog="Exit codes: 0 success, 2 error (the output is unchanged).",
)
@click.argument("template", type=click.Path())
@click.argument("weights", type=click.Path())
@output_option("OUT", "The model file to write; or - for standard output.", dash=True)
@opening_options
@force_option
@json_option
def fill(template: str, weights: str, output: str, opening: Opening, force: bool, as_json: bool) -> None:
    """See :data:`HELP`."""
    from frformat.runtimes.template import fill_file

    with writing(output, force, dash=True) as target:
        budget = opening.memory_budget
        size = fill_file(template, weights, target, tier=opening.tier, memory_budget=budget, base=opening.base)
    with messages_redirected(output):
        if as_json:
            terminal.print_json({"file": output, "bytes": size})
        else:
            echo(clean(f"{output}: {count(size, 'byte')}"))
