"""The FR parametrization: a parameter contains coefficients, and a module computes a tensor from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from frformat.checkpoints.precision import overflow
from frformat.checkpoints.regularized import Facts
from frformat.format.grouping import kept_per_tier
from frformat.spectral import zigzag
from frformat.torch.capacity import Tiered
from frformat.torch.modes import full_precision
from frformat.torch.regularization.rounding import check_format, fake_quantize, learned_quantize, level_of, step_of
from frformat.torch.regularization.synthesis import Synthesis

EXTRA: Final = "_extra_state"
"""The last part of the name of a module's extra state in a state dict."""

ASSIGNED: Final = "assign_to_params_buffers"
"""Key under which PyTorch tells load hooks that tensors of the state dict replace those of the model."""


class Spectral(Tiered, nn.Module):
    """Represents a tensor by its first DCT coefficients, as a PyTorch parametrization.

    The original parameter becomes a vector of shape (k,), the coefficients in zigzag order. Only these are trained,
    decayed, averaged between processes and stored; coefficients beyond the prefix do not exist. Half-precision
    parameters are expanded in float32, even under autocast, and rounded once.

    >>> layer = register_parametrization(nn.Linear(800, 500), "weight", Spectral((500, 800), kept=300))

    Assigning to the parametrized tensor (``layer.weight = w``) keeps the first ``k`` coefficients of the new value.

    With tiers, the tensor is computed from only those first coefficients that the current tier keeps. In the
    descriptions below, "the tensor's coefficients" are the ones that the current tier keeps.

    Attributes:
        shape: shape of the tensor.
        view: shape in which the spectrum is taken; None means the tensor's own.
        level: the learned quantization step (see :meth:`learn_step`); None if it is not learned. It takes precedence
            over a number format.
        cuts: what each tier but the largest keeps: a number of coefficients, or a share below 1.
        tier: the tier in use.
        alone: whether this is the only parametrization of the tensor.
    """

    cuts: tuple[int | float, ...] = ()
    alone: bool = True
    level: nn.Parameter | None

    def __init__(
        self,
        shape: Sequence[int],
        kept: int,
        *,
        view: Sequence[int] | None = None,
        format: str | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Prepare for tensors of a given shape.

        Args:
            shape: shape of the tensor.
            kept: number of coefficients, from 1 to the element count.
            view: a shape with the same element count.
            format: number format, for quantization-aware training.
            device: device of the tensor.
            dtype: type of the tensor.

        Raises:
            ValueError: the arguments do not fit together.
            EncodeError: the number format does not exist (also a ValueError).
        """
        super().__init__()
        self.shape = tuple(shape)
        self.view = None if view is None or tuple(view) == self.shape else tuple(view)
        count = zigzag.element_count(self.shape)
        if self.view is not None and zigzag.element_count(self.view) != count:
            raise ValueError(
                f"view {list(self.view)} has {zigzag.element_count(self.view):,} elements, but shape "
                f"{list(self.shape)} has {count:,}"
            )
        if not 1 <= kept <= count:
            raise ValueError(f"{kept:,} coefficients for shape {list(self.shape)}, which can have 1 … {count:,}")
        if format is not None:
            check_format(format)
        self._format = format
        self.register_parameter("level", None)
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        self._syntheses = nn.ModuleList([Synthesis(self.view or self.shape, kept, device, wide)])
        self.tier = 0

    @property
    def format(self) -> str | None:
        """Number format to which coefficients are rounded (see :func:`frformat.save_file`); None: no rounding."""
        return self._format if self.level is None else f"step={float(step_of(self.level))}"

    def set_format(self, wanted: str | None) -> None:
        """Round to a number format from now on, or not at all; this ends the learning of a step."""
        self._format, self.level = wanted, None

    def learn_step(self, initial: float) -> nn.Parameter:
        """Round coefficients to multiples of a step that is trained with them; return its parameter, a scalar."""
        self.level = nn.Parameter(self._whole.short_basis.new_tensor(level_of(initial)))
        return self.level

    @property
    def kept(self) -> int:
        """Number of coefficients of the largest tier, ``k``."""
        return self._whole.kept

    @property
    def tiers(self) -> int:
        """Number of tiers."""
        return len(self.cuts) + 1

    @property
    def synthesis(self) -> Synthesis:
        """The map from the current tier's coefficients to its tensor."""
        synthesis = self._syntheses[self.tier]
        assert isinstance(synthesis, Synthesis)
        return synthesis

    @property
    def _whole(self) -> Synthesis:
        synthesis = self._syntheses[-1]
        assert isinstance(synthesis, Synthesis)
        return synthesis

    def smaller(self, cuts: Sequence[int | float]) -> list[Synthesis]:
        """Return the maps of smaller tiers, for :meth:`cut`."""
        whole = self._whole
        counts = kept_per_tier(whole.kept, cuts)[:-1]
        place, dtype = whole.short_basis.device, whole.short_basis.dtype
        return [Synthesis(whole.shape, count, place, dtype) for count in counts]

    def cut(self, cuts: Sequence[int | float], smaller: Sequence[Synthesis]) -> None:
        """Replace the tiers, each of which keeps at least one coefficient, and switch to the largest."""
        self._syntheses = nn.ModuleList([*smaller, self._whole])
        self.cuts, self.tier = tuple(cuts), len(cuts)

    def resize(self, kept: int) -> None:
        """Prepare for a different number of coefficients.

        A tier that is defined as a share keeps this share of them; one that is defined as a number keeps at most this
        number.
        """
        for synthesis, count in zip(self._syntheses, kept_per_tier(kept, self.cuts), strict=True):
            assert isinstance(synthesis, Synthesis)
            if count != synthesis.kept:
                synthesis.resize(count)

    def follow(self, coefficients: Tensor) -> None:
        """Prepare for coefficients on another device or of another type."""
        for synthesis in self._syntheses:
            assert isinstance(synthesis, Synthesis)
            synthesis.follow(coefficients)

    def forward(self, coefficients: Tensor) -> Tensor:
        """Compute the tensor at the current tier from all coefficients: (k,) → :attr:`shape`, in their dtype."""
        with full_precision(coefficients):
            tensor: Tensor = self.synthesis(self._values(coefficients))
        return tensor.reshape(self.shape).to(coefficients.dtype)

    def core(self, coefficients: Tensor, *, expanded: bool = True) -> Tensor:
        """See :meth:`Synthesis.core`."""
        with full_precision(coefficients):
            return self.synthesis.core(self._values(coefficients), expanded=expanded)

    def rest(self, coefficients: Tensor) -> Tensor:
        """See :meth:`Synthesis.rest`."""
        with full_precision(coefficients):
            return self.synthesis.rest(self._values(coefficients))

    def right_inverse(self, tensor: Tensor) -> Tensor:
        """Return the first ``k`` coefficients of a tensor of :attr:`shape`: shape (k,), in its dtype.

        Raises:
            ValueError: the tensor has a different shape, or a coefficient is too large for its dtype.
        """
        coefficients = self.analyze(tensor)
        fault = overflow(coefficients, tensor.dtype)
        if fault:
            raise ValueError(f"coefficients of a tensor of shape {list(tensor.shape)}: {fault}")
        return coefficients.to(tensor.dtype)

    def analyze(self, tensor: Tensor) -> Tensor:
        """Return the first ``k`` coefficients of a tensor of :attr:`shape`: shape (k,), in float32 or float64.

        Raises:
            ValueError: the tensor has a different shape.
        """
        if tuple(tensor.shape) != self.shape:
            raise ValueError(f"expected a tensor of shape {list(self.shape)}, got {list(tensor.shape)}")
        whole = self._whole
        with full_precision(tensor):
            return whole.adjoint(tensor.to(whole.short_basis.dtype).reshape(whole.shape))

    def get_extra_state(self) -> Tensor:
        """Return the description of the tensor for state dicts, where the coefficients alone would not identify it."""
        return Facts("spectral", self.shape, self.view, self.format, self.tiers, self.alone).pack()

    def set_extra_state(self, state: object) -> None:
        """Do nothing: :func:`watch_state` has already checked the loaded state."""

    def extra_repr(self) -> str:
        """Return the shape, the view, the number of coefficients, the tiers and the number format."""
        view = "" if self.view is None else f", view={list(self.view)}"
        cuts = f", cuts={list(self.cuts)}" if self.cuts else ""
        return f"{list(self.shape)}{view}, kept={self.kept}{cuts}" + (
            f", format={self.format!r}" if self.format else ""
        )

    def stored(self, coefficients: Tensor) -> Tensor:
        """Return the coefficients as a reader will decode them; the gradient ignores the rounding."""
        if self.level is not None:
            return learned_quantize(coefficients, self.level)
        return coefficients if self._format is None else fake_quantize(coefficients, self._format)

    def _values(self, coefficients: Tensor) -> Tensor:
        """Return the tier's coefficients for the product: rounded if there is a format, in float32 or float64."""
        coefficients = self.stored(coefficients)
        synthesis = self.synthesis
        if synthesis.kept < len(coefficients):
            coefficients = coefficients[: synthesis.kept]
        return coefficients.to(synthesis.short_basis.dtype)


@torch.inference_mode(False)  # training continues with the new tensors
def resize(parametrizations: ParametrizationList, coefficients: Tensor) -> None:
    """Replace the coefficients. Their number can change; it must be from 1 to the element count.

    The parameter stays the same object, so optimizers continue with it. If it becomes shorter, so does its gradient; if
    it becomes longer, the gradient is removed.
    """
    spectral, original = spectral_of(parametrizations), parametrizations.original
    kept = len(coefficients)
    if kept != spectral.kept:
        spectral.resize(kept)
    grad, original.grad = original.grad, None
    replace_data(original, coefficients.detach().clone())
    if grad is not None and len(grad) >= kept:
        original.grad = grad[:kept].clone()


def spectral_of(parametrizations: nn.Module) -> Spectral:
    """Return the parametrization from the list that contains it and its coefficients."""
    spectral = parametrizations[0]  # type: ignore[index]
    assert isinstance(spectral, Spectral)
    return spectral


def replace_data(parameter: Tensor, data: Tensor) -> None:
    """Replace a parameter's data with data of a different shape.

    A graph that is still alive (for example through the loss of the last step) refers to the node that accumulates the
    parameter's gradient, which requires the old shape. PyTorch creates a new node when the element type changes.
    """
    dtype = parameter.dtype
    other = torch.float32 if dtype == torch.float16 else torch.float16
    parameter.data = torch.empty(0, dtype=other, device=parameter.device)
    parameter.data = data.to(dtype)


def watch_state(parametrizations: ParametrizationList) -> None:
    """Make state dicts describe the regularized tensor, and let loading change its number of coefficients."""
    parametrizations.register_state_dict_pre_hook(_note)  # type: ignore[no-untyped-call]
    parametrizations.register_load_state_dict_pre_hook(_adopt)  # type: ignore[no-untyped-call]


def _note(parametrizations: nn.Module, *_: object) -> None:
    """Record, before a state dict is made, whether other parametrizations follow."""
    assert isinstance(parametrizations, ParametrizationList)
    spectral_of(parametrizations).alone = len(parametrizations) == 1


def _adopt(
    parametrizations: nn.Module,
    state: dict[str, Any],
    prefix: str,
    metadata: Mapping[str, Any],
    strict: bool,
    missing: list[str],
    unexpected: list[str],
    errors: list[str],
) -> None:
    """Before a state dict is loaded, check that it fits, and adopt its number of coefficients.

    With ``assign=True``, also adopt their device and type.
    """
    assert isinstance(parametrizations, ParametrizationList)
    spectral, loaded = spectral_of(parametrizations), state.get(f"{prefix}original")
    name = prefix.replace("parametrizations.", "").rstrip(".")
    facts = Facts.parse(state.get(f"{prefix}0.{EXTRA}"))
    if facts is not None and (facts.shape, facts.view) != (spectral.shape, spectral.view):
        given, wanted = list(facts.view or facts.shape), list(spectral.view or spectral.shape)
        errors.append(f"{name}: a spectrum in shape {given}, but the model has shape {wanted}")
        state.pop(f"{prefix}original", None)
        return
    if isinstance(loaded, Tensor) and loaded.dim() == 1:
        fault = overflow(loaded, parametrizations.original.dtype)
        if fault:
            errors.append(f"{name}: {fault}, the type in the model")
        elif 1 <= len(loaded) <= zigzag.element_count(spectral.shape) and len(loaded) != spectral.kept:
            resize(parametrizations, parametrizations.original.new_zeros(len(loaded)))
        if metadata.get(ASSIGNED, False):
            spectral.follow(loaded)
