"""The networks of the benchmark suite, and the data on which they are scored."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from drawing import digit
from torch import Tensor, nn
from torch.nn import functional as F

from frformat.torch import load_model
from frformat.train import elm
from frformat.train.data import (
    IMAGENET_PIXELS,
    MNIST_PIXELS,
    UNIT_PIXELS,
    MissingDataError,
    load_carvana,
    load_cifar10,
    load_digits,
    load_mnist,
    load_photo,
)
from frformat.train.models import SRCNN, VAE, Generator, LeNet5, ResNet20, UNet
from frformat.train.recipes.gan import latents
from frformat.train.recipes.srcnn import enlarged

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "examples"
DATA: Final = Path(os.environ.get("FRFORMAT_DATA", ROOT.parent / "shared" / "data"))

DIGITS: Final = 200
CIFAR: Final = 100
CARS: Final = 2
DRAWN: Final = 50
"""Number of digits that the GAN draws."""

CONFIDENT: Final = 0.9
"""The minimum probability at which a digit counts as recognized."""

SIDES: Final = (320, 480)
"""Height and width of the UNet's inputs."""


@dataclass(frozen=True)
class Network:
    """A network of the suite.

    Attributes:
        name: its name.
        title: its display name.
        task: what it does.
        metric: the metric that scores it.
        model: a function that creates it.
        variants: the compressed variants; the last one counts toward the score.
        samples: a function that returns its inputs and targets, each of shape (n, …).
        compressed: the files with compressed weights, or a checkpoint to encode; the first that exists is used.
        dense: the dense weights; if the file is missing or None, the dense network has the rebuilt weights.
        encoder: the frformat command that encodes a checkpoint.
        short: whether the short form includes it.
        judge: creates the classifier that scores the outputs; None if the outputs are scored without one.
    """

    name: str
    title: str
    task: str
    metric: str
    model: Callable[[], nn.Module]
    variants: tuple[str, ...]
    samples: Callable[[], tuple[Tensor, Tensor]]
    compressed: tuple[Path, ...]
    dense: Path | None = None
    encoder: str = "encode"
    short: bool = False
    judge: Callable[[], nn.Module] | None = None

    def weights(self) -> Path | None:
        """Return the file with the compressed weights, or None if it is missing."""
        return next((path for path in self.compressed if path.is_file()), None)

    def fill(self, model: nn.Module, rebuilt: Path) -> None:
        """Load the dense weights into a model or, if there are none, those in the file ``rebuilt``."""
        if self.dense is None or not self.dense.is_file():
            load_model(model, rebuilt)
        elif self.dense.suffix == ".frz":
            load_model(model, self.dense)
        else:
            checkpoint = torch.load(self.dense, weights_only=True, map_location="cpu")
            weights = checkpoint.get("state_dict", checkpoint)
            model.load_state_dict({key.removeprefix("module."): value for key, value in weights.items()})


