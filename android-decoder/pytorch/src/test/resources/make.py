"""Regenerate the skeletons and weights next to this file.

``tiny.ptl`` has weights of every dtype that a runtime accepts, some of them tied; ``other.ptl`` is another network, and
``wide.ptl`` is one with a larger tensor and two tiers. The ``.frz`` files of the same names contain their weights, and
``tiny.expected.txt`` contains the outputs of ``tiny.ptl``. ``rows.frz`` contains raw weights of ``other.ptl`` that
differ from tier to tier. ``unet.ptl`` is the reference network with 759 random coefficients, and ``unet.expected.npy``
is its output for a small image. ``NAME.factored.ptl`` runs on the coefficients of ``NAME.frz``; in ``turned.frz`` they
belong to another spectrum, and in ``plain.frz`` they are missing.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import frformat
from frformat.runtimes import export
from frformat.torch import factorize, load_model, save_model
from frformat.torch.factorization import portable
from frformat.train.models import UNet

HERE = Path(__file__).parent


class Tiny(nn.Module):
    """A convolution, a normalization with buffers, a tied linear layer, and a weight of every other dtype."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.mix = nn.Linear(8, 8)
        self.again = nn.Linear(8, 8)
        self.again.weight = self.mix.weight
        self.binary16 = nn.Parameter(torch.randn(8).half())
        self.brain16 = nn.Parameter(torch.randn(8).bfloat16())
        self.binary64 = nn.Parameter(torch.randn(8).double())
        self.register_buffer("mask", torch.arange(8) % 3 != 0)
        self.register_buffer("octets", torch.arange(250, 258).clamp(max=255).to(torch.uint8))
        self.register_buffer("signed", torch.arange(-4, 4).to(torch.int8))
        self.register_buffer("shorts", torch.arange(-30000, -29992).to(torch.int16))
        self.register_buffer("integers", torch.arange(70000, 70008).to(torch.int32))
        self.register_buffer("nothing", torch.zeros(0, 4))

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 1, h, w) to (n, 8)."""
        y = self.norm(self.conv(x)).mean((2, 3))
        y = self.again(torch.relu(self.mix(y)))
        y = y * self.binary16.float() + self.brain16.float() * self.binary64.float() * self.mask.float()
        y = y + self.octets.float() / 8 + self.signed.float()
        return y + self.shorts.float() / 1000 + self.integers.float() / 1000


class Other(nn.Module):
    """A network with a weight that has the same name as a weight of ``Tiny``, but a different shape."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 1, h, w) to (n, 4, h - 2, w - 2)."""
        return self.conv(x)


class Wide(nn.Module):
    """A network with weights of a few MiB, stored in two tiers, the second of which changes the result."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(1024, 1024)
        self.second = nn.Linear(1024, 512)

    def forward(self, x: Tensor) -> Tensor:
        """Map vectors (n, 1024) to (n, 512)."""
        return self.second(torch.tanh(self.first(x)))


def main() -> None:
    """Write all files."""
    torch.manual_seed(5)
    tiny = Tiny().eval()
    tiny.norm.running_mean.uniform_(-0.1, 0.1)
    export(tiny, HERE / "tiny.ptl")
    export(tiny, HERE / "tiny.pt")
    save_model(tiny, HERE / "tiny.frz", compression="core")
    same = frformat.load_file(HERE / "tiny.frz")
    frformat.save_file(same, HERE / "tiny.delta.frz", compression="core", base=HERE / "tiny.frz")
    image = torch.linspace(-1, 1, 36).reshape(1, 1, 6, 6)
    with torch.no_grad():
        output = tiny(image)[0].tolist()
    (HERE / "tiny.expected.txt").write_text("".join(f"{value!r}\n" for value in output))

    other = Other().eval()
    export(other, HERE / "other.ptl")
    save_model(other, HERE / "other.frz", compression="core")
    export(other, HERE / "complete.ptl", with_weights=True)

    wide = Wide().eval()
    export(wide, HERE / "wide.ptl")
    spectra = {name: frformat.Spectrum.of(weight.numpy(), k=200) for name, weight in wide.state_dict().items()}
    frformat.save_file(spectra, HERE / "wide.frz", tiers=[50], compression="core")

    factored = portable(factorize(wide, torch.ones(1, 1024), HERE / "wide.frz"))
    export(factored, HERE / "wide.factored.ptl")
    export(factored, HERE / "wide.factored.pt")
    load_model(wide, HERE / "wide.frz")
    with torch.no_grad():
        np.save(HERE / "wide.expected.npy", wide(torch.ones(1, 1024)).numpy())
    spectra["second.weight"] = frformat.Spectrum(spectra["second.weight"].coefficients, (1024, 512))
    frformat.save_file(spectra, HERE / "turned.frz", compression="core")
    frformat.save_file({"first.weight": np.zeros(4, np.float32)}, HERE / "plain.frz")

    unet = UNet().eval()
    export(unet, HERE / "unet.ptl")
    spectra = {}
    for name, weight in unet.state_dict().items():
        values = np.random.default_rng(len(name)).normal(0, 0.05 * weight.numel() ** 0.5, 33)
        spectra[name] = frformat.Spectrum(values.astype(np.float16), tuple(weight.shape))
    frformat.save_file(spectra, HERE / "unet.frz", compression="core")
    export(portable(factorize(unet, torch.zeros(1, 3, 64, 64), HERE / "unet.frz")), HERE / "unet.factored.ptl")
    load_model(unet, HERE / "unet.frz")
    with torch.no_grad():
        np.save(HERE / "unet.expected.npy", unet(torch.linspace(0, 1, 3 * 1024).reshape(1, 3, 32, 32)).numpy())

    strange = {"conv.weight": torch.zeros(4, 1, 3, 3), "conv.bias": torch.zeros(4, dtype=torch.complex64)}
    frformat.save_file({name: value.numpy() for name, value in strange.items()}, HERE / "complex.frz")
    frformat.save_file({"conv.weight": strange["conv.weight"].numpy()}, HERE / "incomplete.frz")

    bias = frformat.PerTier([np.full(4, value, np.float32) for value in (1, 2)])
    frformat.save_file({"conv.weight": strange["conv.weight"].numpy(), "conv.bias": bias}, HERE / "rows.frz", tiers=[1])


if __name__ == "__main__":
    main()
