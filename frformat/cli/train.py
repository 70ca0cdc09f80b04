"""``frformat train``: train networks by recipe, from data to an ``.frz`` file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from frformat.cli import elm, terminal
from frformat.cli.options import ByteCount, Nonnegative, json_option, tier_cuts
from frformat.errors import DependencyError, EncodeError
from frformat.wording import in_one_line, parse_amount

if TYPE_CHECKING:
    from frformat.train import ProcessGroup, Recipe

HELP: Final = """Train a network with a recipe. The parameters are the first DCT coefficients of its weights.

RECIPE is one of those that --list shows, or FILE.py with your own subclass of frformat.train.Recipe (FILE.py:NAME if
there are several). Options that are omitted keep the recipe's values.

All files go to one folder: model.frz, checkpoint.pt, history.jsonl (one line per epoch), plots and, with --quantized,
start.frz (the compressed initial weights).
--resume continues an interrupted run and reaches the same weights.

\b
Examples:
  frformat train digits
  frformat train lenet5 --data ~/data --seed 1 -o runs/lenet5-1
  frformat train lenet5 --dense -o runs/teacher
  frformat train lenet5 --distill 0.5 --teacher runs/teacher/model.frz
  frformat train lenet5 --size 1.5kB
  frformat train lenet5 --quantized --size 4kB --from dense.frz --teacher dense.frz --distill 0.5
  frformat train lenet5 --tiers 25%,50% --distill 0.5 --temperature 1
  frformat train lenet5 --nested --tiers 20%,36%,60% --minimum 0.97
  frformat train unet-isbi --schedule tail --epochs 300 --resume
  torchrun --nproc-per-node 2 -m frformat train resnet20
  frformat train elm --seed 1 -o runs/elm
