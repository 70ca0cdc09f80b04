"""Find the regularized tensors of a model by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from frformat import Spectrum
from frformat.checkpoints.precision import overflow, vanishing
from frformat.checkpoints.torch_tensors import dtype_name, gathered
from frformat.errors import EncodeError
from frformat.spectral import zigzag
from frformat.torch.parametrizations import parametrized
from frformat.torch.regularization.parametrization import Spectral, resize, spectral_of
from frformat.wording import are, count


@dataclass(frozen=True, eq=False)
class SpectralTensor:
    """A regularized tensor.

    Attributes:
        name: its name in the plain model's state dict; the first one, if it is tied.
        parametrizations: contains the coefficients and the parametrization.
    """

    name: str
    parametrizations: ParametrizationList

    @property
    def spectral(self) -> Spectral:
        """The parametrization."""
        return spectral_of(self.parametrizations)

    @property
    def coefficients(self) -> nn.Parameter:
        """The trainable parameter: shape (k,)."""
        original = self.parametrizations.original
        assert isinstance(original, nn.Parameter)
        return original

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return self.spectral.shape

    @property
    def elements(self) -> int:
        """Element count of the tensor."""
        return zigzag.element_count(self.shape)

    @property
    def kept(self) -> int:
        """Number of coefficients, ``k``."""
        return self.spectral.kept

    @property
    def numbers(self) -> int:
        """Number of nonzero coefficients, after rounding to a learned step; see :class:`~.pruning.SpectralPruning`."""
        coefficients, spectral = self.coefficients.detach(), self.spectral
        return int(torch.count_nonzero(coefficients if spectral.level is None else spectral.stored(coefficients)))

    def resize(self, coefficients: Tensor) -> None:
        """Replace the coefficients with any number of new ones, from 1 to the element count; see also ``truncate``."""
        resize(self.parametrizations, coefficients)

    @torch.no_grad()
    def weights(self) -> Tensor:
        """Return the rebuilt tensor, without a gradient."""
        weights: Tensor = self.parametrizations()
        return weights

    def spectrum(self) -> Spectrum:
        """Return the coefficients in the form that files store: in float32, not rounded to a number format.

        If they are sharded, all processes must call this.

        Raises:
            EncodeError: a coefficient is not finite, or is too large or too small for float32; the message names the
                tensor.
        """
        return spectrum_of(self.name, self.coefficients, self.shape, self.spectral.view)


def spectrum_of(name: str, coefficients: Any, shape: tuple[int, ...], view: tuple[int, ...] | None) -> Spectrum:
    """Return the coefficients in the form that files store; see :meth:`SpectralTensor.spectrum`."""
    coefficients = gathered(coefficients.detach())
    bad = int(coefficients.isfinite().logical_not().sum())
    if bad:
        raise EncodeError(
            f"tensor {name!r}: {bad:,} of {count(len(coefficients), 'coefficient')} {are(bad)} infinite or NaN: "
            "training diverged; go back to a checkpoint and lower the learning rate"
        )
    fault = overflow(coefficients, torch.float32) or vanishing(coefficients, torch.float32)
    if fault:
        raise EncodeError(f"tensor {name!r}: {fault}, the type in files; call unregularize() to save the weights")
    values = coefficients.to("cpu", torch.float32).numpy().copy()
    return Spectrum(values, shape, view, dtype_name(coefficients.dtype))


def spectral_tensors(model: nn.Module) -> dict[str, SpectralTensor]:
    """Return the regularized tensors of a model by name, in module order; tied tensors appear once.

    >>> {name: tensor.kept for name, tensor in spectral_tensors(model).items()}
    """
    found: dict[int, SpectralTensor] = {}
    for _, name, parametrizations in places(model):
        found.setdefault(id(parametrizations), SpectralTensor(name, parametrizations))
    return {tensor.name: tensor for tensor in found.values()}


def is_sharded(tensor: Tensor) -> bool:
    """Return whether a tensor is a sharded DTensor, as from :func:`torch.distributed.fsdp.fully_shard`."""
    return hasattr(tensor, "full_tensor")


def places(model: nn.Module) -> Iterator[tuple[nn.Module, str, ParametrizationList]]:
    """Yield every use of a regularized tensor: the module, the tensor's full name, and its parametrizations."""
    return parametrized(model, Spectral)
