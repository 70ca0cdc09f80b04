"""Observe a model's layers as they run, whether they are modules or function calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from frformat.torch.compression import recurrent
from frformat.torch.compression.contractions import products
from frformat.torch.compression.forms import Form, Geometry
from frformat.torch.compression.lookups import rewritten

CONVOLUTIONS: Final = {torch.conv1d: 1, torch.conv2d: 2, torch.conv3d: 3}
TRANSPOSED: Final = {torch.conv_transpose1d: 1, torch.conv_transpose2d: 2, torch.conv_transpose3d: 3}
ASKED: Final = torch.overrides.has_torch_function
SWITCHES: Final = (torch._C._set_grad_enabled,)
"""The functions behind :class:`torch.no_grad` and :func:`torch.set_grad_enabled`."""
LEAVING: Final = (Tensor.numpy, Tensor.__array__)
"""Functions that refuse tensors that record gradients."""
FLOATS: Final = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""Types of the parameters to round; those of 8 bits are stored as they are."""
PRODUCTS: Final = (torch.matmul, torch.mm, Tensor.matmul, Tensor.mm, Tensor.__matmul__)


@dataclass(frozen=True)
class Site:
    """A parameter, or some of its rows, that a model uses as a layer's weights.

    Attributes:
        name: name of the parameter.
        start: index of the first row.
        stop: index after the last row.
        form: the layout of these rows.
    """

    name: str
    start: int
    stop: int
    form: Form

    @property
    def rows(self) -> slice:
        """The rows as a slice."""
        return slice(self.start, self.stop)


@dataclass(frozen=True)
class Call:
    """A layer that is about to run.

    Attributes:
        site: its weights.
        input: its input.
        geometry: geometry of a convolution.
        bias: name of its bias, or None.
    """

    site: Site
    input: Tensor
    geometry: Geometry = field(default_factory=Geometry)
    bias: str | None = None


class Recorder(TorchFunctionMode):
    """Reports each use of a parameter as a layer's weights while this mode is active.

    Args:
        model: the model that owns the parameters.
        before: function to call with each layer that is about to run. It can change the weights.
        after: function to call with each layer and its output. It returns the output to use instead.
        other: function to call with every other function, its arguments and its result.
        gradients: whether to record gradients even where the model turns them off.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        before: Callable[[Call], None] | None = None,
        after: Callable[[Call, Tensor], Tensor] | None = None,
        other: Callable[[Any, Any, Any, Any], None] | None = None,
        gradients: bool = False,
    ) -> None:
        super().__init__()
        self._gradients = gradients
        self._known = _Known(model)
        self._before, self._after, self._other = before, after, other

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """See :class:`TorchFunctionMode`."""
        kwargs = kwargs or {}
        if self._gradients and func in SWITCHES:
            return func(True)
        if self._gradients and func in LEAVING:
            args = (args[0].detach(), *args[1:])
        if func is F.multi_head_attention_forward:
            return self._inside(func, args, kwargs)
        if recurrent.divisible(func, args, kwargs):
            with self:
                return recurrent.steps(func, args)
        call = self._known.call(func, args, kwargs)
        if call is None:
            ways = [rewritten(func, args, kwargs), *products(func, args, kwargs)]
            product = next((each for each in ways if each is not None and self._known.owns(each.weight)), None)
            if product is not None:
                with self:
                    return product.run()
        if call is not None and self._before is not None:
            self._before(call)
        out = func(*args, **kwargs)
        if call is None:
            if self._other is not None:
                self._other(func, args, kwargs, out)
            return out
        return out if self._after is None else self._after(call, out)

    def _inside(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run a function that consists of several layers, and observe each of them."""
        vars(F)["has_torch_function"] = lambda _: False  # otherwise, the function would dispatch to this mode again
        try:
            with self:
                return func(*args, **kwargs)
        finally:
            vars(F)["has_torch_function"] = ASKED


