"""``frformat export-mobile``: a model becomes a file for PyTorch Mobile."""

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

MODEL is unet, lenet5 or resnet20, or FILE.py:NAME with the name of a torch.nn.Module or of what makes one; the file
is run. The model must be one that TorchScript can compile, or, with --example, trace. Its operators are checked
against those of the oldest runtime. The app calls the skeleton's load_weights with the tensors of model.frz;
the module android-decoder/pytorch does both.

With --factored the skeleton runs on the coefficients of --weights and its weights are never rebuilt: it loads at once
and takes little memory. It is made for as many coefficients as there are in that file, or at its --tier, and for inputs
about as large as --example.

\b
Examples:
  frformat export-mobile unet -o model.ptl
  frformat export-mobile net.py:Net -o model.ptl --weights model.frz --complete complete.ptl
  frformat export-mobile net.py:make_net -o model.ptl --example 1,3,224,224
  frformat export-mobile unet -o model.ptl --factored --weights model.frz --example 1,3,640,959
  frformat export-mobile unet -o model.pt        # the same for LibTorch, DJL and torch.jit.load
"""


@click.command("export-mobile", help=HELP, epilog="Exit codes: 0 fine, 2 an error; the output is then left as it was.")
@click.argument("model")
@click.option("-o", "--output", metavar="OUT.ptl", type=click.Path(), required=True, help="The skeleton to write.")
@click.option("--weights", metavar="IN.frz", type=click.Path(), help="Check that this file fits the model.")
@click.option("--factored", is_flag=True, help="Run on coefficients. Needs --weights and --example.")
@tier_option
@click.option("--complete", metavar="OUT.ptl", type=click.Path(), help="Write the model with these weights, too.")
@click.option(
    "--example",
    "shapes",
    metavar="N,N,…",
    multiple=True,
    help="Shape of an input, to trace with or choose factors for.",
)
@click.option("--probe", is_flag=True, help="Return the layers' outputs, too, for `frformat compare`. Needs --example.")
@click.option("--runtime", metavar="RELEASE", default="1.12", show_default=True, help="The oldest runtime to run it.")
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
            "--complete needs --weights." if complete is not None else "--tier is one of --weights; name the file.",
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
    """See that what --factored needs is there, and what excludes it is not."""
    context = click.get_current_context()
    if weights is None or not shapes:
        raise click.UsageError("--factored needs --weights, and --example with the shape of an input.", context)
    if probe:
        raise click.UsageError("A factored model has no outputs of layers to show; leave --probe out.", context)


def _shape(text: str) -> list[int]:
    """``1,3,224,224`` as numbers."""
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
