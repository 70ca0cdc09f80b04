"""Train for a file size: the weight of a rate term in the loss is adjusted until the file meets the budget."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from frformat.torch.regularization.code_length import CodeLength, learn_steps
from frformat.torch.regularization.file_size import file_size, fit_file_size
from frformat.torch.regularization.normalization import absorb_statistics, absorbed
from frformat.torch.regularization.schedule import at_least_one
from frformat.torch.regularization.truncation import check_truncatable
from frformat.wording import parse_size

FINENESS: Final = 0.25
"""Initial steps, relative to the standard deviation of the coefficients."""

DESCENT: Final = 0.5
"""Share of the steps during which the budget falls to its final value."""

MARGIN: Final = 0.005
"""Share of the budget that stays unused, so that the last steps cannot exceed it."""

INITIAL: Final = 0.1
"""Initial rate term: small, compared with the loss of an untrained classifier."""

FREEDOM: Final = 40.0
"""Natural logarithm of the largest factor by which the integral part can change the multiplier over all steps."""

LENGTHS: Final = (1000, 3000)
EAGERNESS: Final = (4.0, 12.0)
"""Inverse of the relative excess at which the integral part grows fastest, for runs with these numbers of steps. If it
grew as fast in short runs, it would outrun the bits, which follow the multiplier with a delay of some steps."""

DAMPING: Final = 4.0
"""Natural logarithm of the proportional part, per relative excess. Bits follow the multiplier with a delay, and without
this part, the size would oscillate."""

CALIBRATIONS: Final = 100
"""Number of times that the model is encoded; fewer if encodings would be less than :data:`FREQUENT` steps apart."""

FREQUENT: Final = 10
"""Smallest number of steps between encodings."""

LEARNING_RATE: Final = 0.01
"""Learning rate of the code length's parameters."""