"""

OPTIONS: Final = {
    # name of the setting: (type, metavar, help)
    "epochs": (int, "N", "Number of epochs."),
    "batch": (int, "N", "Samples per step, in all processes together."),
    "seed": (int, "N", "Seed of all random numbers."),
    "optimizer": (str, "NAME", "adamw; sgd; or eigen, which needs fewer epochs, but supports only --schedule start."),
    "lr": (float, "RATE", "Largest learning rate of coefficients."),
    "plain_lr": (float, "RATE", "Largest learning rate of parameters that are neither regularized nor quantized."),
    "quantized_lr": (float, "RATE", "With --quantized: largest learning rate of matrices, in quantization steps."),
    "warmup": (float, "SHARE", "Share of the run over which learning rates rise to their maximum."),
    "weight_decay": (float, "RATE", "Weight decay, decoupled except with sgd."),
    "schedule": (
        str,
        "NAME",
        "How coefficients are dropped: start (before training), tail (equally many per epoch), geometric (an equal "
        "share), guarded (while the metric holds), budget (where they matter least), prune (the smallest ones).",
    ),
    "truncate_for": (float, "SHARE", "Share of the run in which coefficients are dropped."),
    "tolerance": (float, "T", "By how much the metric may deteriorate (--schedule guarded)."),
    "holdout": (float, "SHARE", "Share of the training samples to use as a validation set."),
    "format": (str, "FORMAT", "Number format to train for, as for encode."),
    "quantize_from": (
        float,
        "SHARE",
        "Share of the run after which coefficients are rounded; --quantized approaches that gradually.",
    ),
    "average_from": (float, "SHARE", "Share of the run after which weights are averaged."),
    "distill": (
        float,
        "SHARE",
        "Share of the loss that compares outputs with those of --teacher or, with --tiers, of the largest tier.",
    ),
    "temperature": (float, "T", "Divisor of the logits that --distill compares."),
    "precision": (str, "NAME", "Precision of the forward pass: f32, bf16, f16."),
}


UNUSED: Final = ("lr", "schedule", "truncate_for", "tolerance", "format")
"""Settings about regularized tensors, which have no effect with ``--quantized``."""


def setting_options(command: Any) -> Any:
    """Add the options of :data:`OPTIONS`, all with the default None."""
    for name, (kind, metavar, help) in reversed(OPTIONS.items()):
        command = click.option(f"--{name.replace('_', '-')}", name, type=kind, metavar=metavar, help=help)(command)
    return command


def list_recipes(*, as_json: bool) -> None:
    """Print the recipes."""
    from frformat.train import RECIPES

    if as_json:
        facts = {n: {"summary": r.summary, "epochs": r.defaults.epochs, "metric": r.metric} for n, r in RECIPES.items()}
        facts[elm.NAME] = {"summary": elm.SUMMARY, "epochs": 1, "metric": elm.METRIC}
        terminal.print_json(facts)
        return
    table = terminal.table("recipe", "what", "epochs", left=("recipe", "what"))
    for name, recipe in RECIPES.items():
        table.add_row(name, recipe.summary, str(recipe.defaults.epochs))
    table.add_row(elm.NAME, elm.SUMMARY, "1")
    terminal.show(table)


@click.command(help=HELP, epilog="Exit codes: 0 success, 2 error, 130 interrupted (continue with --resume).")
@click.argument("name", metavar="RECIPE", required=False)
@click.option("-o", "--output", metavar="DIR", type=click.Path(), help="Folder of the run.  [default: runs/RECIPE]")
@click.option("--data", metavar="DIR", type=click.Path(), help="Folder of data sets.  [default: $FRFORMAT_DATA]")
@click.option("--keep", metavar="N|N%", help="Number or share of coefficients to keep in each tensor.")
@click.option(
    "--rule",
    "rules",
    multiple=True,
    metavar="RULE",
    help="Rule, as for encode; replaces all of the recipe's. Repeatable.",
)
@click.option("--tiers", metavar="N,N%,…", help="Also train smaller tiers that keep this much of each tensor.")
@click.option("--size", type=ByteCount(), metavar="SIZE", help="Train for a file of this size, such as 900 or 1.5kB.")
@click.option("--dense", is_flag=True, help="Train the plain model, as a reference or a teacher.")
@click.option("--quantized", is_flag=True, help="Compress --from to --size, and train the weights in compressed form.")
@click.option("--nested", is_flag=True, help="Train tiers with fewer filters; --tiers gives their shares.")
@click.option("--minimum", metavar="METRIC", type=float, help="Metric that the smallest tier must reach (--nested).")
@click.option("--stage-epochs", metavar="N", type=int, help="Epochs of each stage of pruning and growing (--nested).")
@click.option("--ranking", metavar="NAME", help="Which filters are kept (--nested): trr, l1, random.")
@setting_options
@click.option("--teacher", metavar="FILE.frz", type=click.Path(), help="A trained model to learn from (--distill).")
@click.option("--from", "weights", metavar="FILE.frz", type=click.Path(), help="Initial weights.")
@click.option("--device", metavar="NAME", help="Device, such as cpu or cuda:1.  [default: a GPU if available]")
@click.option(
    "--threads", type=click.IntRange(1, 1024), metavar="N", help="CPU threads; 1 makes runs reproducible bit for bit."
)
@click.option("--resume", is_flag=True, help="Continue the interrupted run in the folder.")
@click.option("--force", is_flag=True, help="Start over in a folder that already contains a run.")
@click.option("--checkpoint-every", type=Nonnegative(), default=60, metavar="SECONDS", help="Time between checkpoints.")
@click.option("--list", "listed", is_flag=True, help="List the recipes.")
@json_option
def train(
    name: str | None,
    output: str | None,
    data: str | None,
    keep: str | None,
    rules: tuple[str, ...],
    tiers: str | None,
    size: int | None,
    dense: bool,
    quantized: bool,
    nested: bool,
    minimum: float | None,
    stage_epochs: int | None,
    ranking: str | None,
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
    changes = {key: value for key, value in changes.items() if value is not None}
    if name == elm.NAME:
        seed, format = changes.get("seed", 0), changes.get("format", "q8")
        with told():
            elm.train(
                output or os.path.join("runs", name), data, seed=seed, format=format, force=force, as_json=as_json
            )
        return
    from frformat.cli.training import find

    _check_drawing()
    kind = find(name)
    if keep is not None:
        changes["keep"] = _keep(keep)
    if rules:
        changes["rules"] = rules
    cuts = () if tiers is None else tuple(tier_cuts(tiers))
    folder = output or os.path.join("runs", kind.name)
    stages: dict[str, Any] = {"minimum": minimum, "epochs": stage_epochs, "ranking": ranking}
    others = {"keep": keep, "rule": rules, "size": size, "dense": dense, "teacher": teacher, "from": weights}
    others |= {"quantized": quantized}
    unused = {name.replace("_", "-"): changes.get(name) for name in UNUSED}
    _check_quantized(
        quantized,
        {"keep": keep, "rule": rules, "tiers": tiers, "dense": dense, **unused},
        {"quantized-lr": changes.get("quantized_lr")},
    )
    _check_nested(nested, stages, others)
    _check(folder, resume, force, run=os.path.join(folder, "dense") if nested else "")
    common: dict[str, Any] = {"data": data, "device": device, "threads": threads, "resume": resume, "as_json": as_json}
    if nested:
        _train_nested(kind, folder, changes, stages | ({"shares": cuts} if cuts else {}), **common)
        return
    if cuts:
        changes["tiers"] = cuts
    if size is not None:
        changes = {"schedule": "start", **changes, "size": size}
    files = {"weights": weights, "teacher": teacher}
    _train(
        kind,
        folder,
        {"dense": dense, "quantized": quantized, **changes},
        files,
        checkpoint_every=checkpoint_every,
        **common,
    )


def _train(
    kind: type[Recipe],
    folder: str,
    changes: dict[str, Any],
    files: dict[str, str | None],
    *,
    data: str | None,
    device: str | None,
    threads: int | None,
    resume: bool,
    checkpoint_every: float,
    as_json: bool,
) -> None:
    """Train a recipe's network with these changes of its settings, and report the outcome."""
    from frformat import train as training
    from frformat.cli.training import Bar, report

    with _running(folder, device, threads) as group:
        recipe = kind(replace(kind.defaults, **changes))
        bar = Bar(recipe, shown=group.first)
        with bar:
            outcome = training.train(
                recipe,
                folder,
                folder=data,
                **files,
                group=group,
                resume=resume,
                checkpoint_every=checkpoint_every,
                callback=bar,
            )
    if group.first:
        report(recipe, outcome, bar.rows, as_json)


