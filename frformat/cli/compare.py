"""``frformat compare``: check that a phone computes the same outputs as the desktop, and compare benchmark reports."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from frformat.cli import columns, errors, terminal
from frformat.cli.options import Nonnegative, json_option, memory_option, tier_option
from frformat.cli.output import force_option, writing
from frformat.cli.terminal import echo, print_json
from frformat.format.leftovers import PREFIX, temporary_folder
from frformat.wording import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from frformat.parity.desktop import Desktop
    from frformat.parity.facts import Facts, TensorFacts
    from frformat.parity.inputs import Input
    from frformat.parity.report import Report

HELP = """Compare what MODEL computes with the weights of MODEL.frz on this computer and on a phone.

MODEL is specified as for `frformat export`. INPUTS is a folder of .npy files (in the model's input shape and dtype) or
pictures (RGB in 0 … 1). --phone is a parity report from the demo app, a runner (.jar) that creates one now, or an
installed runtime: `lite`, the lite interpreter of PyTorch, or `ort`, ONNX Runtime. --truth is a folder of .npy files
(integers) or masks, which belong to the inputs by what differs between their names (car1.jpg and car1_mask.png).

Or pass one or more reports of the benchmark suite (docs/benchmark-suite.md) to compare scores, times and memory.

\b
Examples:
  frformat compare unet unet.frz inputs --phone parity.json
  frformat compare unet unet.frz inputs --phone frz-host.jar --truth masks --html report.html
  frformat compare net.py:Net model.frz inputs --phone lite --layers --original model.pt
  frformat compare unet unet.frz inputs --phone ort
  frformat compare phone.json tablet.json --html suite.html
"""


@click.command(
    short_help="Check that a phone computes what this computer computes.",
    help=HELP,
    epilog="Exit codes: 0 phone and desktop agree, 1 they differ, 2 error.",
)
@click.argument("subject", metavar="MODEL MODEL.frz INPUTS | SUITE.json…", nargs=-1, required=True)
@click.option("--phone", metavar="WHERE", help="A report (.json), a runner (.jar), 'lite' or 'ort'.")
@click.option("--skeleton", metavar="MODEL", type=click.Path(), help="The skeleton to run. [default: export one]")
@click.option("--original", metavar="FILE", type=click.Path(), help="Also compare with the weights before encoding.")
@click.option("--truth", metavar="FOLDER", type=click.Path(), help="The true classes, for Dice or accuracy.")
@click.option("--layers", is_flag=True, help="Also compare layer outputs; a runner then uses a special skeleton.")
@click.option(
    "--tolerance",
    type=Nonnegative(),
    default=1e-3,
    help="Largest allowed difference between outputs.",
)
@click.option("--html", metavar="OUT.html", type=click.Path(), help="Also write an HTML page with pictures.")
@tier_option
@memory_option
@force_option
@json_option
def compare(
    subject: tuple[str, ...],
    phone: str | None,
    skeleton: str | None,
    original: str | None,
    truth: str | None,
    layers: bool,
    tolerance: float,
    html: str | None,
    tier: int | None,
    memory_budget: int,
    force: bool,
    as_json: bool,
) -> int:
    """Compare phone and desktop, or benchmark reports, and return the exit code."""
    context = click.get_current_context()
    if all(path.endswith(".json") for path in subject):
        from frformat.cli.suites import compare_suites

        others = ("phone", "skeleton", "original", "truth", "layers", "tolerance", "tier", "memory_budget")
        if any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in others):
            raise click.UsageError("Of these options, only --html applies to reports of the suite.", context)
        return compare_suites([*subject], html, force, as_json)
    if len(subject) != 3:
        raise click.UsageError("Pass MODEL, MODEL.frz and INPUTS, or reports of the suite (.json).", context)
    model, weights, folder = subject
    if skeleton and layers:
        raise click.UsageError("--layers exports a skeleton of its own; omit --skeleton.", context)
    if layers and phone == "ort":
        raise click.UsageError("ONNX Runtime does not return layer outputs; omit --layers.", context)
    if skeleton and (phone is None or phone.endswith(".json")):
        raise click.UsageError("--skeleton needs a runner or a runtime, --phone, that runs it.", context)
    if layers and not (phone or original):
        raise click.UsageError("--layers needs --phone or --original, to compare the layers with.", context)
    if tier is not None and phone and not phone.endswith(".json"):
        raise click.UsageError("A runner uses all tiers; omit --tier.", context)

    from frformat.parity import comparison
    from frformat.parity.desktop import Desktop
    from frformat.parity.facts import Facts
    from frformat.parity.inputs import find_inputs
    from frformat.parity.phone import INSTALLED
    from frformat.runtimes.models import build, give

    if phone and phone not in INSTALLED and not os.path.splitext(phone)[1] and not os.path.exists(phone):
        known = " or ".join(INSTALLED)
        raise click.UsageError(f"--phone {phone!r} is neither a file nor an installed runtime, {known}.", context)
    kind = os.path.splitext(INSTALLED.get(phone or "", ""))[1]
    if skeleton and not skeleton.endswith(kind):
        raise click.UsageError(f"--phone {phone} runs {kind} files, not {skeleton}.", context)
    with contextlib.ExitStack() as stack:
        if html:
            stack.enter_context(writing(html, force))
        inputs = find_inputs(folder, truth)
        net = build(model)
        start = time.perf_counter()
        give(net, weights, tier=tier, memory_budget=memory_budget)
        spent = 1000 * (time.perf_counter() - start)
        report = _report(stack, phone, net, weights, skeleton, inputs, layers) if phone else None
        probe = layers or (report is not None and any(sample.layers for sample in report.inputs.values()))
        rebuilt = Desktop(net, probe=probe)
        tensors, first = _original(net, original, weights, memory_budget, probe) if original else ([], None)
        pictures: dict[str, dict[str, str]] = {}
        found = comparison.compare(
            inputs, rebuilt, report, first, tolerance=tolerance, watch=_shown(pictures) if html else _unseen
        )
        facts = Facts(model, _about(), {"total": spent}, report, found, tensors)
        if html:
            _write_page(html, facts, pictures)
    if as_json:
        print_json(facts.as_json())
    else:
        _show(facts)
    return 0 if found.equal else errors.DIFFERENT


def _report(
    stack: contextlib.ExitStack,
    phone: str,
    net: nn.Module,
    weights: str,
    skeleton: str | None,
    inputs: list[Input],
    layers: bool,
) -> Report:
    """Return the given report, or create one in a temporary folder that exists until ``stack`` is closed."""
    import numpy as np
    import torch

    from frformat.parity.phone import INSTALLED, run
    from frformat.parity.report import read_report
    from frformat.runtimes import export

    if not (phone in INSTALLED or phone.endswith(".jar")):
        return read_report(phone)
    folder = stack.enter_context(temporary_folder(PREFIX))
    given = os.path.join(folder, "inputs")
    os.mkdir(given)
    for entry in inputs:
        np.save(os.path.join(given, f"{entry.name}.npy"), entry.values())
    if skeleton is None:
        skeleton = os.path.join(folder, INSTALLED.get(phone, "model.ptl"))
        example = torch.from_numpy(inputs[0].values())
        options: dict[str, Any] = {"probe": True} if layers else {}
        export(net, skeleton, example=example if layers or phone == "ort" else None, **options)
    return run(phone, skeleton, weights, given, os.path.join(folder, "report.json"))


def _original(
    net: nn.Module, path: str, weights: str, memory_budget: int, probe: bool
) -> tuple[list[TensorFacts], Desktop]:
    """Return the errors of each weight tensor, and the model with the weights before encoding."""
    import copy

    from frformat.cli.diff.sides import open_side
    from frformat.parity.desktop import Desktop, take
    from frformat.parity.facts import TensorFacts
    from frformat.parity.measure import distance

    with open_side(path, memory_budget) as before, open_side(weights, memory_budget) as after:
        for note in before.notes:
            echo(clean(f"{path}: {note}"), err=True)
        tensors, arrays = [], {}
        for name, kind in before.kinds.items():
            arrays[name] = before.array(name)
            if name in after.kinds and kind.shape == after.kinds[name].shape:
                gap = distance(arrays[name], after.array(name))
                tensors.append(TensorFacts(name, kind.shape, gap.largest, gap.relative))
    other = copy.deepcopy(net)
    take(other, arrays)
    return tensors, Desktop(other, probe=probe)


def _about() -> dict[str, str | int]:
    """Return the desktop's versions and settings."""
    import platform

    import torch

    system = f"{platform.system()} {platform.machine()}"
    return {"torch": torch.__version__, "system": system, "threads": torch.get_num_threads()}


def _unseen(*what: object) -> None:
    pass


def _shown(pictures: dict[str, dict[str, str]]) -> Any:
    """Return a callback that collects the pictures of the first inputs."""
    from frformat.parity import pictures as draw
    from frformat.parity.page import PICTURES

    def watch(name: str, values: Any, desktop: Any, phone: Any, truth: Any) -> None:
        if len(pictures) >= PICTURES:
            return
        shown = {"input": draw.input_uri(values)}
        for caption, classes in (("desktop", desktop), ("phone", phone), ("truth", truth)):
            shown[caption] = None if classes is None else draw.classes_uri(classes)
        if desktop is not None and phone is not None:
            shown["difference"] = draw.difference_uri(desktop, phone)
        known = {caption: uri for caption, uri in shown.items() if uri}
        if known:
            pictures[name] = known

    return watch


def _write_page(path: str, facts: Facts, pictures: dict[str, dict[str, str]]) -> None:
    from frformat.format.atomic import replacing
    from frformat.parity.page import page

    with replacing(path) as file:
        file.write(page(facts, pictures).encode())


def _show(facts: Facts) -> None:
    """Print tables of the results, and whether phone and desktop agree."""
    from frformat.parity import words

    out = terminal.console()
    parts: list[tuple[tuple[str, ...], Iterator[tuple[str, ...]]]] = [
        (words.side_columns(facts), words.side_rows(facts)),
        (words.TENSOR_COLUMNS, words.tensor_rows(facts)),
        (words.layer_columns(facts), words.layer_rows(facts)),
        (words.input_columns(facts), words.input_rows(facts)),
    ]
    for titles, found in parts:
        rows = [[*map(clean, row)] for row in found]
        if rows:
            columns.show_filled(titles, rows.copy)
            out.print()
    for side, layer in facts.comparison.parts_at.items():
        if layer:
            out.print(clean(f"{words.sides(facts)[side]} and desktop diverge at layer {layer}"), soft_wrap=True)
    out.print(clean(words.verdict(facts)), style="bold", soft_wrap=True)