class _Known:
    """Finds the parameter that a tensor is or belongs to."""

    def __init__(self, model: nn.Module) -> None:
        self._parameters: dict[int, list[tuple[str, nn.Parameter]]] = {}
        for name, parameter in model.named_parameters():
            if parameter.dtype in FLOATS and parameter.layout == torch.strided and not parameter.is_meta:
                self._parameters.setdefault(parameter.untyped_storage().data_ptr(), []).append((name, parameter))

    def call(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call | None:
        """Return the layer that a function call runs, or None if it runs none."""
        if func in CONVOLUTIONS or func in TRANSPOSED:
            return self._convolution(func, args, kwargs)
        if func is F.linear:
            return self._layer("linear", *_named(args, kwargs, "input", "weight", "bias"))
        if func is F.embedding:
            indices, weight = _named(args, kwargs, "input", "weight")
            return self._layer("embedding", indices, weight)
        if func in PRODUCTS:
            first, second = _named(args, kwargs, "input", "mat2" if "mat2" in kwargs else "other")
            return self._layer("product", first, second)
        if func is torch.addmm:
            bias, first, second = _named(args, kwargs, "input", "mat1", "mat2")
            return self._layer("product", first, second, bias)
        return None

    def owns(self, weight: Tensor) -> bool:
        """Return whether a tensor is a parameter, some of its rows, or the transpose of either."""
        return self._matrix(weight, "linear") is not None

    def _layer(self, kind: Any, x: Any, weight: Any, bias: Any = None) -> Call | None:
        if not isinstance(x, Tensor):
            return None
        site = self._site(weight, kind) if kind == "embedding" else self._matrix(weight, kind)
        return None if site is None else Call(site, x, bias=self._whole(bias))

    def _matrix(self, weight: Any, kind: Any) -> Site | None:
        """Return the site of a matrix; a transposed parameter exchanges linear layers and products."""
        found = self._site(weight, kind)
        if found is not None or not isinstance(weight, Tensor) or weight.dim() != 2:
            return found
        return self._site(weight.t(), "product" if kind == "linear" else "linear")

    def _convolution(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call | None:
        names = ["input", "weight", "bias", "stride", "padding"]
        names += ["dilation", "groups"] if func in CONVOLUTIONS else ["output_padding", "groups", "dilation"]
        given = dict(zip(names, _named(args, kwargs, *names), strict=True))
        kind: Any = "convolution" if func in CONVOLUTIONS else "transposed"
        site = self._site(given["weight"], kind, given["groups"] or 1)
        if site is None or (site.start, site.stop) != (0, len(given["weight"])):
            return None
        kernel, d = site.form.kernel, len(site.form.kernel)
        dilation = _each(given["dilation"] or 1, d)
        padding = given["padding"] or 0
        if padding == "same":
            if any(gap * (k - 1) % 2 for gap, k in zip(dilation, kernel, strict=True)):
                return None  # asymmetric padding
            padding = tuple(gap * (k - 1) // 2 for gap, k in zip(dilation, kernel, strict=True))
        padding = _each(0 if padding == "valid" else padding, d)
        geometry = Geometry(_each(given["stride"] or 1, d), padding, dilation)
        return Call(site, given["input"], geometry, self._whole(given["bias"]))

    def _site(self, weight: Any, kind: Any, groups: int = 1) -> Site | None:
        """Return the site of ``weight``, which is a parameter or some of its rows."""
        if not isinstance(weight, Tensor) or weight.dim() < 2 or weight.layout != torch.strided:
            return None
        for name, own in self._sharing(weight):
            if weight.dtype != own.dtype or weight.numel() == 0:
                continue
            if weight.shape[1:] != own.shape[1:] or weight.stride() != own.stride():
                continue
            offset = int(weight.storage_offset()) - int(own.storage_offset())
            start, rest = divmod(offset, max(own.stride(0), 1))
            if not rest and 0 <= start <= len(own) - len(weight):
                return Site(name, start, start + len(weight), Form(kind, tuple(weight.shape), groups))
        return None

    def _sharing(self, tensor: Tensor) -> list[tuple[str, nn.Parameter]]:
        """Return all parameters in a tensor's storage. Recurrent layers on a GPU store several parameters in one."""
        return self._parameters.get(tensor.untyped_storage().data_ptr(), [])

    def _whole(self, bias: Any) -> str | None:
        """Return the name of the parameter that is this bias; None if the bias is only a part of one."""
        if not isinstance(bias, Tensor) or bias.dim() != 1:
            return None
        same = (bias.storage_offset(), bias.shape)
        return next((name for name, own in self._sharing(bias) if (own.storage_offset(), own.shape) == same), None)


def _named(args: tuple[Any, ...], kwargs: Mapping[str, Any], *names: str) -> list[Any]:
    """Return the named arguments, whether passed by position or by keyword; None for missing ones."""
    return [args[place] if place < len(args) else kwargs.get(name) for place, name in enumerate(names)]


def _each(value: Any, axes: int) -> tuple[int, ...]:
    """Return one number per axis."""
    if isinstance(value, int):
        return (value,) * axes
    given = tuple(map(int, value))
    return given * axes if len(given) == 1 else given
