"""Helpers that run exported models in the lite interpreter of the installed PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.jit.mobile import _load_for_lite_interpreter

import frformat
from frformat.checkpoints.torch_tensors import to_torch
from frformat.runtimes import Export, export
from frformat.runtimes.pytorch_mobile.quiet import quietly


class Mixed(nn.Module):
    """Has tied weights, several dtypes, a buffer outside the state dict, and names that are not identifiers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.head = nn.Linear(4, 5, bias=False)
        self.head.weight = self.embed.weight
        self.norm = nn.BatchNorm1d(5)
        self.layers = nn.Sequential(nn.Linear(5, 3), nn.ReLU(inplace=True))
        self.class_ = nn.Parameter(torch.randn(3, dtype=torch.float16))
        self.brain = nn.Parameter(torch.randn(3, dtype=torch.bfloat16))
        self.register_buffer("mask", torch.tensor([True, False, True]))
        self.register_buffer("short", torch.tensor([1, -2, 300], dtype=torch.int16))
        self.register_buffer("scratch", torch.arange(20.0).reshape(5, 4), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        index = x.long()
        out: Tensor = self.layers(self.norm(self.head(self.embed(index) + self.scratch[index])))
        return (out + self.class_.float() * self.brain.float()) * self.mask + self.short

    @torch.jit.export
    def logits(self, index: Tensor) -> Tensor:
        out: Tensor = self.head(self.embed(index))
        return out


def lite(model: nn.Module, folder: Path, **options: Any) -> Any:
    """Load the skeleton of a model."""
    return load(exported(model, folder, **options))


def exported(model: nn.Module, folder: Path, **options: Any) -> Export:
    return export(model, folder / "model.ptl", **options)


def load(export: Export) -> Any:
    with quietly():
        return _load_for_lite_interpreter(export.path)


def hand_over(module: Any, weights: Path, **options: Any) -> None:
    """Pass the weights that a skeleton needs from an ``.frz`` file, as a loader does."""
    wanted = module.run_method("coefficients_wanted")
    with frformat.open(weights, **options) as file:
        for name in file:
            value = file.coefficients(name) if name in wanted else file[name]
            module.run_method("load_weights", {name: to_torch(value)})
    assert module.run_method("weights_missing") == []


def refusal(call: Any, *arguments: Any) -> str:
    """Return the first line of the error that a call in the lite interpreter raises."""
    with pytest.raises((RuntimeError, torch.jit.Error)) as caught:
        call(*arguments)
    line = str(caught.value).splitlines()[0]
    assert line.startswith("frz: ")
    return line
