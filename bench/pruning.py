"""Prune LeNet-5 by magnitude, with 8-bit values, as the baseline for Frequency Regularization.

The dense network is trained first. It is then pruned in stages, each of which starts from the previous one. Sparsity
follows the cubic schedule of Zhu and Gupta (2017). Weights and biases are removed by the layer-adaptive magnitude score
of Lee et al. (LAMP, 2021). The remaining ones are then fine-tuned, at the end with weights rounded to 8 bits,
with one step per tensor. Small networks thus also benefit from the training of all larger ones.
"""

from __future__ import annotations

import io
import lzma
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

import frformat
from frformat import CodedTensor
from frformat.format.coders import CODERS, Run, joined
from frformat.format.quantization import quantized
from frformat.torch.regularization.rounding import fake_quantize
from frformat.train.data import MNIST_PIXELS, load_mnist
from frformat.train.models import LeNet5

STAGES: Final = (10_000, 4_000, 2_000, 1_500, 1_000, 600, 350, 200)
"""Number of parameters that remain after each stage, weights and biases together."""

DENSE_EPOCHS: Final = 8
STAGE_EPOCHS: Final = 8
SHRINKING: Final = 0.4
"""Fraction of a stage after which the mask is final."""

ROUNDING: Final = 0.7
"""Fraction of a stage after which weights are rounded."""

BATCH: Final = 128
LR: Final = 2e-3
MASK_EVERY: Final = 20
FORMAT: Final = "q8"

HEADER: Final = 3
"""Bytes counted for a tensor besides its streams: a step and a count. Names, shapes and checksums are not counted."""


@dataclass(frozen=True)
class Stage:
    """A pruned network.

    Attributes:
        numbers: number of remaining weights and biases.
        accuracy: accuracy on the test set, with float weights.
        quantized: accuracy with weights rounded to 8 bits.
        nbytes: size of the rounded network; see :func:`coded`.
        epochs: number of training epochs so far.
    """

    numbers: int
    accuracy: float
    quantized: float
    nbytes: int
    epochs: int


