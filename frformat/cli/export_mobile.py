"""``frformat export-mobile``: export a model for PyTorch Mobile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from frformat.cli import terminal
from frformat.cli.options import json_option, tier_option
from frformat.cli.output import force_option, writing
from frformat.cli.terminal import clean, count, echo

if TYPE_CHECKING:
    from frformat.runtimes.pytorch_mobile import Export

HELP = """Write a skeleton: a model for PyTorch Mobile without its weights, which model.frz holds.

MODEL is unet, lenet5 or resnet20, or FILE.py:NAME, where NAME is a torch.nn.Module or a function that returns one; the
file is executed. TorchScript must be able to compile the model or, with --example, to trace it. Its operators are
checked against those of the oldest runtime. The app passes the tensors of model.frz to the skeleton's load_weights;
the library android-decoder/pytorch does this.

With --factored, the skeleton runs on the coefficients of --weights and never rebuilds its weights: it loads at once and
takes little memory. It is made for exactly as many coefficients as that file has at its --tier, and for inputs about as
large as --example.

\b
Examples:
  frformat export-mobile unet -o model.ptl
  frformat export-mobile net.py:Net -o model.ptl --weights model.frz --complete complete.ptl
  frformat export-mobile net.py:make_net -o model.ptl --example 1,3,224,224
  frformat export-mobile unet -o model.ptl --factored --weights model.frz --example 1,3,640,959
  frformat export-mobile unet -o model.pt        # the same for LibTorch, DJL and torch.jit.load
"""


@click.command("export-mobile", help=HELP, epilog="Exit codes: 0 success, 2 error; the output is unchanged then.")
@click.argument("model")
@click.option("-o", "--output", metavar="OUT.ptl", type=click.Path(), required=True, help="The skeleton to write.")
@click.option("--weights", metavar="IN.frz", type=click.Path(), help="Check that this file fits the model.")
@click.option("--factored", is_flag=True, help="Run on coefficients. Needs --weights and --example.")
@tier_option
@click.option("--complete", metavar="OUT.ptl", type=click.Path(), help="Also write the model with these weights.")
@click.option(
    "--example",
    "shapes",
    metavar="N,N,…",
    multiple=True,
    help="Shape of an input, for tracing or choosing factors.",
)
@click.option("--probe", is_flag=True, help="Also return the layers' outputs, for `frformat compare`. Needs --example.")
@click.option("--runtime", metavar="RELEASE", default="1.12", show_default=True, help="The oldest runtime to support.")
@force_option
@json_option
def export_mobile(
    model: str,
    output: str,
    weights: str | None,
    factored: bool,
    tier: int | None,
    complete: str | None,
    shapes: tuple[str, ...],
    probe: bool,
    runtime: str,
    force: bool,
    as_json: bool,
) -> None:
    """See :data:`HELP`."""
    if weights is None and (complete is not None or tier is not None):
        raise click.UsageError(
            "--complete needs --weights." if complete is not None else "--tier needs --weights.",
            click.get_current_context(),
        )
    if factored:
        _check_factored(weights, shapes, probe)
    sizes = [_shape(text) for text in shapes]

    import torch

    from frformat.runtimes import pytorch_mobile
    from frformat.runtimes.pytorch_mobile import models

    with writing(output, force):
        net = models.build(model)
        if weights is not None:
            models.give(net, weights, tier=tier)
        options: dict[str, Any] = {"runtime": runtime, "probe": probe}
        if sizes:
            options["example"] = [torch.zeros(size) for size in sizes]
        if factored:
            assert weights is not None
            thin = models.factored(net, weights, options["example"], tier=tier)
            written = pytorch_mobile.export_mobile(thin, output, runtime=runtime)
        else:
            written = pytorch_mobile.export_mobile(net, output, **options)
    whole = None
    if complete is not None:
        with writing(complete, force):
            whole = pytorch_mobile.export_mobile(net, complete, with_weights=True, **options)
    if as_json:
        terminal.print_json({"skeleton": vars(written), "complete": whole and vars(whole)})
    else:
        _show(written, whole, weights)


def _check_factored(weights: str | None, shapes: tuple[str, ...], probe: bool) -> None:
    """Check that the options that --factored needs are given, and those that it excludes are not."""
    context = click.get_current_context()
    if weights is None or not shapes:
        raise click.UsageError("--factored needs --weights, and --example with the shape of an input.", context)
    if probe:
        raise click.UsageError("A factored model has no layer outputs; omit --probe.", context)


def _shape(text: str) -> list[int]:
    """Parse a shape such as ``1,3,224,224``."""
    try:
        shape = [int(part) for part in text.split(",")]
    except ValueError:
        shape = [-1]
    if min(shape) < 0:
        raise click.BadParameter(f"{text!r} is not a shape such as 1,3,224,224", param_hint="--example")
    return shape


def _show(written: Export, whole: Export | None, weights: str | None) -> None:
    of = f", {len(written.coefficients):,} as coefficients," if written.coefficients else ""
    runs = f"PyTorch Mobile {written.runtime} and later" if written.runtime else "LibTorch, DJL and torch.jit.load"
    how = ", traced" if written.traced else ""
    echo(
        clean(
            f"{written.path}: {count(written.bytes, 'byte')}, a skeleton of {count(len(written.tensors), 'tensor')}"
            f"{of} for {runs}{how}"
        )
    )
    if weights is not None:
        size = os.path.getsize(weights)
        total = count(written.bytes + size, "byte")
        echo(clean(f"{weights}: {count(size, 'byte')}, fits the model; together {total}"))
    if whole is not None:
        echo(clean(f"{whole.path}: {count(whole.bytes, 'byte')}, with weights"))
