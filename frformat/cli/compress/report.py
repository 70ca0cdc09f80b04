"""Report the result of ``compress``, as JSON or as text."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from frformat.cli import columns, terminal
from frformat.cli.columns import Row
from frformat.cli.dump.listing import compared
from frformat.cli.dump.survey import DENSE_BYTES
from frformat.cli.terminal import dims
from frformat.spectral.zigzag import element_count
from frformat.torch.compression import Compressed, LayerReport
from frformat.wording import clean, count

TITLES: Final = ("tensor", "shape", "coding", "bits", "bytes", "loss")
SHOWN: Final = 0.0005
"""Tensors whose shares of the bytes and of the loss are both below this are summarized in one line."""

RUINED: Final = 0.5
"""Loss from which the result comes with a warning: the half relative squared error of outputs that are all zero."""


def show(result: Compressed, source: str, size: int, output: str, seconds: float, *, as_json: bool) -> None:
    """Print the outcome: a line for each tensor that matters, and a summary. The JSON form also contains all trials."""
    loss, notes = result.point.loss, list(result.notes)
    if loss >= RUINED:
        notes.append(f"a loss of {loss:.2g} has probably ruined the network: allow a larger file")
    about = {
        "file": output,
        "input": {"file": source, "bytes": size},
        "bytes": result.nbytes,
        "dense_f32_bytes": DENSE_BYTES * sum(element_count(layer.shape) for layer in result.layers),
        "loss": loss,
        "metric": {"name": result.metric, "original": result.original, "value": result.point.metric},
        "seconds": seconds,
        "notes": notes,
        "curve": [asdict(point) for point in result.curve],
        "tensors": [asdict(layer) for layer in result.layers],
    }
    if as_json:
        terminal.print_json(about)
        return
    out = terminal.console()
    for note in notes:
        out.print(clean(note), style="dim", soft_wrap=True)
    shown = [layer for layer in result.layers if max(layer.share, layer.loss) >= SHOWN]
    rows = [_row(layer) for layer in shown]
    columns.show(TITLES, rows, columns.measure(rows, len(TITLES)).widths, left=("coding",))
    if len(shown) < len(result.layers):
        rest = [layer for layer in result.layers if layer not in shown]
        share = 100 * sum(layer.share for layer in rest)
        out.print(f"{count(len(rest), 'other tensor')}: {share:.1f} % of the bytes", soft_wrap=True)
    out.print(_summary(about), style="bold", soft_wrap=True)


def _row(layer: LayerReport) -> Row:
    loss = f"{100 * layer.loss:.1f} %" if layer.loss else ""
    return [clean(layer.name), dims(layer.shape), layer.coding, f"{layer.bits:.2f}", f"{100 * layer.share:.1f} %", loss]


def _summary(about: dict[str, Any]) -> str:
    before, after, metric = about["input"]["bytes"], about["bytes"], about["metric"]
    text = f"{clean(about['file'])}: {count(after, 'byte')}, {compared(before / after, 'the input')}"
    if about["dense_f32_bytes"]:
        text += f", {compared(about['dense_f32_bytes'] / after, 'dense f32')}"
    if metric["value"] is not None:
        text += f", {metric['name']} {metric['value']:.2f} instead of {metric['original']:.2f}"
    return f"{text}, loss {about['loss']:.2g}, in {about['seconds']:.0f} s"
