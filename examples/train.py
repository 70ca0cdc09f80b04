"""Train a network with Frequency Regularization, and store it in 1 kB: ``python examples/train.py``."""

import os

import torch
from torch import nn

from frformat.torch import load_model, regularize, save_model
from frformat.train.data import DIGITS_PIXELS, load_digits


def network() -> nn.Sequential:
    """Return a small network for images of 8×8 pixels."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


(images, labels), (test_images, test_labels) = load_digits("train").tensors, load_digits("test").tensors
images, test_images = DIGITS_PIXELS(images), DIGITS_PIXELS(test_images)  # uint8 → normalized float32

# Keep 600 coefficients of the first layer, 300 of the second and 3 of each bias, rounded to 8 bits while training.
# From the example input, `regularize` learns that the first layer sees 8×8 pixels: its DCT runs along rows and columns.
torch.manual_seed(0)
rules = ["1.weight: keep=600 format=q8", "3.weight: keep=300 format=q8", "*.bias: keep=3 format=q8"]
model = regularize(network(), rules=rules, example=images[:1])

# The training loop stays the same. Coefficients need a larger learning rate than ordinary weights.
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=150)
for _ in range(150):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()
    schedule.step()
save_model(model, "digits.frz")

# The file loads into the plain network, as ordinary weights.
plain = network()
load_model(plain, "digits.frz")
accuracy = (plain(test_images).argmax(1) == test_labels).float().mean().item()
weights = sum(parameter.numel() for parameter in plain.parameters())
print(f"digits.frz: {weights:,} weights in {os.path.getsize('digits.frz'):,} bytes, {100 * accuracy:.1f} % accuracy")
