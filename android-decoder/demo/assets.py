"""Generate the contents of the demo app: networks, pictures, and the desktop outputs to compare against.

``python android-decoder/demo/assets.py`` writes three folders into build/android:

``assets``
    the app's assets: ``networks.json``; for each network ``NAME.ptl``, ``NAME.frz`` and pictures; ``NAME-dense.ptl`` as
    well if ``NAME.ptl`` runs on coefficients; ``learner.frz``, the hidden layer for the user's own classes; ``suite``,
    the small networks of the benchmark suite.
``inputs/NAME``
    the pictures as tensors (.npy), as the app converts them.
``desktop``
    ``NAME.json``, a parity report (docs/parity-report.md) of PyTorch on this machine with the weights of ``NAME.frz``.

LeNet-5 is ``lenet5.frz`` in this folder, trained by :mod:`recipe`. The UNet comes from examples/, if that contains
one; otherwise, it comes from the checkpoint that its authors publish, in ``$FRFORMAT_DATA/unet_fr``.
Without either, the app has no UNet.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

import frformat
from frformat.format.atomic import replacing
from frformat.format.tiers import metrics
from frformat.runtimes import export
from frformat.torch import load_model
from frformat.train import elm
from frformat.train.data import MNIST_PIXELS, UNIT_PIXELS, Pixels, load_digits
from frformat.train.models import LeNet5, UNet

sys.path.insert(0, str(Path(__file__).parent))
import drawing

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Network:
    """A network of the app; ``about`` is its entry in networks.json, except for fields that are set elsewhere."""

    name: str
    model: Callable[[], nn.Module]
    pixels: Pixels
    factored: bool
    pictures: Callable[[], Iterator[tuple[str, Image.Image]]]
    about: dict[str, object]


def digits() -> Iterator[tuple[str, Image.Image]]:
    """Yield the first example of each digit in the test half of scikit-learn's digits."""
    images, labels = load_digits("test").tensors
    for label in range(10):
        index = int((labels == label).nonzero()[0])
        yield f"digit-{label}", drawing.digit(images[index, 0].numpy())


def cars() -> Iterator[tuple[str, Image.Image]]:
    """Yield three cars of different colors."""
    yield "car-red", drawing.car((176, 24, 32))
    yield "car-black", drawing.car((34, 36, 40), sign=-1)
    yield "car-blue", drawing.car((30, 66, 150))


NETWORKS = (
    Network(
        "unet",
        UNet,
        UNIT_PIXELS,
        True,
        cars,
        {
            "title": "Find cars",
            "task": "segment",
            "channels": 3,
            "longest": 480,
            "labels": ["background", "car"],
            "shown": 1,
        },
    ),
    Network(
        "lenet5",
        LeNet5,
        MNIST_PIXELS,
        False,
        digits,
        {
            "title": "Read digits",
            "task": "classify",
            "channels": 1,
            "width": 28,
            "height": 28,
            "dark": True,
            "labels": [str(label) for label in range(10)],
        },
    ),
)


@click.command(help=__doc__)
@click.option("-o", "--output", type=click.Path(path_type=Path), default=ROOT / "build" / "android")
def main(output: Path) -> None:
    """Write the app's files for all networks."""
    torch.manual_seed(0)
    for folder in ("assets", "inputs", "desktop"):
        shutil.rmtree(output / folder, ignore_errors=True)
        (output / folder).mkdir(parents=True)
    entries = [entry for network in NETWORKS if (entry := make(network, output)) is not None]
    if not entries:
        raise click.ClickException("there are no weights for any network of the app")
    _write(output / "assets" / "networks.json", {"networks": entries})
    _learner(output / "assets" / "learner.frz")
    script = ROOT / "android-decoder" / "benchmark" / "assets.py"
    options = ["--short", "--runtime", "ptl", "-o", output / "assets" / "suite"]
    subprocess.run([sys.executable, script, *options], check=True)


