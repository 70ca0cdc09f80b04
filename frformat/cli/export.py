"""``frformat export``: export a model for a runtime on phones."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

import click

from frformat.cli import terminal
from frformat.cli.options import base_option, json_option, output_option, tier_option
from frformat.cli.output import force_option, writing
from frformat.cli.terminal import echo
from frformat.wording import clean, count

if TYPE_CHECKING:
    from torch import Tensor

    from frformat.runtimes import Export

DTYPES: Final = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
"""The element types of examples, named like PyTorch's."""

SPELLED: Final = {
    "dynamic": "--fixed",
    "weights_as_inputs": "--weights-as-inputs",
    "probe": "--probe",
    "release": "--release",
}
"""The command-line options that apply to some runtimes only, by the options of :func:`frformat.runtimes.export`."""

HELP = """Write a skeleton: a model without its weights, which are in model.frz.

MODEL is unet, lenet5 or resnet20, or FILE.py:NAME, where NAME is a torch.nn.Module or a function that returns one; the
file is executed. The extension of the output selects the runtime:

\b
  .onnx  ONNX Runtime. The model is traced with --example; inputs can have other sizes, too, unless --fixed is given.
  .ptl   PyTorch Mobile. TorchScript must be able to compile the model or, with --example, to trace it. Its operators
         are checked against those of the oldest release.
  .pt    LibTorch, DJL and torch.jit.load.
  .tflite.frt, .pte.frt
         LiteRT and ExecuTorch: a template that an app fills with the weights. Inputs must have the size of --example.

The app passes the tensors of model.frz to the skeleton; the libraries in android-decoder do this.

With --factored, the skeleton runs on the coefficients of --weights and never rebuilds its weights: it loads immediately
and takes little memory. It accepts exactly as many coefficients as that file has at --tier, and is optimized for inputs
about as large as --example. --prefer memory also does so for layers that run more slowly on coefficients, but take less
memory.

With --weights-as-inputs, the weights are inputs of the ONNX graph, and the app passes them on every run. ONNX Runtime
then keeps no copies of the weights, but runs more slowly, because it cannot prepare them in advance.

\b
Examples:
  frformat export unet -o model.onnx
  frformat export net.py:make_net -o model.onnx --example 1,3,224,224 --weights model.frz
  frformat export net.py:Net -o model.ptl --weights model.frz --complete complete.ptl
  frformat export text.py:Tagger -o model.onnx --example int64:1,128 --weights model.frz
  frformat export unet -o model.onnx --factored --weights model.frz --example 1,3,640,959
  frformat export unet -o model.tflite.frt --factored --weights model.frz --example 1,3,640,959
"""


