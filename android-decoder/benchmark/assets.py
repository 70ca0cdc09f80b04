"""Generate the assets of the benchmark suite: models, labeled inputs, and reference outputs from the desktop.

``python android-decoder/benchmark/assets.py -o FOLDER`` writes ``manifest.json`` and the files that it names; see
docs/benchmark-suite.md. Most weights are in examples/; those of ResNet-20, the UNet, and the dense LeNet-5 are in the
folder that the environment variable ``FRFORMAT_DATA`` names. Without that folder, the suite is smaller.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import torch
from torch import Tensor

import frformat
from frformat.format.atomic import replacing
from frformat.runtimes import export
from frformat.torch import load_model

sys.path.insert(0, str(Path(__file__).parents[1] / "demo"))
from networks import NETWORKS, Network, learning

ROOT: Final = Path(__file__).parents[2]
EXTENSIONS: Final = ("onnx", "ptl")
MEMORY: Final = {
    "network": "unet",
    "variants": ["dense", "factored"],
    "limit": 512 << 20,
    "sides": [112, 160, 224, 320, 448, 640, 896, 1280, 1792],
    "aspect": 1.5,
}
"""The test of growing resolutions: each input has about twice as many pixels as the one before."""

Json = dict[str, Any]


@click.command(help=__doc__)
@click.option("-o", "--output", type=click.Path(path_type=Path), default=ROOT / "build" / "suite")
@click.option("--short", is_flag=True, help="Write only the networks of the short form.")
@click.option("--only", metavar="NAME", multiple=True, help="Write only this network; can be repeated.")
@click.option(
    "--runtime",
    "extensions",
    type=click.Choice(EXTENSIONS),
    multiple=True,
    default=EXTENSIONS,
    help="Write only models with this extension; can be repeated.",
)
def main(output: Path, short: bool, only: tuple[str, ...], extensions: tuple[str, ...]) -> None:
    """Write the assets."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    chosen = [net for net in NETWORKS if (net.short or not short) and (net.name in only or not only)]
    entries = [entry for network in chosen if (entry := make(network, output, extensions)) is not None]
    manifest = {
        "format": "frz-suite-assets",
        "version": 1,
        "producer": {"name": "frformat", "version": frformat.__version__},
        "networks": entries,
        "learning": learn(output),
        "memory": MEMORY if any(entry["name"] == MEMORY["network"] for entry in entries) else None,
    }
    with replacing(output / "manifest.json") as file:
        file.write(json.dumps(manifest, indent=1).encode())
    size = sum(path.stat().st_size for path in output.iterdir())
    click.echo(f"{output}: {len(entries)} networks, {size / 1e6:.0f} MB")


def make(network: Network, output: Path, extensions: tuple[str, ...] = EXTENSIONS) -> Json | None:
    """Write the files of one network; return its entry, or None if something that it needs is missing."""
    weights = network.weights()
    if weights is None:
        click.echo(f"{network.name}: skipped; it needs the data sets in FRFORMAT_DATA", err=True)
        return None
    name, file = network.name, output / f"{network.name}.frz"
    encode(network, weights, file)
    inputs, targets = network.samples()
    rebuilt, dense = network.model().eval(), network.model().eval()
    load_model(rebuilt, file)
    network.fill(dense, file)
    found, expected = run(rebuilt, inputs), run(dense, inputs)
    files = models(network, output, dense, file, inputs[:1], extensions)
    entry = {
        "name": name,
        "title": network.title,
        "task": network.task,
        "metric": network.metric,
        "scored": network.variants[-1],
        "short": network.short,
        "inputs": write(output, f"{name}.inputs.f32", inputs),
        "targets": write(output, f"{name}.targets.f32", targets),
        "variants": [
            {
                "name": "dense",
                "tolerance": 1e-4,
                "outputs": write(output, f"{name}.dense.f32", expected),
                "models": files["dense"],
            },
            *(
                {
                    "name": variant,
                    "tolerance": 1e-3 if variant == "factored" else 1e-4,
                    "outputs": write(output, f"{name}.compressed.f32", found),
                    "weights": file.name,
                    "models": files[variant],
                }
                for variant in network.variants
            ),
        ],
    }
    if network.judge is not None:
        entry["judge"] = judge(name, output, network.judge().eval(), expected[:1], extensions)
    click.echo(f"{name}: {len(inputs)} inputs, {file.stat().st_size:,} bytes of weights")
    return entry


def encode(network: Network, weights: Path, file: Path) -> None:
    """Write the compressed weights of a network: copied, or encoded from a checkpoint."""
    if weights.suffix == ".frz":
        shutil.copyfile(weights, file)
        return
    with tempfile.TemporaryDirectory() as folder:
        if network.encoder == "compress":  # the checkpoint can lack buffers that the model has
            model = network.model()
            network.fill(model, file)
            weights = Path(folder) / "model.pt"
            torch.save(model.state_dict(), weights)
        command = [sys.executable, "-m", "frformat", network.encoder, str(weights), "-o", str(file)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def judge(name: str, output: Path, model: Any, example: Tensor, extensions: tuple[str, ...]) -> dict[str, str]:
    """Export the classifier that scores the outputs of a network; return the names of the files by extension."""
    files = {extension: f"{name}.judge.{extension}" for extension in extensions}
    for file in files.values():
        export(model, output / file, example=example, with_weights=True)
    return files


def models(
    network: Network, output: Path, dense: Any, weights: Path, example: Tensor, extensions: tuple[str, ...]
) -> dict[str, dict[str, str]]:
    """Export all variants for all runtimes; return the names of the files by variant and extension."""
    files: dict[str, dict[str, str]] = {}
    for variant in ("dense", *network.variants):
        files[variant] = {}
        for extension in extensions:
            path = output / f"{network.name}.{variant}.{extension}"
            if variant == "dense":
                export(dense, path, example=example, with_weights=True)
            else:
                export(network.model(), path, example=example, weights=weights, factored=variant == "factored")
            files[variant][extension] = path.name
    return files


@torch.inference_mode()
def run(model: Any, inputs: Tensor) -> Tensor:
    """Run a model on one input at a time, and return all outputs."""
    return torch.cat([model(inputs[at : at + 1]) for at in range(len(inputs))])


def learn(output: Path) -> Json:
    """Write the files for the test of on-device learning."""
    names = ("train", "train_labels", "test", "test_labels", "outputs")
    tensors = learning(output / "learning.frz")
    files = {name: write(output, f"learning.{name}.f32", tensors[name]) for name in names}
    return {"layer": "learning.frz", "tolerance": 1e-3, **files}


def write(output: Path, file: str, tensor: Tensor) -> Json:
    """Write a tensor as little-endian float32; return its entry in the manifest."""
    data = np.ascontiguousarray(tensor.detach().numpy(), "<f4").tobytes()
    (output / file).write_bytes(data)
    return {"file": file, "shape": list(tensor.shape), "crc32": f"{zlib.crc32(data):08x}"}


if __name__ == "__main__":
    main()
