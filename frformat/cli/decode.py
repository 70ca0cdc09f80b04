"""``frformat decode``: convert ``.frz`` files to checkpoints in other formats."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from frformat.cli import terminal
from frformat.cli.files import InputFile, Opening, open_frz
from frformat.cli.options import json_option, opening_options, output_option
from frformat.cli.output import STDOUT, force_option, messages_redirected, writing
from frformat.errors import EncodeError, FrzError
from frformat.wording import clean, count

if TYPE_CHECKING:
    from frformat.checkpoints import Checkpoint, Entry


HELP = """Rebuild the tensors of FILE and write them as an ordinary checkpoint.

Tensors are rebuilt and written one at a time; a .pt file is collected in memory first.

\b
Examples:
  frformat decode model.frz -o model.safetensors
  frformat decode model.frz -o small.npz --tier 0
  frformat decode unet.frz -o unet_fr.pt --spectral
  frformat decode new.delta.frz --base old.frz -o new.safetensors
  cat model.frz | frformat decode - -o model.pt
"""


@dataclass(frozen=True)
class Decoded:
    """The output of ``--json``.

    Attributes:
        input: the file that was read.
        file: the file that was written.
        bytes: its size.
        tensor_count: number of tensors in it.
        tier: the tier that was decoded.
        seconds: time taken.
        notes: notes for the user, one line each.
    """

    input: InputFile
    file: str
    bytes: int
    tensor_count: int
    tier: int
    seconds: float
    notes: list[str]


@click.command(
    short_help="Rebuild the tensors of a file as an ordinary checkpoint.",
    help=HELP,
    epilog="Exit codes: 0 success, 2 error (the output is unchanged).",
)
@click.argument("source", metavar="FILE", type=click.Path(allow_dash=True))
@output_option("OUT", ".safetensors, .npz, .pt or .pth; or - for standard output, with --to.", dash=True)
@click.option("--to", type=click.Choice(["safetensors", "npz", "pt"]), help="Format to write.  [default: by extension]")
@click.option("--spectral", is_flag=True, help="Write spectra instead of weights, as sparse tensors in a .pt file.")
@opening_options
@force_option
@json_option
def decode(
    source: str, output: str, to: str | None, spectral: bool, opening: Opening, force: bool, as_json: bool
) -> None:
    """See :data:`HELP`."""
    from frformat import checkpoints
    from frformat.checkpoints import frz

    start = time.perf_counter()
    if to is None and output == STDOUT:
        raise click.UsageError("-o - needs --to, the format to write.", click.get_current_context())
    kind = to or checkpoints.writer_of(output)
    if spectral and kind != "pt":
        raise EncodeError(f"{output}: --spectral writes sparse tensors, which only .pt files can contain")
    with writing(output, force, dash=True) as target, open_frz(source, opening) as file:
        total = sum(file.info(name).nbytes for name in file)
        if not spectral:
            budget = opening.memory_budget
            if kind == "pt" and total > budget:
                reason = f"a .pt file is built in memory and needs {total:,} bytes; {budget:,} are allowed"
                raise FrzError("BUDGET", reason, path=source)
            _check_room(total, target, output)
        with terminal.progress() as bar:
            task = bar.add_task("decoding", total=total)
            checkpoint = _watched(frz.of(file, spectral=spectral), lambda done: bar.update(task, advance=done))
            notes = checkpoints.save(checkpoint, target, kind=kind)
        facts = Decoded(
            input=InputFile(source, file.container.size),
            file=output,
            bytes=os.path.getsize(target),
            tensor_count=len(file),
            tier=file.tier,
            seconds=time.perf_counter() - start,
            notes=notes,
        )
    with messages_redirected(output):
        if as_json:
            terminal.print_json(facts)
        else:
            _show(facts)


def _check_room(total: int, target: str, output: str) -> None:
    """Check, before rebuilding anything, that the output fits on the disk: a few bytes can describe terabytes."""
    free = shutil.disk_usage(os.path.dirname(target) or ".").free
    if total > free:
        raise OSError(errno.ENOSPC, f"the tensors take {total:,} bytes, but the disk has only {free:,} left", output)


def _watched(checkpoint: Checkpoint, progress: Callable[[int], Any]) -> Checkpoint:
    """Return a checkpoint that calls ``progress`` with the size of each tensor it loads."""

    def watched(entry: Entry) -> Entry:
        def load() -> Any:
            value = entry.load()
            progress(entry.nbytes)
            return value

        return replace(entry, load=load)

    return replace(checkpoint, entries={name: watched(entry) for name, entry in checkpoint.entries.items()})


def _show(facts: Decoded) -> None:
    out = terminal.console()
    for note in facts.notes:
        out.print(clean(note), style="dim", soft_wrap=True)
    text = f"{clean(facts.file)}: {count(facts.tensor_count, 'tensor')}, {count(facts.bytes, 'byte')}"
    text += f" from {count(facts.input.bytes)}, in {facts.seconds:.1f} s"
    out.print(text, style="bold", soft_wrap=True)
