"""Compress a trained network without training it again: ``python examples/compress.py``."""

import os

import torch
from torch import nn

from frformat.torch import compress, load_model, save_model
from frformat.train.data import DIGITS_PIXELS, load_digits


def network() -> nn.Sequential:
    """Return a small convolutional network for images of 8×8 pixels."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10)
    )


(images, labels), (test_images, test_labels) = load_digits("train").tensors, load_digits("test").tensors
images, test_images = DIGITS_PIXELS(images), DIGITS_PIXELS(test_images)  # uint8 → normalized float32


def accuracy(model: nn.Module) -> float:
    """Return the accuracy on the test images, in percent."""
    with torch.no_grad():
        return 100 * (model(test_images).argmax(1) == test_labels).float().mean().item()


# Train a network in the usual way. You can use any trained network instead.
torch.manual_seed(0)
model = network()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for _ in range(60):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()
model.eval()
save_model(model, "exact.frz")

# Quantize it to at most 1 kB. 256 inputs without labels show how much each weight matters.
result = compress(model, "small.frz", images[:256].split(64), size=1000)

# The file loads into the same architecture.
small = network()
load_model(small, "small.frz")
small.eval()
print(f"exact: {os.path.getsize('exact.frz'):,} bytes, {accuracy(model):.1f} % accuracy")
print(f"small: {result.nbytes:,} bytes, {accuracy(small):.1f} % accuracy")
