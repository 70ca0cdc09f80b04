"""Measure delta files, which store the weights after an epoch as the difference from the previous epoch's."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

import frformat
from bench import DATA, Missing, Row
from frformat.format.tensor import CodedTensor
from frformat.train.data import MNIST_PIXELS
from frformat.train.data.errors import MissingDataError
from frformat.train.data.mnist import load_mnist
from frformat.train.models import LeNet5

State = dict[str, NDArray[np.float32]]

EPOCHS: Final = 4
BATCH: Final = 128
RATE: Final = 0.05
BITS: Final = range(2, 9)
DROP: Final = 0.1
"""Maximum loss of accuracy from quantization, in percentage points."""

AIM: Final = 0.35


def run() -> list[Row]:
    """Measure the last two epochs of a short run of LeNet-5 on MNIST with a learning rate that decreases to 0."""
    try:
        train, test = load_mnist("train", DATA), load_mnist("test", DATA)
    except MissingDataError as error:
        raise Missing(str(error)) from error
    model, states = _trained(*train.tensors)
    images, labels = _pixels(test.tensors[0]), test.tensors[1]
    dense = _accuracy(model, states[-1], images, labels)
    rows = []
    for bits in BITS:
        old = {name: CodedTensor.of_array(array, f"q{bits}") for name, array in states[-2].items()}
        new = {name: _like(array, old[name]) for name, array in states[-1].items()}
        accuracy = _accuracy(model, {name: each.rebuild() for name, each in new.items()}, images, labels)
        if accuracy >= dense - DROP:
            rows.append(_row(f"{bits} bits, {accuracy:.2f} % of {dense:.2f} %", old, new))
            break
    rows.append(_row("lossless float32", states[-2], states[-1], aim=1.0))
    return rows


def _row(what: str, old: Any, new: Any, aim: float = AIM) -> Row:
    base, whole = frformat.save(old), frformat.save(new)
    delta = frformat.save(new, base=base)
    decoded, wanted = frformat.load(delta, base=base), frformat.load(whole)
    assert all(decoded[name].tobytes() == wanted[name].tobytes() for name in wanted)
    share = len(delta) / len(whole)
    figure = f"{share:.3f}: {len(delta):,} of {len(whole):,} bytes"
    return Row(f"last epoch as a delta file, relative to the complete file; {what}", figure, f"≤ {aim}", share <= aim)


def _like(array: NDArray[np.float32], other: CodedTensor) -> CodedTensor:
    found = CodedTensor.like(array, other)
    assert found is not None
    return found


def _trained(images: torch.Tensor, labels: torch.Tensor) -> tuple[LeNet5, list[State]]:
    """Return a network, and its weights after each epoch."""
    torch.manual_seed(0)
    model = LeNet5()
    optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=0.9, weight_decay=5e-4)
    steps = -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, EPOCHS * steps)
    states = []
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(model(_pixels(images[chosen])), labels[chosen]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        states.append({name: value.detach().numpy().copy() for name, value in model.state_dict().items()})
    return model, states


def _pixels(images: torch.Tensor) -> torch.Tensor:
    return MNIST_PIXELS(images)


def _accuracy(model: LeNet5, state: State, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the accuracy in percent."""
    model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    with torch.no_grad():
        found = torch.cat([model(part).argmax(1) for part in images.split(1000)])
    return 100 * float((found == labels).float().mean())
