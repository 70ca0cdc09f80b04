"""``frformat compress``: compress a trained network within a limit that the user sets."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from frformat.cli import terminal
from frformat.cli.files import base_notes
from frformat.cli.options import ByteCount, entry_option, json_option, output_option
from frformat.cli.output import force_option, messages_redirected, writing
from frformat.dtypes import REAL_DTYPES
from frformat.errors import EncodeError
from frformat.format.tensor import CodedTensor
from frformat.wording import count, listed

if TYPE_CHECKING:
    from torch import nn

    from frformat.checkpoints import Checkpoint
    from frformat.cli.compress import data as inputs

HELP = """Make a trained network small: quantize it as far as a limit allows, without training.

IN is a checkpoint: .pt, .safetensors, .npz or .frz, a Hugging Face folder, or - for standard input. OUT.frz can be -
for standard output. `frformat encode` stores a checkpoint exactly; this command rounds its weights. With --model and
--data, it runs the network on a few hundred inputs, which need no labels, to find out how much each weight matters.
Without them, it uses the weights alone, and a file of equal accuracy is about 50 % larger.

Use at most one of --max-drop, --size, --bits and --quality. Accuracy is measured on labeled inputs that are not used
for calibration. Do not pass data that you will report results on.

\b
--model is unet, lenet5 or resnet20, or FILE.py:NAME or package.module:NAME, where NAME is a torch.nn.Module or a
function that returns one; the file is executed.
--data is a folder of pictures, optionally with a subfolder for each class in the order of their names, or an .npz file
with x, the model's inputs, and optionally y, their classes as integers.

\b
Examples:
  frformat compress model.pt -o model.frz --quality 6
  frformat compress model.pt -o model.frz --model net.py:Net --data calibration.npz --size 100kB
  frformat compress new.pt -o new.delta.frz --base model.frz
  frformat compress resnet20.th -o resnet20.frz --model resnet20 --data cifar/ --pixels imagenet --max-drop 0.5
"""

LIMITS: Final = ("max-drop", "size", "bits", "quality")
"""Options that limit the size or the loss. At most one can be given."""

BATCH: Final = 64
"""Number of inputs in a batch."""

SHOWN: Final = 5
"""Largest number of names to list in a note."""


@click.command(
    short_help="Make a trained network small, without training it.",
    help=HELP,
    epilog="Exit codes: 0 success, 2 error (nothing is written).",
)
@click.argument("source", metavar="IN", type=click.Path(allow_dash=True))
@output_option("OUT.frz", "The file to write, or - for standard output.", dash=True)
@click.option(
    "--max-drop", type=float, metavar="POINTS", help="Largest allowed drop in the metric, in percentage points."
)
@click.option("--size", type=ByteCount(), metavar="SIZE", help="Largest file size, e.g. 100kB.")
@click.option("--bits", type=float, metavar="BITS", help="Largest file size, in bits per parameter.")
@click.option("--quality", type=float, metavar="1…10", help="Quality; +3 cuts the loss to a tenth.  [default: 6]")
@click.option("--model", "architecture", metavar="SPEC", help="Architecture of the network; see above.")
@click.option("--data", type=click.Path(), metavar="PATH", help="Typical inputs; see above.")
@click.option(
    "--metric", type=click.Choice(["accuracy", "agreement"]), help="Metric.  [default: accuracy if there are labels]"
)
@click.option("--calibrate", type=click.IntRange(min=2), default=512, help="Number of calibration inputs.")
@click.option("--mirror", is_flag=True, help="Also calibrate with mirrored inputs.")
@click.option(
    "--pixels",
    type=click.Choice(["unit", "grey", "imagenet", "mnist"]),
    default="unit",
    help="Normalization of pixels.",
)
@click.option(
    "--outputs", type=click.Choice(["auto", "logits", "values"]), default="auto", help="Type of the model's outputs."
)
@click.option(
    "--effort",
    type=click.IntRange(min=1),
    default=1,
    help="With --size or --bits, try this many files and keep the best.",
)
@click.option("--seed", type=int, default=0, help="Seed for the choice of inputs.")
@click.option("--plot", type=click.Path(), metavar="OUT.png", help="Plot all trials: quality against size.")
@entry_option
@click.option(
    "--base",
    type=click.Path(),
    metavar="OLD.frz",
    help="Write a delta file: the difference from this older version, with its quantization steps.",
)
@force_option
@json_option
def compress(
    source: str,
    output: str,
    architecture: str | None,
    data: str | None,
    metric: str | None,
    calibrate: int,
    mirror: bool,
    pixels: str,
    plot: str | None,
    entry: str | None,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """See :data:`HELP`."""
    context = click.get_current_context()
    limits = [f"--{name}" for name in LIMITS if options[name.replace("-", "_")] is not None]
    if len(limits) > 1:
        raise click.UsageError(f"Pass only one of {' and '.join(limits)}.", context)
    if data is not None and architecture is None:
        raise click.UsageError("--data needs --model, the network to run on the data.", context)
    if options["max_drop"] is not None and data is None:
        raise click.UsageError("--max-drop needs --data, on which to measure the metric.", context)
    given = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    for name in ("metric", "calibrate", "mirror", "pixels", "outputs", "seed"):
        if name in given and data is None:
            raise click.UsageError(f"--{name} needs --data, to which it applies.", context)
    if "pixels" in given and data is not None and not os.path.isdir(data) and os.path.exists(data):
        raise click.UsageError("--pixels applies to a folder of pictures; an .npz file has normalized inputs.", context)
    if "effort" in given and options["size"] is None and options["bits"] is None:
        raise click.UsageError("--effort needs --size or --bits.", context)
    from frformat import checkpoints
    from frformat.cli.compress import plotting, report
    from frformat.cli.compress.data import Inputs
    from frformat.torch import compression

    start = time.perf_counter()
    if plot is not None:
        plotting.check(plot)
    drawing = writing(plot, force) if plot is not None else nullcontext()
    stream = sys.stdin.buffer if source == "-" else source
    with (
        writing(output, force, dash=True, extension=".frz") as target,
        drawing,
        checkpoints.load(stream, name=source, entry=entry) as checkpoint,
    ):
        if architecture is None:
            network: Any = _tensors(checkpoint)
        else:
            network = _network(architecture, checkpoint, source)
        if data is not None:
            split = Inputs.read(data, pixels).split(calibrate, options["seed"])
            options |= _uses(*split, metric, mirror, data, needed=options["max_drop"] is not None)
        with terminal.progress() as bar:
            result = compression.compress(
                network, target, metadata=checkpoint.metadata, progress=_shown(bar), **options
            )
        result.notes[:0] = [*checkpoint.notes, *(_kept(checkpoint) if architecture is None else [])]
        result.notes.extend(base_notes(target, options["base"]))
        if plot is not None:
            plotting.save(result, plot)
        size = checkpoint.size
    with messages_redirected(output):
        report.show(result, source, size, output, time.perf_counter() - start, as_json=as_json)


def _tensors(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the tensors of a checkpoint by name; tied names share a tensor."""
    from frformat.checkpoints.torch_tensors import to_torch

    found: dict[str, Any] = {}
    for name, entry in checkpoint.entries.items():
        if entry.shared and entry.dtype in REAL_DTYPES:
            found[name] = CodedTensor.of_array(entry.array(), "auto")  # only tensors are rounded
        else:
            found[name] = to_torch(entry.array().copy()) if entry.kind in ("dense", "coded") else checkpoint[name]
    return found | {name: found[target] for name, target in checkpoint.aliases.items()}


