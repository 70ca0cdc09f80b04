"""Regenerate the skeletons and weights next to this file; requires the extra ``onnx``.

``lenet5.onnx`` and ``lenet5.factored.onnx`` run with the weights in ``examples/``. ``tiny.onnx`` has weights of every
dtype that a session accepts, some of them tied and some unused. ``tiny.frz`` contains these weights, ``wide.frz``
contains them in larger types, in ``longer.frz`` and ``integers.frz`` a tied weight has another shape or type, and
``other.frz`` contains the weights of another network. In ``NAME.inputs.onnx``, the
weights are inputs. ``rows.onnx`` is a factored skeleton with loops over rows of pixels, and ``rows.frz`` contains its
weights. ``lengths.onnx`` and ``lengths.frz`` are those of a network that decides by the lengths of its inputs.
``NAME.expected.npy`` is the output of PyTorch for ``NAME.input.npy``. ``lookup.onnx`` has two inputs, one of integers;
``lookup.ptl`` and ``lookup.pt`` are the same network, for the tests of ``frz-host``.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import frformat
from frformat import Spectrum
from frformat.runtimes import export
from frformat.torch import load_model, save_model
from frformat.train.models import LeNet5

HERE = Path(__file__).parent
LENET5 = HERE.parents[4] / "examples" / "lenet5.frz"
KEPT = 20


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


class Rows(nn.Module):
    """When factored, its layers loop over rows: to compute statistics, to pool, and to convolve at full size."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 128, 3, padding=1, bias=False),
            nn.BatchNorm2d(128, affine=False, track_running_stats=False),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(128, 128, 3, padding=1),
            nn.ReLU6(),
            nn.Conv2d(128, 2, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 1, h, w) to (n, 2, h // 2, w // 2)."""
        out: Tensor = self.body(x)
        return out


class Lengths(nn.Module):
    """Takes an even number of vectors, at least 4 of them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map vectors (n, 3) to vectors (n, 3)."""
        if x.shape[0] % 2 or x.shape[0] < 4:
            return x
        y: Tensor = self.layer(x)
        return y


class Lookup(nn.Module):
    """Looks up rows, and scales them."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 4)

    def forward(self, words: Tensor, scale: Tensor) -> Tensor:
        """Map integers (n, steps) and factors (n, 4) to vectors (n, 4)."""
        y: Tensor = self.table(words).sum(1) * scale
        return y


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
    untied = {"longer": np.ones((16, 8), np.float32), "integers": np.ones((8, 8), np.int64)}
    for name, value in untied.items():
        others = {other: tensor for other, tensor in tensors.items() if other != "mix.weight"}
        frformat.save_file(others | {"mix.weight": value}, HERE / f"{name}.frz")
    save_model(nn.Linear(8, 4), HERE / "other.frz")
    lenet5 = LeNet5().eval()
    load_model(lenet5, LENET5)
    x = torch.from_numpy(np.random.default_rng(0).random((5, 1, 28, 28), np.float32))
    write("lenet5", lenet5, x)
    export(LeNet5(), HERE / "lenet5.factored.onnx", factored=True, example=x[:1], weights=LENET5)
    rows, random = Rows().eval(), np.random.default_rng(0)
    spectra = {
        name: Spectrum(
            (random.normal(0, 0.015, KEPT) * np.sqrt(tensor.numel()) / (1 + np.arange(KEPT))).astype(np.float32),
            tuple(tensor.shape),
        )
        if tensor.dim() == 4
        else tensor.numpy()
        for name, tensor in rows.state_dict().items()
    }
    frformat.save_file(spectra, HERE / "rows.frz")
    load_model(rows, HERE / "rows.frz")
    export(Rows(), HERE / "rows.onnx", factored=True, example=torch.zeros(1, 1, 42, 38), weights=HERE / "rows.frz")
    record("rows", rows, torch.from_numpy(random.random((1, 1, 45, 38), np.float32)))
    lengths = Lengths().eval()
    save_model(lengths, HERE / "lengths.frz")
    export(lengths, HERE / "lengths.onnx", example=torch.rand(4, 3))
    record("lengths", lengths, torch.rand(6, 3))
    lookup = Lookup().eval()
    save_model(lookup, HERE / "lookup.frz")
    inputs = {"words": torch.tensor([[1, 2, 9], [0, 0, 5]]), "scale": torch.linspace(-1, 1, 8).view(2, 4)}
    for extension in ("onnx", "ptl", "pt"):
        export(lookup, HERE / f"lookup.{extension}", example=list(inputs.values()))
    for name, value in inputs.items():
        np.save(HERE / f"lookup.{name}.npy", value.numpy())
    with torch.no_grad():
        np.save(HERE / "lookup.expected.npy", lookup(*inputs.values()).numpy())


def write(name: str, model: nn.Module, x: Tensor) -> None:
    """Write both skeletons of a model, an input, and the model's output for that input."""
    export(model, HERE / f"{name}.onnx", example=x)
    export(model, HERE / f"{name}.inputs.onnx", example=x, weights_as_inputs=True)
    record(name, model, x)


def record(name: str, model: nn.Module, x: Tensor) -> None:
    """Write an input, and a model's output for that input."""
    with torch.no_grad():
        np.save(HERE / f"{name}.expected.npy", model(x).numpy())
    np.save(HERE / f"{name}.input.npy", x.numpy())


if __name__ == "__main__":
    main()
