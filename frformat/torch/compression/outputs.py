"""Measure how much a model's outputs change, and how they depend on its layers."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

from frformat.torch.compression.inputs import CompressionError

MEANINGS: Final = ("auto", "logits", "values")

DOUBT: Final = 1e-3
"""Weight of the logits as plain values, in addition to their effect on decisions. Without it, fully certain decisions
would have no gradient."""

TEMPERATURE: Final = 4.0
"""Temperature of the probabilities that determine how much each logit matters. At temperature 1, the few samples that
the model is uncertain about would determine nearly all gradients, and the result would not apply to other inputs."""


class Outputs:
    """The interpretation of a model's outputs.

    Args:
        meaning: ``logits`` for class logits, along the last axis of outputs of rank 2 or 3 and along axis 1 of all
            other outputs; ``values`` for any numbers; or ``auto`` for logits if the output is one matrix with at least
            two columns.

    Raises:
        CompressionError: ``meaning`` is none of these.
    """

    def __init__(self, meaning: str) -> None:
        if meaning not in MEANINGS:
            raise CompressionError(f"outputs {meaning!r} is not one of {', '.join(MEANINGS)}")
        self._meaning = meaning

    def tensors(self, out: Any) -> list[Tensor]:
        """Return the floating-point tensors of an output.

        Raises:
            CompressionError: there are none, or one is not finite.
        """
        found = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
        if not found:
            raise CompressionError(f"the model's output, of type {type(out).__name__}, contains no floats")
        if not all(bool(leaf.isfinite().all()) for leaf in found):
            raise CompressionError("the model's outputs are not all finite")
        return found

    def logits(self, out: Any) -> Tensor | None:
        """Return the logits as a matrix with one row per decision; None if the outputs are values."""
        found = self.tensors(out)
        first = found[0]
        auto = len(found) == 1 and first.dim() == 2 and first.shape[1] > 1
        if self._meaning == "values" or (self._meaning == "auto" and not auto):
            return None
        if first.dim() < 2:
            raise CompressionError(f"outputs of shape {list(first.shape)} are not logits")
        if first.dim() > 3:
            first = first.movedim(1, -1)
        return first.reshape(-1, first.shape[-1]).float()

    def drawn(self, out: Any, draws: torch.Generator) -> tuple[Tensor, int]:
        """Return a random value to differentiate. The second moments of its gradients predict :meth:`distance`.

        Returns:
            The sum over all samples, and the number of samples.
        """
        samples = len(self.tensors(out)[0])
        logits = self.logits(out)
        if logits is None:
            return self._values(out, draws, samples), samples
        # A random factor of the Fisher information of the logits, diag(p) − p pᵀ, at a higher temperature.
        p = (logits.detach() / TEMPERATURE).softmax(1)
        roots = p.sqrt() * _signs(p, draws)
        roots = roots - p * roots.sum(1, keepdim=True)
        roots = roots * (_uncertainty(logits.detach().softmax(1)) / _uncertainty(p)) ** 0.5
        total = (logits * roots).sum() * (samples / len(p)) ** 0.5
        return total + DOUBT**0.5 * self._values(out, draws, samples), samples

    def _values(self, out: Any, draws: torch.Generator, samples: int) -> Tensor:
        total = torch.zeros(())
        for leaf in self.tensors(out):
            total = (
                total.to(leaf)
                + (leaf * _signs(leaf, draws)).sum() * (_unit(leaf.detach()) * samples / leaf.numel()) ** 0.5
            )
        return total

    def distance(self, reference: Any, out: Any) -> float:
        """Return the distance of an output from the original one.

        For logits, this is the mean Kullback–Leibler divergence in nats. For values, it is half the mean squared error
        divided by the variance of the original.
        """
        before, after = self.logits(reference), self.logits(out)
        if before is not None and after is not None:
            p, q = F.log_softmax(before, 1), F.log_softmax(after, 1)
            return float((p.exp() * (p - q)).sum(1).mean())
        pairs = zip(self.tensors(reference), self.tensors(out), strict=True)
        return sum(float(0.5 * (y - x).float().square().mean() * _unit(x)) for x, y in pairs)

    def agreement(self, reference: Any, out: Any) -> tuple[float, int]:
        """Return the number of unchanged decisions and of all decisions.

        For values, each sample counts as one decision, and the share of unchanged decisions is the explained variance.
        """
        before, after = self.logits(reference), self.logits(out)
        if before is not None and after is not None:
            return float((before.argmax(1) == after.argmax(1)).sum()), len(before)
        samples = len(self.tensors(reference)[0])
        return samples * max(0.0, 1 - 2 * self.distance(reference, out)), samples


def _signs(values: Tensor, draws: torch.Generator) -> Tensor:
    return torch.randint(0, 2, values.shape, generator=draws).to(values) * 2 - 1


def _uncertainty(p: Tensor) -> float:
    """Return the sum over all rows of the variances of their classes, which is the trace of the Fisher information."""
    return float((p * (1 - p)).sum().clamp(min=1e-30))


def _unit(values: Tensor) -> float:
    """Return the reciprocal of the variance, or 1 if the variance is 0."""
    variance = float(values.float().var(correction=0))
    return 1 / variance if variance > 0 else 1.0
