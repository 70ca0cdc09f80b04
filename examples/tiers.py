"""Train one network in three sizes, and store them in one file: ``python examples/tiers.py``."""

import torch
from torch import nn

import frformat
from frformat.torch import each_tier, load_model, regularize, save_model
from frformat.torch.regularization import make_tiers
from frformat.train.data import DIGITS_PIXELS, load_digits


def network() -> nn.Sequential:
    """Return a small network for images of 8×8 pixels."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


(images, labels), (test_images, test_labels) = load_digits("train").tensors, load_digits("test").tensors
images, test_images = DIGITS_PIXELS(images), DIGITS_PIXELS(test_images)  # uint8 → normalized float32

# The largest tier keeps 800 coefficients of each layer; the two smaller tiers keep 25 % and 50 % of these.
torch.manual_seed(0)
model = regularize(network(), keep=800, example=images[:1])
make_tiers(model, [0.25, 0.5])

# Each step adds up the gradients of all tiers, so that every tier works.
optimizer = torch.optim.Adam(model.parameters(), lr=0.04)
for _ in range(100):
    optimizer.zero_grad()
    for _ in each_tier(model):
        nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()
save_model(model, "tiers.frz", format="q8")

# Read each tier from the file. A file that ends after a tier is a complete, smaller model.
with frformat.open("tiers.frz") as file:
    ends = file.container.ends
for tier, end in enumerate(ends):
    plain = network()
    load_model(plain, "tiers.frz", tier=tier)
    accuracy = (plain(test_images).argmax(1) == test_labels).float().mean().item()
    print(f"tier {tier}: the first {end:,} bytes, {100 * accuracy:.1f} % accuracy")
