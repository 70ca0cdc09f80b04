"""Regenerate the files next to this one; requires the extras ``litert`` and ``executorch``.

``synthetic.frt`` is the template of ``synthetic.bin``, a file for a fictitious runtime, with every kind of place.
``tiny.tflite.frt`` and ``tiny.pte.frt`` are templates for LiteRT and ExecuTorch; ``tiny.tflite`` and ``tiny.pte`` are
the files that their exporters write with the weights in ``tiny.frz``. ``other.frz`` contains the weights of another
network. ``half.frz`` contains the weights for ``synthetic.frt`` as 16-bit and 64-bit floats; filling the template with
them results in ``half.bin``. ``factored.frt`` is the template of ``factored.bin``, whose values are coefficients, cores
and bases; ``factored.frz`` contains the weights. Those in ``fewer.frz``, ``longer.frz``, ``dense.frz`` and
``large.frz`` do not fit it. Each template in ``faulty`` breaks one rule, and ``large.frt`` takes much memory to fill.
"""

from pathlib import Path

import ml_dtypes
import numpy as np
import torch
from torch import nn

import frformat
from frformat.runtimes import export
from frformat.torch import save_model
from tests.runtimes.template import factored, synthetic

HERE = Path(__file__).parent


class Tiny(nn.Sequential):
    """A normalization that can be merged, one that cannot, and a linear layer."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 4)
        )
        for norm in (self[1], self[3]):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.normal_(norm.bias)


def main() -> None:
    """Write all files."""
    torch.manual_seed(0)
    weights = synthetic.tensors()
    (HERE / "synthetic.frt").write_bytes(synthetic.template())
    frformat.save_file(weights, HERE / "synthetic.frz")
    (HERE / "synthetic.bin").write_bytes(synthetic.runtime_file(synthetic.merged(weights)))
    half = {name: each.astype(np.float16) for name, each in weights.items()}
    half["fc.weight"] = weights["fc.weight"].astype(ml_dtypes.bfloat16)
    half["conv.bias"] = weights["conv.bias"].astype(np.float64) / 3
    frformat.save_file(half, HERE / "half.frz")
    (HERE / "half.bin").write_bytes(synthetic.runtime_file(synthetic.merged(half)))
    (HERE / "partial.frt").write_bytes(synthetic.partial())
    (HERE / "unplaced").mkdir(exist_ok=True)
    for name, each in synthetic.unplaced().items():
        synthetic.save(HERE / "unplaced" / f"{name}.frz", each)
    factored.save(HERE / "factored.frz", factored.tensors())
    (HERE / "factored.frt").write_bytes(factored.template())
    with frformat.open(HERE / "factored.frz") as file:
        coefficients = {name: file.coefficients(name) if file.info(name).form() else file[name] for name in file}
    (HERE / "factored.bin").write_bytes(factored.filled(coefficients))
    for name, each in factored.other_weights().items():
        factored.save(HERE / f"{name}.frz", each)
    (HERE / "faulty").mkdir(exist_ok=True)
    for name, data in factored.faulty().items():
        (HERE / "faulty" / f"{name}.frt").write_bytes(data)
    (HERE / "large.frt").write_bytes(factored.large())
    save_model(nn.Linear(3, 2), HERE / "other.frz")
    net = Tiny().eval()
    save_model(net, HERE / "tiny.frz")
    for extension in ("tflite", "pte"):
        export(net, HERE / f"tiny.{extension}", example=torch.zeros(1, 2, 4, 4), with_weights=True)
        export(net, HERE / f"tiny.{extension}.frt", example=torch.zeros(1, 2, 4, 4))


if __name__ == "__main__":
    main()
