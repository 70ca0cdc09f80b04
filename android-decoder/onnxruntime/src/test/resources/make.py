"""Regenerate the skeletons and weights next to this file; requires the extra ``onnx``.

``lenet5.onnx`` and ``lenet5.factored.onnx`` run with the weights in ``examples/``. ``tiny.onnx`` has weights of every
dtype that a session accepts, some of them tied and some unused. ``tiny.frz`` contains these weights, ``wide.frz``
contains them in larger types, and ``other.frz`` contains the weights of another network. ``NAME.expected.npy`` is the
output of PyTorch for ``NAME.input.npy``.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import frformat
from frformat.runtimes import export
from frformat.torch import load_model, save_model
from frformat.train.models import LeNet5

HERE = Path(__file__).parent
LENET5 = HERE.parents[4] / "examples" / "lenet5.frz"


class Tiny(nn.Module):
    """A tied linear layer, counters that inference does not use, and a weight of every other dtype."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(8)
        self.mix = nn.Linear(8, 8)
        self.again = nn.Linear(8, 8)
        self.again.weight = self.mix.weight
        self.binary16 = nn.Parameter(torch.randn(8).half())
        self.brain16 = nn.Parameter(torch.randn(8).bfloat16())
        self.binary64 = nn.Parameter(torch.randn(8).double())
        self.register_buffer("mask", torch.arange(8) % 3 != 0)
        self.register_buffer("octets", torch.arange(240, 248).to(torch.uint8))
        self.register_buffer("signed", torch.arange(-4, 4).to(torch.int8))
        self.register_buffer("shorts", torch.arange(-30000, -29992).to(torch.int16))
        self.register_buffer("integers", torch.arange(70000, 70008).to(torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        """Map vectors (n, 8) to vectors (n, 8)."""
        y = self.again(torch.relu(self.mix(self.norm(x))))
        y = y * self.binary16.float() + self.brain16.float() * self.binary64.float() * self.mask.float()
        y = y + self.octets.float() / 8 + self.signed.float()
        return y + self.shorts.float() / 1000 + self.integers.float() / 1000


def main() -> None:
    """Write all files."""
    torch.manual_seed(0)
    tiny = Tiny().eval()
    save_model(tiny, HERE / "tiny.frz")
    write("tiny", tiny, torch.rand(3, 8))
    tensors = frformat.load_file(HERE / "tiny.frz")
    wider = {"binary16": np.float32, "brain16": np.float64, "mask": np.uint8, "octets": np.int64, "shorts": np.int32}
    wide = {name: value.astype(wider.get(name, value.dtype)) for name, value in tensors.items()}
    frformat.save_file(wide, HERE / "wide.frz", compression="core")
    save_model(nn.Linear(8, 4), HERE / "other.frz")
    lenet5 = LeNet5().eval()
    load_model(lenet5, LENET5)
    x = torch.from_numpy(np.random.default_rng(0).random((5, 1, 28, 28), np.float32))
    write("lenet5", lenet5, x)
    export(LeNet5(), HERE / "lenet5.factored.onnx", factored=True, example=x[:1], weights=LENET5)


def write(name: str, model: nn.Module, x: Tensor) -> None:
    """Write the skeleton of a model, an input, and the output of the model for it."""
    export(model, HERE / f"{name}.onnx", example=x)
    with torch.no_grad():
        np.save(HERE / f"{name}.expected.npy", model(x).numpy())
    np.save(HERE / f"{name}.input.npy", x.numpy())


if __name__ == "__main__":
    main()
