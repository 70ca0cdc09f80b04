from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.parametrize import register_parametrization

from frformat import EncodeError
from frformat.spectral import dct
from frformat.torch.regularization import Spectral, regularize
from tests.sums import same_sums
from tests.torch.regularization.dense import matrix, prefixes, shapes

OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "Adam": lambda p: torch.optim.Adam(p, 0.1, weight_decay=0.1, amsgrad=True),
    "AdamW": lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.5),
    "RMSprop": lambda p: torch.optim.RMSprop(p, 0.1, momentum=0.9, centered=True),
    "Adagrad": lambda p: torch.optim.Adagrad(p, 0.1),
}


@st.composite
def layers(draw):
    """Draw a layer in float64, an input, and how many coefficients of the layer's weight to keep."""
    kind = draw(st.sampled_from(["conv1", "conv2", "conv3", "transposed1", "transposed2", "linear", "embedding"]))
    inputs, outputs, kernel = (draw(st.integers(1, 6)) for _ in range(3))
    dims = int(kind[-1]) if kind[-1].isdigit() else 0
    if kind.startswith("conv"):
        layer = getattr(nn, f"Conv{dims}d")(inputs, outputs, min(kernel, 3), bias=draw(st.booleans()))
    elif kind.startswith("transposed"):
        layer = getattr(nn, f"ConvTranspose{dims}d")(inputs, outputs, min(kernel, 3))
    else:
        layer = nn.Linear(inputs, outputs) if kind == "linear" else nn.Embedding(inputs, outputs)
    if kind == "embedding":
        x = torch.randint(0, inputs, (3, 2))
    else:
        x = torch.randn(2, inputs, *(4,) * dims, dtype=torch.float64)
    count = layer.weight.numel()
    return layer.double(), x, draw(st.integers(1, min(5, count)) | st.integers(1, count))


@given(layers())
def test_a_layers_gradient_equals_that_of_the_dense_formula(drawn):
    layer, x, k = drawn
    shape, plain = layer.weight.shape, copy.deepcopy(layer)
    register_parametrization(layer, "weight", Spectral(shape, k, dtype=torch.float64))
    coefficients = layer.parametrizations.weight.original
    dense = coefficients.detach().clone().requires_grad_()
    weight = (matrix(shape, k) @ dense).reshape(shape)
    state = {**dict(plain.named_parameters()), "weight": weight}
    expected = torch.func.functional_call(plain, state, (x,))
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-10)
    upstream = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(layer(x), coefficients, upstream),
        torch.autograd.grad(expected, dense, upstream),
        rtol=0,
        atol=1e-10,
    )


@given(prefixes(shapes.filter(len)), st.sampled_from(sorted(OPTIMIZERS)))
@settings(max_examples=25)
def test_nothing_beyond_the_prefix_ever_becomes_non_zero(prefix, optimizer):
    shape, k = prefix
    holder = nn.Module()
    holder.weight = nn.Parameter(torch.randn(shape))
    register_parametrization(holder, "weight", Spectral(shape, k))
    optimizer = OPTIMIZERS[optimizer](holder.parameters())
    for _ in range(4):
        optimizer.zero_grad()
        (holder.weight - torch.ones(shape)).square().sum().backward()
        optimizer.step()
    spectrum = matrix(shape, math.prod(shape)).T @ holder.weight.detach().double().reshape(-1)
    beyond = spectrum[k:].abs()
    assert not len(beyond) or float(beyond.max()) <= 1e-5 * float(spectrum.abs().max() + 1)
    assert holder.parametrizations.weight.original.shape == (k,)


def test_assigning_keeps_the_prefix():
    layer = register_parametrization(nn.Linear(6, 4), "weight", Spectral((4, 6), 24))
    weight = torch.randn(4, 6)
    layer.weight = weight
    same_sums(layer.weight, weight, terms=24)
    with pytest.raises(ValueError, match=r"expected a tensor of shape \[4, 6\], got \[6, 4\]"):
        layer.weight = weight.T


def test_a_view_is_another_order_of_the_same_elements():
    spectral = Spectral((4, 6), 5, view=(4, 3, 2))
    coefficients = torch.randn(5)
    torch.testing.assert_close(
        spectral(coefficients), (matrix((4, 3, 2), 5).float() @ coefficients).reshape(4, 6), rtol=0, atol=1e-5
    )
    assert "view=[4, 3, 2]" in repr(spectral)
    assert Spectral((4, 6), 5, view=(4, 6)).view is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_floating_type_is_expanded_in_float32_at_least(dtype):
    spectral = Spectral((8, 9), 72, dtype=dtype)
    coefficients = torch.randn(72).to(dtype)
    exact = (matrix((8, 9), 72) @ coefficients.double()).reshape(8, 9)
    weight = spectral(coefficients)
    assert weight.dtype == dtype
    torch.testing.assert_close(weight.double(), exact, rtol=float(torch.finfo(dtype).eps), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (((4, 6), 25), {}, r"25 coefficients for shape \[4, 6\], which can have 1 … 24"),
        (((4, 6), 0), {}, r"0 coefficients for shape \[4, 6\], which can have 1 … 24"),
        (((4, 6), 3), {"view": (5, 5)}, r"view \[5, 5\] has 25 elements, but shape \[4, 6\] has 24"),
        (((4, 6), 3), {"format": "q99"}, "q99"),
    ],
)
def test_mismatches_are_reported(arguments, options, message):
    with pytest.raises((ValueError, EncodeError), match=message):
        Spectral(*arguments, **options)


def test_a_wider_type_has_all_its_digits():
    wide = regularize(nn.Linear(30, 20), 0.5).double()
    synthesis = wide.parametrizations.weight[0].synthesis
    assert np.array_equal(synthesis.basis(0).numpy(), dct.basis(20, synthesis.box[0]))
