from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from frformat.torch.compression.forms import Form, Geometry, columns, rows

KERNELS = {1: (3,), 2: (3, 2), 3: (2, 3, 1)}
CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def products(form: Form, weight: torch.Tensor, x: torch.Tensor, geometry: Geometry) -> np.ndarray:
    """Compute the layer's output as products of matrices."""
    return np.einsum("gok,gkn->gon", form.matrix(weight.double().numpy()), columns(x, form, geometry).double().numpy())


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.sampled_from([1, 2, 4]))
def test_a_convolution_is_a_product_of_matrices(d: int, stride: int, dilation: int, padding: int, groups: int):
    x, weight = torch.randn(2, 4, *(9, 8, 7)[:d]), torch.randn(8, 4 // groups, *KERNELS[d])
    form = Form("convolution", tuple(weight.shape), groups)
    geometry = Geometry((stride,) * d, (padding,) * d, (dilation,) * d)
    expected = rows(CONVOLUTIONS[d](x, weight, None, stride, padding, dilation, groups), form)
    np.testing.assert_allclose(products(form, weight, x, geometry), expected.numpy(), atol=1e-4)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(0, 1), st.sampled_from([1, 2, 4]))
def test_so_is_a_transposed_convolution(d: int, stride: int, dilation: int, padding: int, groups: int):
    x, weight = torch.randn(2, 4, *(5, 4, 3)[:d]), torch.randn(4, 6, *KERNELS[d])
    form = Form("transposed", tuple(weight.shape), groups)
    geometry = Geometry((stride,) * d, (padding,) * d, (dilation,) * d)
    expected = rows(TRANSPOSED[d](x, weight, None, stride, padding, 0, groups, dilation), form)
    np.testing.assert_allclose(products(form, weight, x, geometry), expected.numpy(), atol=1e-4)


def test_linear_layers_products_and_embeddings():
    x, weight = torch.randn(2, 3, 5), torch.randn(4, 5)
    form = Form("linear", (4, 5))
    np.testing.assert_allclose(products(form, weight, x, Geometry()), rows(F.linear(x, weight), form), atol=1e-5)
    form = Form("product", (5, 4))
    np.testing.assert_allclose(products(form, weight.T, x, Geometry()), rows(x @ weight.T, form), atol=1e-5)
    table = Form("embedding", (7, 3))
    assert (table.sparse, table.outputs, table.inputs) == (True, 3, 7)


@pytest.mark.parametrize(
    "form",
    [
        Form("linear", (4, 6)),
        Form("product", (4, 6)),
        Form("embedding", (4, 6)),
        Form("convolution", (4, 6, 3, 2)),
        Form("convolution", (4, 6, 3, 2), 2),
        Form("convolution", (4, 1, 5), 4),
        Form("transposed", (4, 6, 3, 2)),
        Form("transposed", (4, 6, 3, 2), 2),
    ],
)
def test_matrices_are_written_back_in_place(form: Form):
    tensor = np.arange(np.prod(form.shape)).reshape(form.shape)
    matrix = form.matrix(tensor)
    assert matrix.shape == (form.groups, form.outputs, form.inputs)
    assert np.array_equal(form.tensor(matrix), tensor)


def test_thinning_keeps_some_of_the_columns():
    x, form = torch.randn(2, 3, 9, 9), Form("convolution", (4, 3, 3, 3))
    geometry = Geometry((1, 1), (1, 1), (1, 1))
    every = columns(x, form, geometry).reshape(1, 27, 2, 9, 9)
    some = columns(x, form, geometry, (3, 3), (1, 2))
    assert torch.equal(some.reshape(1, 27, 2, 3, 3), every[..., 1::3, 2::3])
    assert columns(x[:, :, :1, :1], form, Geometry((1, 1), (1, 1), (1, 1)), (3, 2), (2, 1)).shape[-1] == 2
