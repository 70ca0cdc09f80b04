"""``frformat train elm``: an Extreme Learning Machine on MNIST."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass
from typing import Final

import click

from frformat.cli import terminal

NAME: Final = "elm"
SUMMARY: Final = "an Extreme Learning Machine on MNIST: a random hidden layer, and an output layer that is solved for"
METRIC: Final = "accuracy"

OPTIONS: Final = ("name", "output", "data", "seed", "format", "force", "as_json", "checkpoint_every")
"""Parameters of ``frformat train`` that apply to this recipe."""

FILE: Final = "model.frz"


@dataclass(frozen=True)
class Outcome:
    """The ``--json`` output.

    Attributes:
        file: the file written.
        bytes: its size.
        filters: number of filters of the hidden layer.
        ridge: the chosen ridge, relative to the mean of the diagonal of HᵀH.
        accuracy: accuracy on the test images.
        decoded: accuracy of the model decoded from the file.
        seconds: time taken.
    """

    file: str
    bytes: int
    filters: int
    ridge: float
    accuracy: float
    decoded: float
    seconds: float


def train(folder: str, data: str | None, *, seed: int, format: str, force: bool, as_json: bool) -> None:
    """Train the model, write it to the folder, and report its accuracy.

    Raises:
        UsageError: an option was given that does not apply.
        OSError: the folder contains a model and ``force`` is not set, or the file cannot be written.
        DataError: the data set is missing or damaged.
    """
    _check_options()
    path = os.path.join(folder, FILE)
    if os.path.exists(path) and not force:
        raise FileExistsError(errno.EEXIST, "it contains a trained model; --force replaces it", path)
    from frformat.train.elm.files import check_format

    check_format(format)
    from frformat.train import elm
    from frformat.train.data.mnist import load_mnist

    begun = time.monotonic()
    (images, labels), (unseen, truth) = (
        (tensor.numpy() for tensor in load_mnist(split, data).tensors) for split in ("train", "test")
    )
    os.makedirs(folder, exist_ok=True)
    model = elm.ELMClassifier(elm.Convolution(), seed=seed)
    with terminal.progress() as bar:
        task = bar.add_task("reading images", total=images.nbytes)
        for start in range(0, len(images), model.batch):
            part = slice(start, start + model.batch)
            model.partial_fit(images[part], labels[part])
            bar.update(task, advance=images[part].nbytes)
        bar.update(task, description="solving")
        score = float(model.score(unseen, truth))
    elm.save(model, path, format=format)
    decoded = float(elm.load(path).score(unseen, truth))
    size, seconds = os.path.getsize(path), round(time.monotonic() - begun, 1)
    outcome = Outcome(path, size, model.units_, model.ridge_, score, decoded, seconds)
    if as_json:
        terminal.print_json(outcome)
        return
    terminal.echo(
        f"{path}: {size:,} bytes, accuracy {decoded:.4f} on {len(truth):,} test images ({score:.4f} before rounding), "
        f"{model.units_} filters, in {seconds} s"
    )


def _check_options() -> None:
    """Check that no option was given that applies only to gradient training."""
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") == click.core.ParameterSource.COMMANDLINE
        if given and parameter.name not in OPTIONS:
            raise click.UsageError(f"{parameter.opts[0]} does not apply to {NAME}: it has no training loop.", context)
