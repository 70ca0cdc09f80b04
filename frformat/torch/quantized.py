"""Weights that are trained in the form in which a compressed file stores them: its bases, steps and zeros."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from frformat import Axis, CodedTensor
from frformat.checkpoints.regularized import Facts
from frformat.checkpoints.torch_tensors import TORCH_DTYPES, gathered, to_numpy, to_torch
from frformat.dtypes import DTYPES
from frformat.errors import EncodeError
from frformat.format.limits import STEP_CODES
from frformat.torch.lowrank.bases import cosines
from frformat.torch.memory import arranged
from frformat.torch.modes import full_precision
from frformat.torch.parametrizations import parametrized

UNCHANGED: Final = "_stored_unchanged"
"""Attribute of a module: the stored form of its tensors that are not trained, by the tensors' names in the module."""

GOLDEN: Final = (math.sqrt(5) - 1) / 2

DIVERGED: Final = "training diverged; lower the learning rate"

TRAINABLE: Final = ("identity", "dct")
"""Kinds of bases whose coefficients can be trained."""

PRECISE: Final = 1 << 21
"""Float32 still represents fractions of integers up to this one."""

LARGEST: Final = float(1 << 31)
"""Files store integers whose magnitude is less than this."""


class Quantized(nn.Module):
    """A PyTorch parametrization that rounds a tensor as a file stores it, for quantization-aware training.

    The parameter contains the coefficients in the file's bases, in the tensor's shape. In matrices and kernels, their
    unit is the file's step, so that a learning rate means the same for each of them: how far a coefficient moves toward
    the next integer. Vectors have such fine steps that training is not about single integers, and keep their unit. The
    forward pass rounds coefficients to multiples of the step or to the file's 16-bit number format. Gradients pass
    straight through (Bengio, Léonard, Courville 2013), except to coefficients of matrices and kernels that are zero in
    the file: they stay zero, because zeros are what makes the file small.

    In training mode, coefficients in steps can be rounded softly: the forward pass then uses a value between the
    coefficient and its integer. Steps of very small files are so coarse that most of the integers are -1, 0 and 1.
    Weights that must move by such a step at once are hard to train, and oscillate (Nagel et al. 2022, "Overcoming
    Oscillations in Quantization-Aware Training").

    Attributes:
        form: the tensor as the file stored it; its values are not used any more.
        codes: the step code of each coefficient in a shape that broadcasts; empty for a 16-bit number format.
        nonzero: if the unit is the step, which coefficients are trained, in the tensor's shape; otherwise empty.
        in_steps: whether the unit of the parameter is the step.
        softness: how much of the difference between a coefficient and its integer remains in training, from 0 to 1; a
            float32 scalar.
        removable: whether coefficients may be set to zero to make the file smaller.
    """

    form: CodedTensor
    codes: Tensor
    nonzero: Tensor
    softness: Tensor

    def __init__(self, form: CodedTensor, *, removable: bool = True) -> None:
        """Prepare for a tensor in a form that :func:`can_be_trained` accepts."""
        super().__init__()
        self._adopt(form, torch.device("cpu"))
        nonzero = torch.from_numpy(form.values != 0) if self.in_steps else torch.empty(0, device="cpu")
        self.register_buffer("nonzero", nonzero)
        self.register_buffer("softness", torch.zeros((), device="cpu"))
        self.removable = self.in_steps and removable

    def forward(self, coefficients: Tensor) -> Tensor:
        """Return the tensor that a reader will decode, or a softly rounded one, in the dtype of the coefficients."""
        with full_precision(coefficients):
            rounded = self._rounded(coefficients.detach())
            zero = coefficients - coefficients.detach()  # changes nothing, but has the gradient of the coefficients
            if self.in_steps:
                if self.training:
                    exact = self._trained(coefficients.detach()).to(rounded.dtype)
                    rounded = torch.lerp(rounded, exact, self.softness.to(rounded.dtype))
                tensor = (rounded + self._trained(zero)) * self._steps(rounded)
            else:
                tensor = (rounded if self.form.step is None else rounded * self._steps(rounded)) + zero
            return self._transformed(tensor, inverse=False).to(coefficients.dtype)

    def right_inverse(self, tensor: Tensor) -> Tensor:
        """Return the coefficients of a tensor, in its dtype."""
        with full_precision(tensor):
            coefficients = self._transformed(tensor.detach(), inverse=True)
            if self.in_steps:
                coefficients = coefficients / self._steps(coefficients)
            return arranged(coefficients.to(tensor.dtype), tensor)

    def initial(self, dtype: torch.dtype) -> Tensor:
        """Return the coefficients of the file."""
        values = self.form.values if self.in_steps else self.form.canonical()
        return torch.from_numpy(values.copy()).to(dtype)

    def magnitudes(self, coefficients: Tensor) -> Tensor:
        """Return the magnitudes of coefficients, in steps, by which :meth:`remove` compares them.

        Many are equal if training has not changed them. They are made smaller by up to a thousandth, in a sequence that
        spreads evenly over the tensor, so that few of them can be removed.
        """
        sizes = self._trained(gathered(coefficients.detach())).abs().float()
        places = torch.arange(sizes.numel(), device=sizes.device, dtype=torch.float64).view(sizes.shape)
        return sizes * (1 - places * GOLDEN % 1 / 1024).float()

    @torch.no_grad()
    def remove(self, coefficients: Tensor, least: float) -> None:
        """Set all coefficients with magnitudes below ``least`` to zero, in place, so that they stay zero."""
        small = self.magnitudes(coefficients) < least
        if gathered(coefficients) is coefficients:  # of a sharded tensor, it is enough that they are not used
            coefficients.masked_fill_(small, 0)
        self.nonzero &= ~small

    def add_offsets(self, axis: int, codes: Tensor) -> None:
        """Add to the step codes along an axis, so that the tensor changes, but no integer.

        Args:
            axis: an axis whose basis is ``identity``.
            codes: an integer for each index on that axis.

        Raises:
            EncodeError: a step would be larger or smaller than any in a file. Nothing is changed.
        """
        if not codes.isfinite().all():
            raise EncodeError(f"it contains infinite or NaN values: {DIVERGED}")
        form, added = self.form, codes.to("cpu", torch.int32).numpy()
        offsets = {**form.offsets, axis: form.offsets.get(axis, np.zeros_like(added)) + added}
        shifted = CodedTensor(form.values, form.shape, form.dtype, form.axes, step=form.step, offsets=offsets)
        found = _codes(shifted)
        if found.min() not in STEP_CODES or found.max() not in STEP_CODES:
            raise EncodeError(f"its steps are beyond those of a file: {DIVERGED}")
        self._adopt(shifted, self.codes.device)

    def coded(self, coefficients: Tensor, least: float = 0.0) -> CodedTensor:
        """Return the tensor in its stored form.

        Args:
            coefficients: the coefficients.
            least: coefficients that :meth:`remove` would set to zero are stored as zeros.

        Raises:
            EncodeError: a coefficient is NaN, infinite, or too large to be stored.
        """
        form, coefficients = self.form, gathered(coefficients)
        if form.step is None:
            self._check(self._rounded(coefficients.detach()), math.inf)
            values = to_numpy(coefficients.detach().to(TORCH_DTYPES[form.value_type]))
            assert isinstance(values, np.ndarray)
            return CodedTensor(values, form.shape, form.dtype)
        rounded = self._rounded(coefficients.detach())
        if least and self.removable:
            rounded = rounded.masked_fill(self.magnitudes(coefficients) < least, 0)
        self._check(rounded, LARGEST)
        integers = rounded.to("cpu", torch.int32).numpy()
        return CodedTensor(integers, form.shape, form.dtype, form.axes, step=form.step, offsets=form.offsets)

    def get_extra_state(self) -> Tensor:
        """Return the description for state dicts, where the coefficients alone would not identify the tensor."""
        return Facts("quantized", self.form.shape, coding=_coding(self.form)).pack()

    def set_extra_state(self, state: object) -> None:
        """Adopt the bases and steps that the coefficients of a state dict refer to, such as those of another file."""
        facts = Facts.parse(state)
        coding = None if facts is None or facts.shape != self.form.shape else facts.coding
        if coding is not None:
            form = self.form if coding == _coding(self.form) else _form(self.form.shape, coding)
            self._adopt(form, self.nonzero.device)  # also if they are equal: to_empty() has erased the codes

    def extra_repr(self) -> str:
        """Return the shape and the number format."""
        kind = self.form.value_type if self.form.step is None else "steps"
        return f"{list(self.form.shape)}, {kind}"

    def _adopt(self, form: CodedTensor, device: torch.device) -> None:
        self.form, self.in_steps = form, form.values.ndim > 1 and form.step is not None
        self.register_buffer("codes", torch.from_numpy(_codes(form)).to(device), persistent=False)
        self._cosine_axes = [axis for axis, each in enumerate(form.axes) if each.kind == "dct"]

    def _check(self, values: Tensor, limit: float) -> None:
        """Check that the magnitudes of values are below a limit."""
        largest = float(values.abs().amax())  # NaN if any is NaN
        if not math.isfinite(largest):
            raise EncodeError(f"it contains infinite or NaN values: {DIVERGED}")
        if largest >= limit:
            raise EncodeError(f"it contains {largest:.3g} steps, and files store fewer than {limit:.3g}: {DIVERGED}")

    def _rounded(self, coefficients: Tensor) -> Tensor:
        """Return the coefficients as the file stores them, integers or not, in float32 or float64."""
        wide = torch.promote_types(coefficients.dtype, torch.float32)
        if self.form.step is None:
            return coefficients.to(TORCH_DTYPES[self.form.value_type]).to(wide)
        coefficients = coefficients.to(wide)
        return (self._trained(coefficients) if self.in_steps else coefficients / self._steps(coefficients)).round()

    def _steps(self, like: Tensor) -> Tensor:
        """Return the step of each coefficient, in the dtype of ``like``. Float32 and float64 represent it exactly."""
        mantissa = (16 + self.codes % 16).to(like.dtype)
        return torch.ldexp(mantissa, self.codes // 16 - 4)

    def _trained(self, coefficients: Tensor) -> Tensor:
        return coefficients * self.nonzero

    def _transformed(self, tensor: Tensor, *, inverse: bool) -> Tensor:
        """Return the tensor of some coefficients, or the reverse. The bases are orthonormal."""
        for axis in self._cosine_axes:
            basis = cosines(tensor.shape[axis], tensor.shape[axis]).to(tensor.device, tensor.dtype)
            tensor = torch.tensordot(tensor, basis, dims=([axis], [0 if inverse else 1])).movedim(-1, axis)
        return tensor


def can_be_trained(form: CodedTensor) -> bool:
    """Return whether a tensor can be trained as it is stored: all of its coefficients are rounded, and not all equal.

    Constant tensors (zeros, or the ones that scale nothing) take almost no bytes, and their step says nothing. Integers
    of more than 21 bits and a sign are beyond the precision of float32.
    """
    rounded = form.step is not None or (form.value_type in ("f16", "bf16") and form.value_type != form.dtype)
    whole = not form.ordered and form.view is None and form.values.shape == form.shape
    known = all(axis.kind in TRAINABLE for axis in form.axes)
    if not (rounded and whole and known and form.values.size):
        return False
    low, high = form.values.min(), form.values.max()
    return bool(low != high) and (form.step is None or max(-int(low), int(high)) <= PRECISE)


def quantized_tensors(model: nn.Module) -> dict[str, ParametrizationList]:
    """Return the parametrizations of quantized tensors, by the tensors' names in the plain model."""
    return {name: held for _, name, held in parametrized(model, Quantized)}


def prepared(model: nn.Module) -> list[Any]:
    """Return the parametrizations of quantized tensors; tied ones appear once.

    Raises:
        ValueError: the model has none.
    """
    found = {id(held): held for held in quantized_tensors(model).values()}
    if not found:
        raise ValueError(f"{type(model).__name__} has no quantized weights: call load_quantized() first")
    return list(found.values())


def stepped(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of quantized tensors whose unit is the step."""
    held: list[Any] = list(quantized_tensors(model).values())
    return [each.original for each in held if each[0].in_steps]


def set_softness(model: nn.Module, softness: float) -> None:
    """Set how softly the weights of a quantized model are rounded in training; in evaluation, rounding is always hard.

    In very small files, a network that is rounded softly at first and harder step by step can learn much more than one
    that is rounded hard throughout; in larger ones, there is little difference. Call this before each step, and end
    with 0 while the learning rate is still high enough for the network to adapt:

    >>> compress(LeNet5(), "small.frz", images.split(64), size=32_000)
    >>> tuned = load_quantized(LeNet5(), "small.frz")
    >>> for step in range(10):
    ...     set_softness(tuned, max(0, 1 - step / 8))  # then take the step as usual

    Args:
        model: a model that :func:`frformat.torch.load_quantized` has prepared. A new one has a softness of 0.
        softness: share of each weight's rounding error that is left out: 1 trains without rounding, 0 with all of it.

    Raises:
        ValueError: the softness is not in [0, 1], or the model has no quantized weights.
    """
    if not 0 <= softness <= 1:
        raise ValueError(f"softness={softness}: must be from 0 to 1")
    for held in prepared(model):
        held[0].softness.fill_(softness)


def nonzeros(model: nn.Module) -> dict[str, int]:
    """Return the number of nonzero coefficients of each quantized tensor; tied ones appear once."""
    found: dict[int, tuple[str, Any]] = {}
    for name, held in quantized_tensors(model).items():
        found.setdefault(id(held), (name, held))
    return {name: int(np.count_nonzero(held[0].coded(held.original).values)) for name, held in found.values()}


def quantized_state(model: nn.Module, least: float = 0.0) -> dict[str, CodedTensor]:
    """Return the tensors in the form in which the file stored them; tied names share an object.

    Args:
        model: a model that :func:`frformat.torch.load_quantized` has prepared; of any other model, nothing is returned.
        least: see :meth:`Quantized.coded`.

    Raises:
        EncodeError: see :meth:`Quantized.coded`.
    """
    found: dict[str, CodedTensor] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        own = {**dict(module._parameters.items()), **dict(module._buffers.items())}
        for attribute, form in vars(module).get(UNCHANGED, {}).items():
            tensor = own.get(attribute)  # None if it was removed or replaced, such as by torch.nn.utils.weight_norm
            if tensor is not None and _is(tensor, form):
                found[f"{path}.{attribute}" if path else attribute] = form
    return found | trained_state(model, least)


def trained_state(model: nn.Module, least: float = 0.0) -> dict[str, CodedTensor]:
    """Return those tensors of :func:`quantized_state` whose coefficients are trained."""
    found: dict[str, CodedTensor] = {}
    known: dict[int, CodedTensor] = {}
    for name, held in quantized_tensors(model).items():
        quantized: Any = held[0]
        if id(held) not in known:
            try:
                known[id(held)] = quantized.coded(held.original, least)
            except EncodeError as error:
                raise EncodeError(f"tensor {name!r}: {error}") from error
        found[name] = known[id(held)]
    return found


def keep_form(module: nn.Module, attribute: str, form: CodedTensor) -> None:
    """Store a module's tensor in this form, as long as its values do not change."""
    vars(module).setdefault(UNCHANGED, {})[attribute] = form


def _is(tensor: Tensor, form: CodedTensor) -> bool:
    """Return whether a tensor has the values of its stored form, bit for bit."""
    own, wanted = gathered(tensor.detach()).cpu(), to_torch(form.rebuild())
    same = own.layout == torch.strided and (own.dtype, own.shape) == (wanted.dtype, wanted.shape)
    if not same or not own.numel():  # PyTorch cannot view all empty tensors as bytes
        return same
    # An array in place of the tensor would fix its storage, which fully_shard() releases between runs.
    return torch.equal(own.reshape(-1).contiguous().view(torch.uint8), wanted.reshape(-1).view(torch.uint8))


def _codes(form: CodedTensor) -> NDArray[np.int32]:
    """Return the step code of each coefficient, in a shape that broadcasts; empty if there are no steps."""
    if form.step is None:
        return np.empty(0, np.int32)
    codes = np.full((1,) * form.values.ndim, form.step, np.int32)
    for axis, found in form.offsets.items():
        codes = codes + np.expand_dims(found, [other for other in range(form.values.ndim) if other != axis])
    return codes


def _coding(form: CodedTensor) -> dict[str, Any]:
    """Return everything about a form except its shape and values, as JSON values."""
    return {
        "dtype": form.dtype,
        "values": form.value_type,
        "axes": [axis.kind for axis in form.axes],
        "step": form.step,
        "offsets": {str(axis): found.tolist() for axis, found in form.offsets.items()},
    }


def _form(shape: tuple[int, ...], coding: Mapping[str, Any]) -> CodedTensor:
    """Return a form with values of zero from the result of :func:`_coding`.

    Raises:
        EncodeError: the coding is damaged.
    """
    try:
        return CodedTensor(
            np.zeros(shape, DTYPES[coding["values"]]),
            shape,
            coding["dtype"],
            tuple(map(Axis, coding["axes"])),
            step=coding["step"],
            offsets={int(axis): np.asarray(found, np.int32) for axis, found in coding["offsets"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise EncodeError(f"the description of a quantized tensor in the state dict is damaged: {error}") from error