class RateTerm:
    """A loss term for the code length of the coefficients, which makes a model's file fit a chosen size.

    The sum of the task's loss D and the rate term λ·R is the Lagrangian of rate–distortion optimization. It decides
    which coefficients are zero, how finely the others are stored (each tensor's quantization step is learned), and
    where each prefix ends. The multiplier λ is adjusted so that the complete file, with names and shapes, meets the
    budget. For this purpose, the model is encoded every few steps.

    >>> model = regularize(LeNet5(), 300, rules=["fc1.weight: keep=1500", "*.bias: keep=8"])
    >>> rate = RateTerm(model, "1.5kB", steps=10 * len(loader))  # ten epochs
    >>> optimizer = torch.optim.Adam(model.parameters(), 0.02)  # after the term, because steps are parameters
    >>> for images, labels in loader:
    ...     optimizer.zero_grad()
    ...     loss = nn.functional.cross_entropy(model(images), labels) + rate()
    ...     loss.backward()
    ...     optimizer.step()
    ...     rate.step()
    >>> nbytes = rate.finish()
    >>> save_model(model, "model.frz")

    As soon as the term exists, the model's forward pass uses exactly the coefficients that the file would contain.
    Learning rates should fall to 0 at the end. The model should start with about twice as many coefficients as the file
    will have bytes, and training should take a thousand steps or more.

    Attributes:
        model: the model.
        size: the budget in bytes.
        steps: number of steps in total.
        last_step: number of steps taken.
        nbytes: size of the file when it was last encoded.
    """

    def __init__(self, model: nn.Module, size: int | str, *, steps: int) -> None:
        """Initialize the term, and give each regularized tensor a learned quantization step.

        Args:
            model: a regularized model without tiers; tensors that are not regularized count at their full size.
            size: the budget for the complete file: a number of bytes, or a string such as ``"1.5kB"``.
            steps: number of optimizer steps until the end of training.

        Raises:
            ValueError: the model has no regularized tensor, has tiers, is sharded, or is wrapped in
                DistributedDataParallel (wrap it afterwards); or the budget cannot be met. The model is unchanged.
        """
        tensors = check_truncatable(model)
        self.model, self.size, self.steps = model, parse_size(size), steps
        self._every = max(FREQUENT, steps // CALIBRATIONS)
        self._eagerness = float(np.interp(steps, LENGTHS, EAGERNESS))
        if not tensors:
            raise ValueError(f"{type(model).__name__} has no regularized tensor: call regularize(model) first")
        if any(tensor.spectral.tiers > 1 for tensor in tensors.values()):
            raise ValueError("a model with tiers has several sizes: train it without tiers, then create the tiers")
        at_least_one(steps)
        with absorbed(model):
            self._fixed = file_size(model, without_coefficients=True)
        if self._fixed >= self.size:
            raise ValueError(
                f"size={self.size:,}: names, shapes and tensors that are not regularized already take "
                f"{self._fixed:,} bytes"
            )
        learn_steps(tensors, FINENESS)
        self._code_length = CodeLength(tensors.values())
        self._optimizer = torch.optim.Adam(self._code_length.parameters(), LEARNING_RATE)
        self.last_step, self.nbytes, self._overhead = 0, self.size, 1.0
        with torch.no_grad():
            self._bits = self._code_length().double()
        self._log_multiplier = self._integral = torch.log(INITIAL / self._bits)
        self._calibrate()
        self._initial = self.nbytes - self._fixed

    @property
    def multiplier(self) -> float:
        """The factor λ of the code length in bits."""
        return float(self._log_multiplier.exp())

    @property
    def budget(self) -> float:
        """Bytes that the coefficients can take now; the number falls from their initial size to the final value."""
        final = max(1.0, self.size * (1 - MARGIN) - self._fixed)
        surplus = max(0.0, self._initial - final)
        return final + surplus * max(0.0, 1 - self.last_step / (DESCENT * self.steps))

    def __call__(self) -> Tensor:
        """Return the term, a scalar to add to the loss."""
        bits: Tensor = self._code_length()
        self._bits = bits.detach().double()
        return bits * self._log_multiplier.exp().to(bits.dtype)

    def step(self) -> None:
        """Adjust the multiplier. Call this after each step of the optimizer."""
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.last_step += 1
        if self.last_step % self._every == 0:
            self._calibrate()
        excess = self._bits / 8 * self._overhead / self.budget - 1
        self._integral = self._integral + FREEDOM / self.steps * (self._eagerness * excess).clamp(-1, 1)
        self._log_multiplier = self._integral + DAMPING * excess.clamp(-0.5, 0.5)

    def finish(self, model: nn.Module | None = None) -> int:
        """Cut each prefix after its last nonzero coefficient, and return the size of the file.

        If the file still exceeds the budget, the highest frequencies are dropped until it fits. Scales and shifts of
        batch normalization absorb its running statistics where they can (see
        :func:`frformat.torch.regularization.absorb_statistics`); the model is then for inference only.

        Args:
            model: a copy to cut instead of the model itself, such as an average over the steps.

        Raises:
            ValueError: the model cannot be truncated, for example because it is wrapped, or the budget cannot be met.
        """
        model = self.model if model is None else model
        absorb_statistics(model)
        self.nbytes = fit_file_size(model, self.size)
        return self.nbytes

    def state_dict(self) -> dict[str, Any]:
        """Return the complete state of the term. The model's own state, which includes the steps, is not part of it."""
        return {
            "last_step": self.last_step,
            "nbytes": self.nbytes,
            "overhead": self._overhead,
            "fixed": self._fixed,
            "initial": self._initial,
            "integral": self._integral,
            "log_multiplier": self._log_multiplier,
            "code_length": self._code_length.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the state of a term of the same model and budget."""
        state = copy.deepcopy(dict(state))
        self.last_step, self.nbytes, self._overhead = state["last_step"], state["nbytes"], state["overhead"]
        self._fixed, self._initial = state["fixed"], state["initial"]
        self._integral = state["integral"].to(self._integral.device)
        self._log_multiplier = state["log_multiplier"].to(self._integral.device)
        self._code_length.load_state_dict(state["code_length"])
        self._optimizer.load_state_dict(state["optimizer"])

    def _calibrate(self) -> None:
        """Encode the model, and compare the file with the estimate."""
        with torch.no_grad():
            estimate = float(self._code_length()) / 8
        with absorbed(self.model):
            self.nbytes = file_size(self.model)
        if math.isfinite(estimate) and estimate > 0:
            self._overhead = max(0.1, (self.nbytes - self._fixed) / estimate)