def _digits() -> tuple[Tensor, Tensor]:
    """Return images like those of MNIST, uint8 (n, 1, 28, 28), and their labels.

    The images are every nth test image of MNIST or, if MNIST is missing, scikit-learn's test digits, enlarged.
    """
    try:
        images, labels = load_mnist("test", DATA).tensors
        return images[:: len(images) // DIGITS], labels[:: len(images) // DIGITS]
    except MissingDataError:
        images, labels = (part[:DIGITS] for part in load_digits("test").tensors)
    drawn = np.stack([np.asarray(digit(image[0].numpy())) for image in images])
    return torch.from_numpy(drawn)[:, None], labels


def digits() -> tuple[Tensor, Tensor]:
    """Return digits for LeNet-5."""
    images, labels = _digits()
    return MNIST_PIXELS(images), labels


def strokes() -> tuple[Tensor, Tensor]:
    """Return digits for the autoencoder, which should reproduce them."""
    images = UNIT_PIXELS(_digits()[0][:50])
    return images, images


def numbers() -> tuple[Tensor, Tensor]:
    """Return latent vectors for the GAN, and the probability with which the judge should recognize each digit."""
    return latents(DRAWN), torch.full((DRAWN,), CONFIDENT)


class Judge(nn.Module):
    """LeNet-5 for images with values from 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.network = LeNet5()
        load_model(self.network, EXAMPLES / "lenet5.frz")

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of the ten digits."""
        logits: Tensor = self.network((x - MNIST_PIXELS.mean[0]) / MNIST_PIXELS.std[0])
        return logits


def things() -> tuple[Tensor, Tensor]:
    """Return every hundredth test image of CIFAR-10."""
    images, labels = (part[:: 10_000 // CIFAR] for part in load_cifar10("test", DATA).tensors)
    return IMAGENET_PIXELS(images), labels


def cars() -> tuple[Tensor, Tensor]:
    """Return photographs of cars, at half their size."""
    images, masks = zip(*(load_carvana(DATA)[at] for at in range(CARS)), strict=True)
    small = F.interpolate(UNIT_PIXELS(torch.stack(images)), SIDES, mode="area")
    return small, F.interpolate(torch.stack(masks)[:, None].float(), SIDES, mode="nearest")[:, 0]


def patches() -> tuple[Tensor, Tensor]:
    """Return patches of a photograph, blurred by downscaling and upscaling, and the sharp originals."""
    truth = UNIT_PIXELS(load_photo("test").tensors[0])
    return enlarged(truth), truth


def learning(path: Path) -> dict[str, Tensor]:
    """Train an Extreme Learning Machine on digits, and write it to a file.

    Returns:
        The examples, the test inputs, their labels, and the outputs for the test inputs.
    """
    (train, labels), (test, truth) = (load_digits(split).tensors for split in ("train", "test"))
    train, labels, test, truth = train[:400] * 15, labels[:400], test[:200] * 15, truth[:200]
    model = elm.ELMClassifier(elm.Convolution(12, 3, 2), seed=1, ridge=1e-3).fit(train.numpy(), labels.numpy())
    elm.save(model, path)
    outputs = torch.from_numpy(model.decision_function(test.numpy()))
    return {"train": train, "train_labels": labels, "test": test, "test_labels": truth, "outputs": outputs}


NETWORKS: Final = (
    Network(
        "lenet5", "LeNet-5: digits", "classification", "accuracy", LeNet5, ("rebuilt", "factored"), digits,
        (EXAMPLES / "lenet5.frz",), DATA / "lenet_pruned" / "admm_mnist_cnn.pt", short=True,
    ),
    Network(
        "resnet20", "ResNet-20: things", "classification", "accuracy", ResNet20, ("rebuilt",), things,
        (DATA / "resnet_cifar10" / "resnet20-12fca82f.th",), DATA / "resnet_cifar10" / "resnet20-12fca82f.th",
        encoder="compress",
    ),
    Network(
        "srcnn", "SRCNN: sharper pictures", "super-resolution", "psnr", SRCNN, ("rebuilt", "factored"), patches,
        (EXAMPLES / "srcnn.frz",), EXAMPLES / "srcnn-dense.frz", short=True,
    ),
    Network(
        "vae", "VAE: written digits", "generation", "psnr", VAE, ("rebuilt",), strokes,
        (EXAMPLES / "vae.frz",), short=True,
    ),
    Network(
        "gan", "GAN: invented digits", "generation", "confidence", Generator, ("rebuilt",), numbers,
        (EXAMPLES / "gan.frz",), short=True, judge=Judge,
    ),
    Network(
        "unet", "UNet: cars", "segmentation", "dice", UNet, ("rebuilt", "factored"), cars,
        (EXAMPLES / "unet.frz", DATA / "unet_fr" / "unet_fr.pt"),
    ),
)  # fmt: skip
"""All networks, in the order in which they are measured."""