def _train_nested(
    kind: type[Recipe],
    folder: str,
    changes: dict[str, Any],
    stages: dict[str, Any],
    *,
    data: str | None,
    device: str | None,
    threads: int | None,
    resume: bool,
    as_json: bool,
) -> None:
    """Train a recipe's network with nested tiers, and report the outcome."""
    from frformat.cli.nested import train_and_report

    with _running(os.path.join(folder, "dense"), device, threads) as group:
        recipe = kind(replace(kind.defaults, **{"holdout": 0.1, **changes}))
        train_and_report(recipe, folder, stages, data=data, group=group, resume=resume, as_json=as_json)


@contextmanager
def _running(folder: str, device: str | None, threads: int | None) -> Iterator[ProcessGroup]:
    """Join the process group, and report errors and interruptions of the run in ``folder``."""
    import torch

    from frformat import train as training

    if threads:
        torch.set_num_threads(threads)
    with told(), _resumable(folder), training.joined(device) as group:
        yield group


@contextmanager
def told() -> Iterator[None]:
    """Report unusable settings, data and checkpoints as user errors, not as defects."""
    try:
        yield
    except EncodeError:
        raise
    except ValueError as error:
        raise click.UsageError(in_one_line(str(error)), click.get_current_context()) from error


@contextmanager
def _resumable(folder: str) -> Iterator[None]:
    """On Ctrl-C, say how to continue a run that has a checkpoint."""
    from frformat.train.loop import CHECKPOINT

    try:
        yield
    except KeyboardInterrupt:
        if os.path.exists(os.path.join(folder, CHECKPOINT)):
            terminal.echo("\nInterrupted. To continue the run, pass --resume.", err=True)
        raise


def _check(folder: str, resume: bool, force: bool, *, run: str = "") -> None:
    """Check the options that start or continue a run; nothing is overwritten without ``--force``.

    Args:
        folder: the folder of the resulting file.
        resume: whether to continue a run.
        force: whether to start over.
        run: the folder of the run; ``folder`` by default.
    """
    from frformat.train.loop import CHECKPOINT, MODEL

    if resume and force:
        raise click.UsageError("--resume and --force are mutually exclusive.", click.get_current_context())
    if resume and not os.path.isdir(run or folder):
        raise FileNotFoundError(errno.ENOENT, "there is no run to continue; omit --resume to start one", run or folder)
    path = os.path.join(run or folder, CHECKPOINT)
    if os.path.exists(path) and not (resume or force):
        raise FileExistsError(errno.EEXIST, "it belongs to a run; --resume continues it, --force starts over", path)
    model = os.path.join(folder, MODEL)
    if os.path.lexists(model) and not (os.path.exists(path) or force):
        raise FileExistsError(errno.EEXIST, "no run in this folder wrote it; --force replaces it", model)


def _check_nested(nested: bool, stages: dict[str, Any], others: dict[str, Any]) -> None:
    """Check that all given options apply to the selected way of training."""
    names = {"epochs": "stage-epochs"}
    unused = others if nested else {names.get(name, name): value for name, value in stages.items()}
    given = _given(unused)
    if given:
        relation = "cannot be combined with --nested" if nested else "requires --nested"
        raise click.UsageError(f"{', '.join(given)}: {relation}.", click.get_current_context())


def _check_quantized(quantized: bool, others: dict[str, Any], own: dict[str, Any]) -> None:
    """Check that no given option contradicts ``--quantized``, or has no effect with it or without it."""
    given = _given(others if quantized else own)
    if given:
        hint = "; the learning rate is --quantized-lr" if "--lr" in given else ""
        relation = f"cannot be combined with --quantized{hint}" if quantized else "requires --quantized"
        raise click.UsageError(f"{', '.join(given)}: {relation}.", click.get_current_context())


def _given(options: dict[str, Any]) -> list[str]:
    """Return the names of the options that were given."""
    return [f"--{name}" for name, value in options.items() if value is not None and value is not False and value != ()]


def _check_drawing() -> None:
    """Check that the plots can be drawn that every run ends with."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise DependencyError("drawing", error) from error


def _keep(text: str) -> int | float:
    """Parse ``100`` or ``5%``: a number or a share of coefficients."""
    try:
        return parse_amount(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--keep") from error
