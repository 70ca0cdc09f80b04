"""Adam along the principal axes of the gradients, which is cheap because regularized tensors are short vectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

BLOCK: Final = 384
"""Longer vectors are split into equal blocks of at most this many coefficients, each with its own axes."""

LARGEST: Final = 1 << 14
"""Parameters with more elements than this, or with a single element, use plain Adam."""

HORIZON: Final = 500
"""Second moments are averaged over about this many steps."""

RECENT: Final = 50
"""Largest number of gradients that are added to the second moments together, in one matrix product."""


class EigenAdam(Optimizer):
    """Adam (Kingma and Ba 2015) in the eigenbasis of the gradients' second moments.

    Each coefficient acts on a whole tensor, so the gradients are strongly correlated, and a separate step size for each
    coefficient, as in Adam, fits poorly. For a few hundred coefficients, the full matrix of second moments costs next
    to nothing: it is averaged over the steps, its eigenvectors are recomputed periodically, and Adam runs along these
    axes. SOAP (Vyas et al. 2024) does the same with factors instead of the full matrix.

    As with Adam, coefficients need larger learning rates than weights; see :func:`frformat.torch.regularize`. The
    optimizer cannot continue with parameters that have been truncated.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.05,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-5,
        weight_decay: float = 0.0,
        every: int = 50,
    ) -> None:
        """Initialize the optimizer.

        Args:
            params: parameters, or groups of them.
            lr: learning rate.
            betas: decay rates of the first moments, and of the second moments along the axes.
            eps: added to the root of each second moment, in units of the largest root. Along axes where gradients
                almost vanish, the roots consist of rounding errors.
            weight_decay: decoupled, as in AdamW.
            every: steps between updates of the axes; the first updates are more frequent.

        Raises:
            ValueError: an argument is out of range.
        """
        if not (lr >= 0 and eps > 0 and weight_decay >= 0 and all(0 <= b < 1 for b in betas) and every >= 1):
            raise ValueError(
                f"lr={lr}, betas={betas}, eps={eps}, weight_decay={weight_decay}, every={every}: must be lr ≥ 0, "
                "0 ≤ beta < 1, eps > 0, weight_decay ≥ 0, every ≥ 1"
            )
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "every": every})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update all parameters that have a gradient.

        Args:
            closure: recomputes the loss and the gradients.

        Returns:
            The loss from the closure.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state, (beta1, beta2) = self.state[parameter], group["betas"]
        gradient = _blocks(parameter.grad)  # type: ignore[arg-type]
        if not state:
            state["step"] = 0
            state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
            if 1 < parameter.numel() <= LARGEST:
                blocks, length = gradient.shape
                state["moments"] = gradient.new_zeros(blocks, length, length)
                state["recent"] = gradient.new_zeros(blocks, RECENT, length)
                state["waiting"] = 0
                unit = torch.eye(length, dtype=gradient.dtype, device=gradient.device)
                state["axes"] = unit.expand_as(state["moments"]).clone()
        state["step"] += 1
        step = state["step"]
        axes: Tensor | None = state.get("axes")
        if axes is not None:
            state["recent"][:, state["waiting"]] = gradient
            state["waiting"] += 1
            renewed = step % group["every"] == 0 or (step < group["every"] and step & (step - 1) == 0)
            if renewed or state["waiting"] == RECENT:
                _accumulate(state)
            found = _eigenvectors(state["moments"]) if renewed else None
            if found is not None:
                before, axes = axes, found
                state["axes"] = axes
                # Treat the gradients along the old axes as if they had been uncorrelated.
                state["square"] = _along((before.mT @ axes).square_(), state["square"])[0]
        state["mean"].lerp_(gradient, 1 - beta1)
        mean = state["mean"] / (1 - beta1**step)
        if axes is not None:
            mean, gradient = _along(axes, mean, gradient)
        square = state["square"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        root = (square / (1 - beta2**step)).sqrt()
        change = mean / (root + group["eps"] * root.amax() + torch.finfo(root.dtype).tiny)
        if axes is not None:
            change = _along(axes.mT, change)[0]
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        change = change.flatten()[: parameter.numel()].reshape(parameter.shape)
        parameter.sub_(group["lr"] * change.to(parameter.dtype))


def _blocks(gradient: Tensor) -> Tensor:
    """Split a gradient into padded blocks (blocks, length), in at least float32; a large gradient stays whole."""
    count = math.ceil(gradient.numel() / BLOCK) if gradient.numel() <= LARGEST else 1
    length = math.ceil(gradient.numel() / count)
    dtype = torch.promote_types(gradient.dtype, torch.float32)
    padded = gradient.new_zeros(count * length, dtype=dtype)
    padded[: gradient.numel()] = gradient.flatten()
    return padded.reshape(count, length)


def _accumulate(state: dict[str, Any]) -> None:
    """Add the gradients since the last call to the second moments, an exponential average."""
    count = state["waiting"]
    recent = state["recent"][:, :count]
    keep = 1 - 1 / HORIZON
    weights = keep ** torch.arange(count - 1, -1, -1, dtype=recent.dtype, device=recent.device) / HORIZON
    state["moments"].baddbmm_((recent * weights[:, None]).mT, recent, beta=keep**count)
    state["waiting"] = 0


def _eigenvectors(moments: Tensor) -> Tensor | None:
    """Return the eigenvectors of second moments, as columns; None if training has diverged or LAPACK does not converge.

    LAPACK now and then fails to converge for matrices with many equal eigenvalues: those of gradients that are mostly
    zero, as of quantized weights.
    """
    if not bool(moments.isfinite().all()):
        return None
    try:
        axes: Tensor = torch.linalg.eigh(moments.double())[1]
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        return None
    return axes.to(moments.dtype)


def _along(axes: Tensor, *vectors: Tensor) -> tuple[Tensor, ...]:
    """Transform vectors (blocks, length) to each block's axes (blocks, length, length), given as columns."""
    return (torch.stack(vectors, 1) @ axes).unbind(1)