def _kept(checkpoint: Checkpoint) -> list[str]:
    """Return a note on the tensors that are not rounded, if there are any."""
    names = [name for name, entry in checkpoint.entries.items() if entry.shared]
    return [f"{listed(names, SHOWN)}: stored exactly, because elements share memory"] if names else []


def _network(architecture: str, checkpoint: Checkpoint, source: str) -> nn.Module:
    """Build the network and load its weights."""
    from frformat.checkpoints.fitting import load_into
    from frformat.runtimes import models

    network = models.build(architecture)
    try:
        load_into(network, {name: each.array() for name, each in checkpoint.untied().items()})
    except ValueError as error:
        raise EncodeError(f"{source} does not fit {architecture}: {error}") from error
    return network


def _uses(
    chosen: inputs.Inputs, others: inputs.Inputs, metric: str | None, mirror: bool, path: str, *, needed: bool
) -> dict[str, Any]:
    """Return the calibration batches, and the metric on the other inputs."""
    found: dict[str, Any] = {"batches": chosen.batches(BATCH, mirror=mirror)}
    if metric == "accuracy" or (metric is None and chosen.labels is not None):
        if chosen.labels is None:
            raise EncodeError(f"{path}: accuracy needs labels: a folder for each class, or y in an .npz file")
        if len(others):
            found["metric"] = others.accuracy(BATCH)
        elif needed or metric is not None:
            raise EncodeError(
                f"{path}: calibration uses every input; none of the {len(chosen)} is left to measure accuracy on: "
                "provide more, or use a smaller --calibrate"
            )
    elif needed and len(found["batches"]) < 2:
        raise EncodeError(
            f"{path}: {count(len(chosen), 'input')} in one batch of {BATCH}; without labels, --max-drop needs at least "
            f"{BATCH + 1}: one batch to calibrate, others to measure agreement on"
        )
    return found


def _shown(bar: Any) -> Callable[[str, int, int], None]:
    """Return a callback that shows progress as one bar per step."""
    tasks: dict[str, Any] = {}

    def told(what: str, done: int, total: int) -> None:
        if what not in tasks:
            for old in tasks.values():
                bar.update(old, visible=False)
            tasks[what] = bar.add_task(what, total=total)
        bar.update(tasks[what], completed=done)

    return told
