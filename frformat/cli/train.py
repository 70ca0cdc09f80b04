"""``frformat train``: networks by recipe, from the data to the ``.frz`` file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import click

from frformat.cli import terminal
from frformat.cli.options import json_option, tier_cuts
from frformat.errors import EncodeError

HELP: Final = """Train a network by a recipe, within the first DCT coefficients of its weights.

RECIPE is one of those that --list shows, or FILE.py with a class of your own that is a frformat.train.Recipe
(FILE.py:NAME if there are several). What is left out of the options below is as the recipe has it.

All files go to one folder: model.frz, checkpoint.pt, history.jsonl (one line for each epoch) and pictures of both.
--resume goes on after whatever ended a run and comes to the same weights.

\b
Examples:
  frformat train digits
  frformat train lenet5 --data ~/data --seed 1 -o runs/lenet5-1
  frformat train lenet5 --dense -o runs/teacher
  frformat train lenet5 --distill 0.5 --teacher runs/teacher/model.frz
  frformat train lenet5 --tiers 25%,50% --distill 0.5 --temperature 1
  frformat train unet-isbi --schedule tail --epochs 300 --resume
  torchrun --nproc-per-node 2 -m frformat train resnet20
"""

OPTIONS: Final = {
    # name of the setting: (what it is, how help calls its value, help)
    "epochs": (int, "N", "Epochs."),
    "batch": (int, "N", "Samples in a step, on all machines together."),
    "seed": (int, "N", "Of all randomness."),
    "optimizer": (str, "NAME", "adamw or eigen."),
    "lr": (float, "RATE", "Largest learning rate of coefficients."),
    "plain_lr": (float, "RATE", "Largest learning rate of what is not regularized."),
    "warmup": (float, "SHARE", "Share of the run in which learning rates rise."),
    "weight_decay": (float, "RATE", "Decoupled weight decay."),
    "schedule": (str, "NAME", "How coefficients become fewer: start, tail, geometric, guarded, budget, prune."),
    "truncate_for": (float, "SHARE", "Share of the run in which they do."),
    "tolerance": (float, "T", "By how much the metric may fall (guarded)."),
    "holdout": (float, "SHARE", "Share of the training samples to watch progress with."),
    "format": (str, "FORMAT", "Numbers to train for: q8, step=0.1, f16, …"),
    "quantize_from": (float, "SHARE", "Share of the run after which they are rounded."),
    "average_from": (float, "SHARE", "Share of the run after which weights are averaged."),
    "distill": (float, "SHARE", "Share of the loss that follows --teacher."),
    "temperature": (float, "T", "Temperature of distillation."),
    "precision": (str, "NAME", "Of the forward pass: f32, bf16, f16."),
}


def setting_options(command: Any) -> Any:
    """The options of :data:`OPTIONS`, each None where it is not given."""
    for name, (kind, metavar, help) in reversed(OPTIONS.items()):
        command = click.option(f"--{name.replace('_', '-')}", name, type=kind, metavar=metavar, help=help)(command)
    return command


def list_recipes(*, as_json: bool) -> None:
    """Print the recipes."""
    from frformat.train import RECIPES

    if as_json:
        facts = {n: {"summary": r.summary, "epochs": r.defaults.epochs, "metric": r.metric} for n, r in RECIPES.items()}
        terminal.print_json(facts)
        return
    table = terminal.table("recipe", "what", "epochs", left=("recipe", "what"))
    for name, recipe in RECIPES.items():
        table.add_row(name, recipe.summary, str(recipe.defaults.epochs))
    terminal.show(table)


@click.command(help=HELP, epilog="Exit codes: 0 fine, 2 an error; 130 interrupted: --resume goes on.")
@click.argument("name", metavar="RECIPE", required=False)
@click.option("-o", "--output", metavar="DIR", type=click.Path(), help="Folder of the run.  [default: runs/RECIPE]")
@click.option("--data", metavar="DIR", type=click.Path(), help="Folder of data sets.  [default: $FRFORMAT_DATA]")
@click.option("--keep", metavar="N|N%", help="Coefficients of each tensor, or their share.")
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="Replace the recipe's rules; as for encode.")
@click.option("--tiers", metavar="N,N%,…", help="Train smaller tiers, too, that keep so much of each tensor.")
@click.option("--dense", is_flag=True, help="Train the plain model: a reference, or a teacher.")
@setting_options
@click.option("--teacher", metavar="FILE.frz", type=click.Path(), help="A trained model to learn from.")
@click.option("--from", "weights", metavar="FILE.frz", type=click.Path(), help="Weights to begin with.")
@click.option("--device", metavar="NAME", help="Such as cpu or cuda:1.  [default: a GPU if there is one]")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Of the CPU; 1 makes runs equal bit for bit.")
@click.option("--resume", is_flag=True, help="Go on where the run in the folder was broken off.")
@click.option("--force", is_flag=True, help="Begin anew in a folder that holds a run.")
@click.option(
    "--checkpoint-every", type=float, default=60, show_default=True, metavar="SECONDS", help="Time between checkpoints."
)
@click.option("--list", "listed", is_flag=True, help="List the recipes.")
@json_option
def train(
    name: str | None,
    output: str | None,
    data: str | None,
    keep: str | None,
    rules: tuple[str, ...],
    tiers: str | None,
    dense: bool,
    teacher: str | None,
    weights: str | None,
    device: str | None,
    threads: int | None,
    resume: bool,
    force: bool,
    checkpoint_every: float,
    listed: bool,
    as_json: bool,
    **changes: Any,
) -> None:
    """See :data:`HELP`."""
    if listed:
        list_recipes(as_json=as_json)
        return
    if name is None:
        raise click.UsageError("Missing argument 'RECIPE'; --list shows all.", click.get_current_context())
    import torch

    from frformat import train as training
    from frformat.cli.training import Bar, find, report

    kind = find(name)
    changes = {key: value for key, value in changes.items() if value is not None}
    if keep is not None:
        changes["keep"] = _keep(keep)
    if rules:
        changes["rules"] = rules
    if tiers is not None:
        changes["tiers"] = tuple(tier_cuts(tiers))
    folder = output or os.path.join("runs", kind.name)
    _check(folder, resume, force)
    if threads:
        torch.set_num_threads(threads)
    with told(), training.joined(device) as workers:
        recipe = kind(replace(kind.defaults, dense=dense, **changes))
        bar = Bar(recipe, shown=workers.first)
        with bar:
            outcome = training.train(
                recipe,
                folder,
                folder=data,
                weights=weights,
                teacher=teacher,
                workers=workers,
                resume=resume,
                checkpoint_every=checkpoint_every,
                watcher=bar,
            )
    if workers.first:
        report(recipe, outcome, bar.rows, as_json)


@contextmanager
def told() -> Iterator[None]:
    """Settings that cannot be met, data and checkpoints that do not fit: what the user can change, not a defect."""
    try:
        yield
    except EncodeError:
        raise
    except ValueError as error:
        raise click.UsageError(" ".join(str(error).split()), click.get_current_context()) from error


def _check(folder: str, resume: bool, force: bool) -> None:
    """See that no run is overwritten unasked."""
    from frformat.train.loop import CHECKPOINT

    if resume and force:
        raise click.UsageError("--resume and --force exclude each other.", click.get_current_context())
    if resume and not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "there is no run to go on with; leave --resume out to begin one", folder)
    path = os.path.join(folder, CHECKPOINT)
    if os.path.exists(path) and not (resume or force):
        raise FileExistsError(errno.EEXIST, "it is a run's; --resume goes on with that, --force begins anew", path)


def _keep(text: str) -> int | float:
    """``100`` or ``5%`` as a number or a share of coefficients."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else int(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is neither a number such as 100 nor a share such as 5%", param_hint="--keep"
        ) from error