def prune(seed: int, folder: str | None = None) -> Iterator[Stage]:
    """Train the network, and then prune it to each of :data:`STAGES` in turn."""
    torch.manual_seed(seed)
    (images, labels), test = load_mnist("train", folder).tensors, load_mnist("test", folder).tensors
    model = LeNet5().to(memory_format=torch.channels_last)
    state = dict(model.named_parameters())
    masks = {name: torch.ones_like(weights) for name, weights in state.items()}
    numbers = before = sum(weights.numel() for weights in state.values())
    for stage, goal in enumerate((numbers, *STAGES)):
        epochs = STAGE_EPOCHS if stage else DENSE_EPOCHS
        total = epochs * (len(images) // BATCH)
        optimizer = torch.optim.Adam(model.parameters(), LR)
        step = 0
        for _ in range(epochs):
            for chosen in torch.randperm(len(images))[: len(images) // BATCH * BATCH].split(BATCH):
                share = step / total
                if stage and step % MASK_EVERY == 0 and numbers > goal:
                    left = max(0.0, 1 - share / SHRINKING) ** 3
                    numbers = goal + round((before - goal) * left)
                    masks = _masks(state, masks, numbers)
                for group in optimizer.param_groups:
                    group["lr"] = LR * min(1, share / 0.05) * 0.5 * (1 + math.cos(math.pi * share))
                optimizer.zero_grad()
                used = _used(state, masks, rounded=stage > 0 and share >= ROUNDING)
                with torch.autocast("cpu", torch.bfloat16):
                    logits = functional_call(model, used, _seen(images[chosen]))
                F.cross_entropy(logits.float(), labels[chosen]).backward()
                optimizer.step()
                step += 1
        before = numbers
        plain, rounded = (_used(state, masks, rounding) for rounding in (False, True))
        yield Stage(
            numbers,
            accuracy(model, plain, *test),
            accuracy(model, rounded, *test),
            coded(rounded) if stage else 0,
            DENSE_EPOCHS + stage * STAGE_EPOCHS,
        )


def coded(weights: Mapping[str, Tensor]) -> int:
    """Return the size of a pruned network in bytes, in the smallest of several encodings.

    One is the file format itself, which also codes the zeros. The others store, for each tensor, the distances
    between its nonzero values, and these values in 8 bits. A tensor is scanned by rows or by columns. All distances and
    all values are coded with the format's integer coder (with separate models per tensor or common ones), zstd, deflate
    or LZMA, whichever produces the fewest bytes.
    """
    arrays = {name: tensor.detach().numpy() for name, tensor in weights.items()}
    whole = frformat.save({name: CodedTensor.of_array(array, FORMAT) for name, array in arrays.items()})
    scans = [_scans(array) for array in arrays.values()]
    distances = [min(pair[:-1], key=lambda run: _stream([run])) for pair in scans]
    values = [pair[-1] for pair in scans]
    return min(len(whole), HEADER * len(weights) + _stream(distances) + _stream(values))


def _scans(array: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    """Return distances by rows and by columns, and values only by rows: the order of values hardly matters."""
    stored = quantized(array.reshape(-1), FORMAT).values
    matrix = stored.reshape(len(array), -1)
    gaps = [np.diff(np.flatnonzero(scan), prepend=-1) - 1 for scan in (matrix, np.ascontiguousarray(matrix.T))]
    return [*gaps, stored[stored != 0].astype(np.int64)]


def _stream(runs: list[NDArray[np.int64]]) -> int:
    joined = next(
        np.concatenate(runs).astype(dtype)
        for dtype in ("<i1", "<i2", "<i4")
        if all(np.abs(run).max(initial=0) <= np.iinfo(dtype).max for run in runs)
    )
    sizes = [len(lzma.compress(joined.tobytes(), lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1}]))]
    sizes += [_coded(coder, "i8", [joined.view(np.int8)]) for coder in ("deflate", "zstd")]
    typed = [run.astype(np.int32) for run in runs]
    sizes += [sum(_coded("adaptive", "i32", [run]) for run in typed), _coded("adaptive", "i32", typed)]
    return min(sizes)


def _coded(coder: str, value_type: str, runs: list[NDArray[Any]]) -> int:
    """Return the size in bytes of runs that are coded as one segment."""
    out = io.BytesIO()
    CODERS[coder].encoder(value_type, False).encode(joined((Run(False, (run.shape,)), run) for run in runs), out)
    return out.tell()


@torch.no_grad()
def _masks(state: Mapping[str, Tensor], masks: Mapping[str, Tensor], numbers: int) -> dict[str, Tensor]:
    """Return masks of the weights with the highest scores. The score is w² divided by the sum of all w² in the layer
    that are at least as large."""
    scores: dict[str, Tensor] = {}
    for layer in dict.fromkeys(name.partition(".")[0] for name in state):
        names = [f"{layer}.weight", f"{layer}.bias"]
        weights = torch.cat([(state[name] * masks[name]).flatten() for name in names])
        energy, order = weights.double().square().sort(descending=True)
        score = torch.empty_like(energy)
        score[order] = energy / energy.cumsum(0).clamp(min=1e-300)
        scores.update(zip(names, score.split([state[name].numel() for name in names]), strict=True))
    least = torch.cat(list(scores.values())).topk(numbers).values[-1]
    return {name: (scores[name] >= least).float().reshape(weights.shape) for name, weights in state.items()}


def _used(state: Mapping[str, Tensor], masks: Mapping[str, Tensor], rounded: bool) -> dict[str, Tensor]:
    """Return the masked weights, rounded if requested."""
    used = {name: weights * masks[name] for name, weights in state.items()}
    return {name: fake_quantize(weights, FORMAT) for name, weights in used.items()} if rounded else used


def _seen(images: Tensor) -> Tensor:
    return MNIST_PIXELS(images).to(memory_format=torch.channels_last)


@torch.no_grad()
def accuracy(model: nn.Module, used: dict[str, Tensor], images: Tensor, labels: Tensor) -> float:
    """Return the share of the images that are classified correctly."""
    right: list[float] = [
        (functional_call(model, used, _seen(batch)).argmax(1) == wanted).sum().item()
        for batch, wanted in zip(images.split(1000), labels.split(1000), strict=True)
    ]
    return sum(right) / len(labels)
