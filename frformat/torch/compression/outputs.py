"""Measure how much a model's outputs change, and how they depend on its layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

from frformat.torch.compression.buffers import unchanged
from frformat.torch.compression.inputs import BatchRun, CompressionError

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

    def run(self, model: nn.Module, batch: BatchRun) -> list[Tensor]:
        """Return the tensors of :meth:`checked` without changing the model's buffers."""
        with unchanged(model):
            return _tensors(self.checked(model, batch))

    def checked(self, model: nn.Module, batch: BatchRun) -> Any:
        """Run a model on a batch, and return its output.

        Raises:
            CompressionError: the model fails, or its output has no floats, no elements, or NaN or infinite elements.
        """
        out = batch(model)
        found = _tensors(out)
        if not any(leaf.numel() for leaf in found):
            raise CompressionError(f"the model's output for batch {batch.number} has no elements: leave the batch out")
        if not _are_finite(found):
            leaves = tree_leaves(batch.batch)
            inputs = [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.layout == torch.strided]
            reason = "" if _are_finite(inputs) else ", and neither are its inputs"
            raise CompressionError(f"the model's outputs for batch {batch.number} are not all finite{reason}")
        return out

    def tensors(self, out: Any) -> list[Tensor]:
        """Return the floating-point tensors of an output. Complex numbers become pairs.

        Raises:
            CompressionError: there are none, or one is not finite.
        """
        found = _tensors(out)
        if not _are_finite(found):
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
        return _wide(first.reshape(-1, first.shape[-1]))

    def decisions(self, out: Any) -> int:
        """Return the number of rows of logits or values in an output."""
        first = self.tensors(out)[0]
        if first.dim() < 2:
            return first.numel()
        return first.numel() // max(first.shape[1 if first.dim() > 3 else -1], 1)

    def drawn(self, out: Any, draws: torch.Generator) -> tuple[Tensor, int]:
        """Return a random value to differentiate. The second moments of its gradients predict :meth:`distance`.

        Returns:
            The sum over all samples, and the number of samples.
        """
        samples = _samples(self.tensors(out)[0])
        logits = self.logits(out)
        if logits is None:
            return self._values(out, draws, samples), samples
        # A random factor of the Fisher information of the logits, diag(p) − p pᵀ, at a higher temperature.
        p = (logits.detach() / TEMPERATURE).softmax(1)
        roots = p.sqrt() * _signs(p, draws)
        roots = roots - p * roots.sum(1, keepdim=True)
        roots = roots * (_uncertainty(logits.detach().softmax(1)) / _uncertainty(p)) ** 0.5
        total = (logits * roots).sum() * (samples / max(len(p), 1)) ** 0.5
        return total + DOUBT**0.5 * self._values(out, draws, samples), samples

    def _values(self, out: Any, draws: torch.Generator, samples: int) -> Tensor:
        total = torch.zeros(())
        for leaf in self.tensors(out):
            if leaf.numel():
                weight = (samples / leaf.numel()) ** 0.5 / _deviation(leaf.detach())
                total = total.to(leaf) + (leaf * _signs(leaf, draws)).sum() * weight
        return total

    def distance(self, reference: Any, out: Any) -> float:
        """Return the distance of an output from the original one.

        For logits, this is the mean Kullback–Leibler divergence in nats. For values, it is half the mean squared error
        divided by the variance of the original.

        Raises:
            CompressionError: the outputs have different shapes.
        """
        before, after = self.logits(reference), self.logits(out)
        if before is not None and after is not None:
            _check_shapes([before], [after])
            p, q = F.log_softmax(before.double(), 1), F.log_softmax(after.double(), 1)
            return float((p.exp() * (p - q)).sum() / max(len(p), 1))
        known, found = self.tensors(reference), self.tensors(out)
        _check_shapes(known, found)
        pairs = [(x, y) for x, y in zip(known, found, strict=True) if x.numel()]
        return sum(float(0.5 * ((y.double() - x.double()) / _deviation(x)).square().mean()) for x, y in pairs)

    def agreement(self, reference: Any, out: Any) -> tuple[float, int]:
        """Return the number of unchanged decisions and of all decisions.

        For values, each sample counts as one decision, and the share of unchanged decisions is the explained variance.
        """
        before, after = self.logits(reference), self.logits(out)
        if before is not None and after is not None:
            _check_shapes([before], [after])
            return float((before.argmax(1) == after.argmax(1)).sum()), len(before)
        samples = _samples(self.tensors(reference)[0])
        return samples * max(0.0, 1 - 2 * self.distance(reference, out)), samples


def _check_shapes(known: Sequence[Tensor], found: Sequence[Tensor]) -> None:
    before, after = ([list(each.shape) for each in some] for some in (known, found))
    if before != after:
        raise CompressionError(
            f"the shapes of the model's outputs depend on its weights: {before}, and {after} after rounding; let it "
            "return its outputs before it selects some of them"
        )


def _tensors(out: Any) -> list[Tensor]:
    """Return the floating-point tensors of an output; complex numbers become pairs."""
    every = [leaf for leaf in _leaves(out) if isinstance(leaf, Tensor)]
    real = [torch.view_as_real(leaf.resolve_conj()) if leaf.is_complex() else leaf for leaf in every]
    found = [leaf for leaf in real if leaf.is_floating_point()]
    if not found:
        raise CompressionError(f"the model's output, of type {type(out).__name__}, contains no floats")
    return found


def _are_finite(tensors: Sequence[Tensor]) -> bool:
    return all(bool(each.isfinite().all()) for each in tensors)


def _leaves(tree: Any) -> Iterator[Any]:
    """Yield everything that a model returned, also inside mappings and data classes that PyTorch does not know."""
    for leaf in tree_leaves(tree):
        if isinstance(leaf, Mapping):
            yield from _leaves(list(leaf.values()))
        elif is_dataclass(leaf) and not isinstance(leaf, type):
            yield from _leaves([getattr(leaf, each.name) for each in fields(leaf)])
        else:
            yield leaf


def _samples(values: Tensor) -> int:
    """Return the number of samples in an output; a single number counts as one."""
    return len(values) if values.dim() else 1


def _signs(values: Tensor, draws: torch.Generator) -> Tensor:
    return torch.randint(0, 2, values.shape, generator=draws).to(values) * 2 - 1


def _uncertainty(p: Tensor) -> float:
    """Return the sum over all rows of the variances of their classes, which is the trace of the Fisher information."""
    return float((p * (1 - p)).sum().clamp(min=1e-30))


def _deviation(values: Tensor) -> float:
    """Return the standard deviation, or 1 if it is 0. Squares of values that are finite can overflow their type."""
    largest = float(values.abs().max())
    return float((values.double() / largest).std(correction=0)) * largest or 1.0 if largest else 1.0


def _wide(values: Tensor) -> Tensor:
    """Convert half-precision values to float32."""
    return values if values.dtype == torch.float64 else values.float()
