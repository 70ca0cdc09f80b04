"""``frformat encode``: convert checkpoints to ``.frz`` files."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from frformat.cli import terminal
from frformat.cli.files import InputFile, base_notes
from frformat.cli.options import entry_option, json_option, output_option, spectral_option, tier_cuts
from frformat.cli.output import force_option, messages_redirected, writing
from frformat.errors import EncodeError

if TYPE_CHECKING:
    from frformat.checkpoints import Checkpoint
    from frformat.encoding import Policy, Report


HELP = """Encode a checkpoint: .pt, .safetensors, .npz, or an existing .frz file.

To make a trained network small within a limit on size or accuracy, use `frformat compress` instead. IN is a file, a
Hugging Face folder, an index of shards, or - for standard input. OUT.frz can be - for standard output.

Without --keep, --energy, --max-error and --format, encoding is lossless: weights are stored exactly, and spectra from
Frequency Regularization with all nonzero coefficients. The first three options apply to spectra and to float tensors of
rank 2 or more; tensors that would not get smaller are stored exactly. --format alone rounds these tensors; for
weights, qN uses one quantization step for each index of the first axis.

\b
A rule is 'PATTERN: WORDS'; the first that matches a name wins. Words:
  raw                                    store the weights, not a spectrum
  keep=N, keep=N%, energy=S, max-error=S how much of the spectrum to keep
  view=N,N,…                             shape in which the spectrum is taken
  format=F                               number format
  spectral                               the tensor is already a spectrum

\b
Examples:
  frformat encode unet_fr.pt -o unet.frz
  frformat encode unet_fr.pt -o unet.frz --format step=0.1875
  frformat encode model.safetensors -o model.frz --energy 99.9%
  frformat encode model.safetensors -o model.frz --format q8
  frformat encode lenet.pt -o lenet.frz --rule 'fc1.weight: keep=300 view=500,50,4,4' --rule '*.bias: keep=3'
  frformat encode model.frz -o tiers.frz --tiers 10%,50%
  frformat encode new.pt -o new.delta.frz --base old.frz --format q8
"""


@click.command(
    short_help="Store a checkpoint in an .frz file, exactly or rounded.",
    help=HELP,
    epilog="Exit codes: 0 success, 2 error (no output is written, or --verify rejects it).",
)
@click.argument("source", metavar="IN", type=click.Path(allow_dash=True))
@output_option("OUT.frz", "The file to write.", dash=True)
@click.option("--keep", metavar="N|N%", help="Keep the first N coefficients, or N% of them.")
@click.option(
    "--energy", metavar="SHARE", help="Keep the fewest coefficients that retain this share of the energy, e.g. 0.999."
)
@click.option(
    "--max-error",
    metavar="SHARE",
    help="Keep the fewest coefficients that limit errors to this share of the largest weight.",
)
@click.option(
    "--rule", "rules", multiple=True, metavar="RULE", help="Exceptions for some tensors; see above. Repeatable."
)
@click.option(
    "--format",
    metavar="FORMAT",
    default="auto",
    help="Number format: f32, f16, bf16, qN (N-bit integers) or step=S (multiples of S).",
)
@spectral_option
@click.option(
    "--tiers",
    metavar="N,N%,…",
    default="",
    show_default=False,
    help="Add smaller tiers that keep this much of each spectrum.",
)
@click.option(
    "--compression",
    metavar="HOW",
    default="auto",
    help="core (without zstd), fast (to decode), or a coder: none, deflate, zstd, adaptive, static.",
)
@click.option(
    "--base",
    metavar="OLD.frz",
    type=click.Path(),
    help="Write a delta file: the difference from this older version. --format qN then uses that version's steps.",
)
@click.option("--metadata", "-m", multiple=True, metavar="KEY=TEXT", help="Text to store as metadata. Repeatable.")
@entry_option
@click.option("--keep-names", is_flag=True, help="Keep the prefixes that DataParallel, compile, FSDP … add to names.")
@click.option(
    "--trust-pickle",
    is_flag=True,
    help="Run the code that a PyTorch file refers to, which can do anything.",
)
@click.option("--verify", "verifies", is_flag=True, help="Read the new file back and compare.")
@force_option
@json_option
def encode(
    source: str,
    output: str,
    keep: str | None,
    energy: str | None,
    max_error: str | None,
    rules: tuple[str, ...],
    format: str,
    spectral: bool | None,
    tiers: str,
    compression: str,
    base: str | None,
    metadata: tuple[str, ...],
    entry: str | None,
    keep_names: bool,
    trust_pickle: bool,
    verifies: bool,
    force: bool,
    as_json: bool,
) -> None:
    """See :data:`HELP`."""
    from frformat import checkpoints, encoding
    from frformat.cli import report as reports

    start = time.perf_counter()
    given = {"keep": keep, "energy": energy, "max-error": max_error, "format": format}
    default = encoding.Rule().saying(f"{key}={value}" for key, value in given.items() if value is not None)
    policy = encoding.Policy([encoding.Rule.parse(rule) for rule in rules], default, spectral)
    options = {"metadata": _metadata(metadata), "tiers": tier_cuts(tiers), "compression": compression, "base": base}
    stream = sys.stdin.buffer if source == "-" else source
    how: dict[str, Any] = {"name": source, "entry": entry, "keep_names": keep_names, "trust_pickle": trust_pickle}
    with (
        writing(output, force, dash=True, extension=".frz") as target,
        checkpoints.load(stream, **how) as checkpoint,
    ):
        report = _run(checkpoint, target, policy, **options)
        if verifies:
            encoding.verify(checkpoint, target, report, base=base)
        codings = {told.coding for told in report.tensors.values()}
        if format != "auto" and codings <= {"raw", "kept"}:
            report.notes.append(
                "--format applies to spectra and to float tensors of rank 2 or more, but there are none"
            )
        report.notes.extend(base_notes(target, base))
        read = InputFile(source, checkpoint.size)
        found = reports.encoded(report, read, target, output, time.perf_counter() - start)
    with messages_redirected(output):
        if as_json:
            found.print_json()
        else:
            reports.show(found)


def _run(checkpoint: Checkpoint, output: str, policy: Policy, **options: Any) -> Report:
    """Encode with a progress bar."""
    from frformat import encoding

    with terminal.progress() as bar:
        task = bar.add_task("encoding", total=sum(entry.nbytes for entry in checkpoint.entries.values()))
        return encoding.encode(
            checkpoint, output, policy, progress=lambda name, done: bar.update(task, advance=done), **options
        )


def _metadata(pairs: tuple[str, ...]) -> dict[str, str]:
    """Parse ``KEY=TEXT`` options."""
    found = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not (key and equals):
            raise EncodeError(f"metadata {pair!r} is not of the form KEY=TEXT")
        if key in found:
            raise EncodeError(f"metadata {key!r} is given twice")
        found[key] = text
    return found
