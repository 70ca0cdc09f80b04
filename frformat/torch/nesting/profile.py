"""Measure each tier of a nested network on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from frformat.format.tiers import as_metadata
from frformat.torch.capacity import tier_count
from frformat.torch.costs import costs
from frformat.torch.nesting.structure import descendant
from frformat.torch.regularization.views import Example, run
from frformat.wording import metric_text

RUNS: Final = 30
"""Number of timed runs of each tier; the tiers take turns."""


@dataclass(frozen=True)
class Profile:
    """The costs and the score of a tier.

    Attributes:
        tier: its number; 0 is the smallest.
        parameters: number of parameters.
        multiply_adds: multiply-adds of one inference.
        memory: bytes of parameters and of the activations in use at the same time.
        latency: median time of one inference in seconds, with the current number of threads.
        score: the score on validation samples; NaN if it was not measured.
    """

    tier: int
    parameters: int
    multiply_adds: int
    memory: int
    latency: float
    score: float = float("nan")


@torch.no_grad()
def profile(model: nn.Module, example: Example, score: Callable[[nn.Module], float] | None = None) -> list[Profile]:
    """Measure the tiers of a network as the plain networks that a device would run.

    Args:
        model: a network with nested tiers.
        example: an input, such as one image; or a sequence of positional inputs, or a mapping of keyword inputs.
        score: returns the score of a network, for example its accuracy on validation samples.

    Returns:
        One profile for each tier, smallest first.

    Raises:
        ValueError: the network does not run on the example.
    """
    networks = [descendant(model, tier).eval() for tier in range(tier_count(model))]
    times: list[list[float]] = [[] for _ in networks]
    devices = {leaf.device for leaf in tree_leaves(example) if isinstance(leaf, Tensor) and leaf.is_cuda}
    for number in range(RUNS + 1):
        for network, found in zip(networks, times, strict=True):
            start = time.perf_counter()
            run(network, example)
            for device in devices:
                torch.cuda.synchronize(device)  # the call returns before the GPU has finished
            if number:  # the first run is a warm-up
                found.append(time.perf_counter() - start)
    measured = []
    for tier, (network, found) in enumerate(zip(networks, times, strict=True)):
        cost = costs(network, example)
        quality = float("nan") if score is None else score(network)
        measured.append(Profile(tier, cost.numbers, cost.multiply_adds, cost.peak_bytes, median(found), quality))
    return measured


def profile_metadata(profiles: Sequence[Profile], metric: str = "accuracy") -> dict[str, str]:
    """Return the device-independent part of profiles (the score and the costs) as metadata of a file.

    Latencies are left out, because they depend on the device and differ from run to run.

    Args:
        profiles: one for each tier, smallest first.
        metric: the name of the score.
    """
    return as_metadata(
        [
            {
                metric: metric_text(each.score),
                "multiply_adds": str(each.multiply_adds),
                "memory": str(each.memory),
            }
            for each in profiles
        ]
    )
