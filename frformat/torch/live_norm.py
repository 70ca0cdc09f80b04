"""Batch normalization that goes on while quantized weights are trained, although a compressed file has none left.

``compress`` folds batch normalization into the preceding weights: in the file, each layer only adds a bias. While the
integers of such a network change, nothing keeps the means and variances of its activations where they were. Here, these
layers normalize by batches again, but only in training mode, and toward their running statistics (S. Ioffe, "Batch
Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models", 2017), so that in evaluation mode
the network remains the one in the file. What they learn goes into numbers that the file has anyway: the biases, and the
step offsets of the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from frformat.torch.batch_norm import scale
from frformat.torch.modes import evaluating
from frformat.torch.parametrizations import is_parametrized
from frformat.torch.quantized import quantized_tensors

NAME: Final = "live"
"""Name of the submodule that keeps a normalization layer alive."""

MOMENTUM: Final = 0.1
"""Weight of a batch in the running statistics."""

STEPS: Final = 16
"""Number of step codes in an octave."""


class Normalized(NamedTuple):
    """A layer whose outputs are only used by batch normalization.

    Attributes:
        weight: name of its weights.
        axis: the axis of the weights that counts the outputs.
        bias: name of its bias; None if there is none.
        norm: path of the batch normalization.
    """

    weight: str
    axis: int
    bias: str | None
    norm: str


class LiveNorm(nn.Module):
    """Normalizes by batches in training mode, in place of the layer that it is a part of.

    Attributes:
        layer: the preceding layer.
        level: the standard deviation that each channel of the output should have, as a step code; a parameter. In the
            file, it is that of the input, which integers and steps determine.
        mean: running mean of each channel of the input.
        variance: running variance.
        held: the mean that the bias in the file takes into account.
    """

    mean: Tensor
    variance: Tensor
    held: Tensor

    def __init__(self, layer: Normalized, mean: Tensor, variance: Tensor, eps: float) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("mean", mean)
        self.register_buffer("variance", variance)
        self.level = nn.Parameter(_level(variance, eps))
        self.register_buffer("held", mean.clone())

    def attach(self, norm: nn.Module) -> None:
        """Become a part of a normalization layer."""
        norm.add_module(NAME, self)
        norm.register_forward_hook(self._normalized)

    def _normalized(self, norm: Any, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        """Return what the layer computes in training mode; in evaluation mode, its own output.

        The output has the level to which the file can come closest. The gradient passes straight through this rounding.
        """
        batch = inputs[0]
        if not self.training or batch.numel() == len(self.mean):  # the variance of one element says nothing
            return output
        kept = _kept(norm)
        rounded = self.codes(norm.eps) + (self.level - self.level.detach())
        weight = kept * (self.variance + norm.eps).sqrt() * torch.exp2(rounded / STEPS)
        bias = norm.bias + kept * (self.held - norm.running_mean)
        return F.batch_norm(batch, self.mean, self.variance, weight, bias, True, MOMENTUM, norm.eps)

    def codes(self, eps: float) -> Tensor:
        """Return what to add to the step codes of the weights, so that the output has its level.

        That is an octave at most, and nothing for channels that hardly vary, such as those of inputs that are all zero.
        """
        missing = (self.level.detach() - _level(self.variance, eps)).round()
        return torch.where(self.variance > eps, missing.clamp(-STEPS, STEPS), 0)

    def extra_repr(self) -> str:
        """Return the name of the weights."""
        return self.layer.weight


def _kept(norm: Any) -> Tensor:
    """Return the scale of each channel in the file, which is about 1 if the layer was folded."""
    return scale(norm, norm.weight.dtype)  # some devices have no float64


def _level(variance: Tensor, eps: float) -> Tensor:
    """Return the step code of a standard deviation, not rounded."""
    return STEPS / 2 * torch.log2(variance + eps)


def keep_alive(model: nn.Module, layers: Sequence[Normalized], runs: Sequence[Callable[[], object]]) -> None:
    """Keep batch normalization alive where quantized weights precede it and its bias is trained.

    Args:
        model: a model from :func:`frformat.torch.load_quantized`.
        layers: its layers with batch normalization.
        runs: functions that each run the model on a batch; they show the statistics.
    """
    quantized: Any = quantized_tensors(model)
    chosen = {}
    for layer in layers:
        held, norm = quantized.get(layer.weight), _module(model, layer.norm)
        whole = held is not None and held[0].in_steps and held[0].form.axes[layer.axis].kind == "identity"
        if whole and norm.bias.requires_grad:
            chosen[layer.norm] = layer
    for path, moments in _statistics(model, list(chosen), runs).items():
        norm = _module(model, path)
        mean, variance = (each.to(norm.running_mean) for each in moments)
        LiveNorm(chosen[path], mean, variance, norm.eps).attach(norm)


def live_norms(model: nn.Module) -> dict[str, tuple[Any, LiveNorm]]:
    """Return the layers of a model in which batch normalization is alive, by the name of the part that does this."""
    modules = dict(model.named_modules(remove_duplicate=False))
    found = {name: module for name, module in modules.items() if isinstance(module, LiveNorm)}
    return {name: (modules[name.rpartition(".")[0]], live) for name, live in found.items()}


@torch.no_grad()
def settle(model: nn.Module) -> None:
    """Put what batch normalization has learned into the biases and the step offsets, in place.

    In evaluation mode, the model then computes what it computes in training mode with batches that have the running
    statistics. Training can continue; the optimizer stays valid.

    Raises:
        EncodeError: training has diverged.
    """
    quantized: Any = quantized_tensors(model)
    for norm, live in live_norms(model).values():
        codes = live.codes(norm.eps)
        if codes.any():
            factor = _grown(quantized[live.layer.weight], live.layer.axis, codes).to(live.mean)
            fixed = 0 if live.layer.bias is None else _tensor(model, live.layer.bias)
            live.mean.copy_(fixed + factor * (live.mean - fixed))
            live.variance *= factor.square()
        _add_to_bias(norm, _kept(norm) * (live.held - live.mean))
        live.held.copy_(live.mean)


def _grown(held: Any, axis: int, codes: Tensor) -> Tensor:
    """Add to the step codes along an axis of a tensor, unless all weights there are zero.

    Returns:
        The factor by which they grow.
    """
    before = held().cpu().transpose(0, axis).flatten(1).double()
    energy = before.square().sum(1)
    held[0].add_offsets(axis, torch.where(energy > 0, codes.cpu(), 0))
    after = held().cpu().transpose(0, axis).flatten(1).double()
    return torch.where(energy > 0, (before * after).sum(1) / energy, 1)


def _add_to_bias(norm: Any, values: Tensor) -> None:
    if is_parametrized(norm, "bias"):
        held = norm.parametrizations["bias"]
        held.original += held[0].right_inverse(values.to(held.original.dtype))
    else:
        norm.bias += values.to(norm.bias.dtype)


def _statistics(
    model: nn.Module, paths: Sequence[str], runs: Sequence[Callable[[], object]]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the mean and variance of each channel of the inputs of modules, by the paths of those that ran."""
    sums: dict[str, Tensor] = {}

    def observing(path: str) -> Callable[[nn.Module, tuple[Tensor]], None]:
        def observe(module: nn.Module, inputs: tuple[Tensor]) -> None:
            values = inputs[0].detach().cpu().transpose(0, 1).flatten(1).double()
            number = torch.full_like(values[:, 0], values.shape[1])
            found = torch.stack([number, values.sum(1), values.square().sum(1)])
            sums[path] = sums[path] + found if path in sums else found

        return observe

    handles = [_module(model, path).register_forward_pre_hook(observing(path)) for path in paths]
    try:
        with evaluating(model), torch.no_grad():
            for run in runs if paths else ():
                run()
    finally:
        for handle in handles:
            handle.remove()
    means = {path: first / number for path, (number, first, _) in sums.items()}
    squares = {path: second / number for path, (number, _, second) in sums.items()}
    return {path: (mean, (squares[path] - mean.square()).clamp(min=0)) for path, mean in means.items()}


def _module(model: nn.Module, path: str) -> Any:
    return model.get_submodule(path)


def _tensor(model: nn.Module, name: str) -> Any:
    path, _, attribute = name.rpartition(".")
    return getattr(model.get_submodule(path), attribute)