@click.command(
    "export",
    short_help="Write a skeleton: a model without its weights.",
    help=HELP,
    epilog="Exit codes: 0 success, 2 error (the output is unchanged).",
)
@click.argument("model")
@output_option("OUT", "The skeleton to write.")
@click.option("--weights", metavar="IN.frz", type=click.Path(), help="Check that this file fits the model.")
@click.option("--factored", is_flag=True, help="Make the skeleton run on coefficients. Needs --weights and --example.")
@click.option("--prefer", type=click.Choice(["speed", "memory"]), help="What --factored optimizes; default: speed.")
@base_option
@tier_option
@click.option("--complete", metavar="OUT", type=click.Path(), help="Also write the model with these weights.")
@click.option(
    "--example",
    "shapes",
    metavar="[DTYPE:]N,N,…",
    multiple=True,
    help="Shape of an input, for tracing or choosing factors; DTYPE such as int64, default float32.",
)
@click.option("--fixed", is_flag=True, help="Allow only inputs of the size of --example (ONNX Runtime).")
@click.option("--weights-as-inputs", is_flag=True, help="Make the weights inputs of the graph (ONNX Runtime).")
@click.option("--probe", is_flag=True, help="Also return the layers' outputs, for `frformat compare`. Needs --example.")
@click.option("--release", metavar="RELEASE", help="The oldest release of PyTorch Mobile to support.")
@force_option
@json_option
def export(
    model: str,
    output: str,
    weights: str | None,
    factored: bool,
    prefer: str | None,
    base: str | None,
    tier: int | None,
    complete: str | None,
    shapes: tuple[str, ...],
    fixed: bool,
    weights_as_inputs: bool,
    probe: bool,
    release: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """See :data:`HELP`."""
    for option, given in (("--complete", complete), ("--tier", tier), ("--base", base)):
        if weights is None and given is not None:
            raise click.UsageError(f"{option} needs --weights.", click.get_current_context())
    if factored:
        _check_factored(weights, shapes, probe)
    elif prefer is not None:
        raise click.UsageError("--prefer needs --factored.", click.get_current_context())
    sizes = [_shape(text) for text in shapes]

    import torch

    from frformat import runtimes
    from frformat.runtimes import models
    from frformat.runtimes.exporting import runtime_of

    options: dict[str, Any] = {}
    if release is not None:
        options["release"] = release
    if probe:
        options["probe"] = True
    if fixed:
        options["dynamic"] = False
    if sizes or (model in models.EXAMPLES and output.endswith((".onnx", ".frt"))):
        options["example"] = [_zeros(dtype, size) for dtype, size in sizes] or [torch.zeros(models.EXAMPLES[model])]
    only_skeleton: dict[str, Any] = {"weights_as_inputs": True} if weights_as_inputs else {}
    if prefer is not None:
        only_skeleton["prefer"] = prefer
    if complete is not None:
        runtime_of(complete, None, with_weights=True)
        with writing(complete, force):  # checks it before the skeleton is written
            pass
        if os.path.realpath(complete) == os.path.realpath(output):
            raise click.UsageError("--complete needs a file of its own.", click.get_current_context())
    _check_applicable(output, options | only_skeleton)
    with writing(output, force):
        net = models.build(model)
        if weights is not None:
            models.give(net, weights, tier=tier, base=base)
        written = runtimes.export(
            net, output, factored=factored, weights=weights, tier=tier, base=base, **only_skeleton, **options
        )
    whole = None
    if complete is not None:
        with writing(complete, force):
            whole = runtimes.export(net, complete, with_weights=True, **options)
    if as_json:
        terminal.print_json({"skeleton": vars(written), "complete": whole and vars(whole)})
    else:
        _show(written, whole, weights)


def _check_factored(weights: str | None, shapes: tuple[str, ...], probe: bool) -> None:
    """Check that the options that --factored requires are present, and those that it excludes are absent."""
    context = click.get_current_context()
    if weights is None or not shapes:
        raise click.UsageError("--factored needs --weights, and --example with the shape of an input.", context)
    if probe:
        raise click.UsageError("A factored model has no layer outputs; omit --probe.", context)


def _check_applicable(output: str, options: Collection[str]) -> None:
    """Check that the runtime of a skeleton has the options that were given."""
    from frformat.runtimes.exporting import RUNTIMES, runtime_of

    runtime = RUNTIMES[runtime_of(output, None, False)]
    for option, spelled in SPELLED.items():
        if option in options and option not in runtime.options:
            problem = f"{spelled} does not apply to {runtime.extension} files."
            raise click.UsageError(problem, click.get_current_context())


def _shape(text: str) -> tuple[str, list[int]]:
    """Parse an element type and a shape, such as ``int64:1,128`` or ``1,3,224,224``."""
    dtype, colon, numbers = text.rpartition(":")
    try:
        shape = [int(part) for part in numbers.split(",")]
    except ValueError:
        shape = [-1]
    if min(shape) < 0:
        raise click.BadParameter(f"{text!r} is not a shape such as 1,3,224,224", param_hint="--example")
    if colon and dtype not in DTYPES:
        known = ", ".join(DTYPES)
        raise click.BadParameter(f"{text!r} has an unknown element type; choose one of {known}", param_hint="--example")
    return dtype or "float32", shape


def _zeros(dtype: str, size: list[int]) -> Tensor:
    """Return an input of zeros."""
    import torch

    try:
        return torch.zeros(size, dtype=getattr(torch, dtype))
    except (RuntimeError, TypeError) as error:  # PyTorch raises one of these if memory is short, or a number too large
        shape = ",".join(map(str, size))
        raise click.BadParameter(f"there is not enough memory for shape {shape}", param_hint="--example") from error


def _show(written: Export, whole: Export | None, weights: str | None) -> None:
    of = f", {len(written.coefficients):,} as coefficients," if written.coefficients else ""
    runs = f"{written.runtime} {written.release} and later" if written.release else written.runtime
    if written.runtime == "TorchScript":
        runs = "LibTorch, DJL and torch.jit.load"
    how = ", traced" if written.traced else ""
    echo(
        clean(
            f"{written.path}: {count(written.bytes, 'byte')}, a skeleton of {count(len(written.tensors), 'tensor')}"
            f"{of} for {runs}{how}"
        )
    )
    if written.rules:
        echo(clean(f"inputs must satisfy: {'; '.join(written.rules)}"))
    if written.unchecked:
        echo(clean(f"not compared with PyTorch: {written.unchecked}"))
    if weights is not None:
        size = os.path.getsize(weights)
        total = count(written.bytes + size, "byte")
        echo(clean(f"{weights}: {count(size, 'byte')}, fits the model; together {total}"))
    if whole is not None:
        echo(clean(f"{whole.path}: {count(whole.bytes, 'byte')}, with weights"))