def make(network: Network, output: Path) -> dict[str, object] | None:
    """Write the files of one network; return its entry in networks.json, or None if there are no weights for it."""
    assets, inputs = output / "assets", output / "inputs" / network.name
    weights = assets / f"{network.name}.frz"
    if not _weights(network.name, weights):
        return None
    model = network.model().eval()
    load_model(model, weights)
    inputs.mkdir()
    tensors, pictures = {}, []
    for name, picture in network.pictures():
        picture.save(assets / f"{name}.png", optimize=True)
        pixels = torch.from_numpy(np.atleast_3d(np.asarray(picture)).copy()).permute(2, 0, 1)
        tensors[name] = network.pixels(pixels)[None].contiguous()
        np.save(inputs / f"{name}.npy", tensors[name].numpy())
        pictures.append(f"{name}.png")
    skeletons = _skeletons(network, model, next(iter(tensors.values())), assets)
    _write(output / "desktop" / f"{network.name}.json", _report(network.name, model, tensors, assets))
    click.echo(f"{network.name}: {', '.join(pictures)}; {weights.stat().st_size} bytes of weights")
    pixels = {"mean": network.pixels.mean, "std": network.pixels.std}
    return {"name": network.name, **skeletons, **network.about, **_tiers(weights), **pixels, "pictures": pictures}


def _skeletons(network: Network, model: nn.Module, example: Tensor, assets: Path) -> dict[str, object]:
    """Export the network in the app's form and, for comparison, in dense form; return fields of its entry."""
    skeleton = assets / f"{network.name}.ptl"
    if not network.factored:
        export(model, skeleton)
        return {}
    dense = assets / f"{network.name}-dense.ptl"
    export(model, dense)
    export(model, skeleton, factored=True, example=example, weights=assets / f"{network.name}.frz")
    return {"dense": dense.name}


def _tiers(weights: Path) -> dict[str, object]:
    """Return the size and accuracy of each tier of a file, or nothing if there is only one tier."""
    with frformat.open(weights) as file:
        if file.tiers == 1:
            return {}
        found = zip(file.container.ends, metrics(file.metadata, file.tiers), strict=True)
        return {"tiers": [{"bytes": end, "accuracy": float(each["accuracy"])} for end, each in found]}


def _learner(path: Path) -> None:
    """Write an Extreme Learning Machine for gray pictures of 28×28 pixels; the app uses only its hidden layer."""
    gray = np.random.default_rng(0).integers(0, 256, (2, 28, 28), dtype=np.uint8)
    model = elm.ELMClassifier(elm.Convolution(filters=24, size=7, pool=4), seed=1).fit(gray, np.arange(2))
    elm.save(model, path)


def _weights(name: str, target: Path) -> bool:
    """Copy or encode the weights; return whether there are any."""
    own = Path(__file__).with_name(f"{name}.frz")
    examples = [own] if own.is_file() else sorted((ROOT / "examples").rglob(f"{name}.frz"))
    checkpoint = Path(os.environ.get("FRFORMAT_DATA", ROOT.parent / "shared" / "data")) / "unet_fr" / "unet_fr.pt"
    if examples:
        shutil.copyfile(examples[0], target)
    elif name == "unet" and checkpoint.is_file():
        command = [sys.executable, "-m", "frformat", "encode", checkpoint, "-o", target]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    else:
        click.echo(f"{name}: skipped, because there is neither examples/**/{name}.frz nor a checkpoint", err=True)
        return False
    return True


def _report(name: str, model: nn.Module, inputs: dict[str, Tensor], assets: Path) -> dict[str, object]:
    """Return a parity report of this machine, with all values."""
    entries = []
    for stem, tensor in inputs.items():
        start = time.perf_counter()
        with torch.inference_mode():
            output = model(tensor)
        milliseconds = 1e3 * (time.perf_counter() - start)
        values = {"encoding": "base64-f32", "data": base64.b64encode(_bytes(output)).decode()}
        entries.append(
            {
                "name": stem,
                "shape": list(tensor.shape),
                "crc32": _crc32(_bytes(tensor)),
                "ms": [milliseconds],
                "output": {"shape": list(output.shape), "crc32": _crc32(_bytes(output)), "values": values},
            }
        )
    files = {
        part: {"file": path.name, "bytes": path.stat().st_size, "crc32": _crc32(path.read_bytes())}
        for part, path in (("skeleton", assets / f"{name}.ptl"), ("weights", assets / f"{name}.frz"))
    }
    return {
        "format": "frz-parity-report",
        "version": 1,
        "producer": {"name": "frformat", "version": frformat.__version__},
        "runtime": {"name": "torch", "version": torch.__version__},
        "model": files,
        "inputs": entries,
    }


def _bytes(tensor: Tensor) -> bytes:
    return tensor.numpy().astype("<f4").tobytes()


def _crc32(data: bytes) -> str:
    return f"{zlib.crc32(data):08x}"


def _write(path: Path, document: dict[str, object]) -> None:
    with replacing(path) as file:
        file.write(json.dumps(document, indent=1, ensure_ascii=False).encode())


if __name__ == "__main__":
    main()
