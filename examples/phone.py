"""Export a network for PyTorch Mobile, and run it as an app does: ``python examples/phone.py``."""

import os

import torch
from torch import nn
from torch.jit.mobile import _load_for_lite_interpreter

import frformat
from frformat.runtimes import export
from frformat.torch import save_model

torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 10))
model.eval()  # your trained network

# An app ships two files: the skeleton, which is the network's code without weights, and the weights.
export(model, "model.ptl")
save_model(model, "model.frz")
print(f"model.ptl: {os.path.getsize('model.ptl'):,} bytes, model.frz: {os.path.getsize('model.frz'):,} bytes")

# On a phone, the library io.frz:frz-pytorch does the following in one line: FrzModule.loader(context, …).load().
# Here, the lite interpreter of the installed PyTorch stands in for the phone.
skeleton = _load_for_lite_interpreter("model.ptl")
with frformat.open("model.frz") as file:
    for name in file:
        skeleton.run_method("load_weights", {name: torch.from_numpy(file[name])})

image = torch.rand(1, 1, 8, 8)
difference = (skeleton.run_method("forward", image) - model(image)).abs().max().item()
print(f"largest difference between the phone's output and the desktop's: {difference:.1e}")
