from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from frformat.torch import compress
from frformat.torch.compression.contractions import products

torch.manual_seed(0)
X = torch.randn(128, 5, 12) @ torch.randn(12, 12)

WAYS: dict[str, tuple[bool, Callable[[Tensor, Tensor], Tensor]]] = {
    "x @ w.T": (False, lambda x, w: x @ w.T),
    "x.matmul(w.t())": (False, lambda x, w: x.matmul(w.t())),
    "linear(x, w.t())": (True, lambda x, w: F.linear(x, w.t())),
    "addmm": (False, lambda x, w: torch.addmm(torch.zeros(7), x.flatten(0, 1), w.t()).unflatten(0, (-1, 5))),
    "w @ x": (False, lambda x, w: (w @ x.mT).mT),
    "w @ vector": (False, lambda x, w: torch.stack([w @ row for row in x.flatten(0, 1)]).unflatten(0, (-1, 5))),
    "bti,oi->bto": (False, lambda x, w: torch.einsum("bti,oi->bto", x, w)),
    "oi, bti -> obt": (False, lambda x, w: torch.einsum("oi, bti -> obt", w, x).movedim(0, -1)),
    "...i,io->...o": (True, lambda x, w: torch.einsum("...i,io->...o", x, w)),
    "bit,io->bot": (True, lambda x, w: torch.einsum("bit,io->bot", x.mT, w).mT),
}


class Layer(nn.Module):
    def __init__(self, turned: bool, way: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        weight = torch.randn(7, 12, generator=torch.Generator().manual_seed(1))
        self.weight = nn.Parameter(weight.t().contiguous() if turned else weight)
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        return self.way(x, self.weight)


@pytest.mark.parametrize("name", WAYS)
def test_products_are_calibrated_like_linear_layers(name: str):
    plain, other = Layer(False, F.linear), Layer(*WAYS[name])
    assert torch.allclose(other(X), plain(X), atol=1e-4)
    expected = compress(plain, None, X.split(32), outputs="values")
    found = compress(other, None, X.split(32), outputs="values")
    assert expected.notes == found.notes
    assert found.point.loss == pytest.approx(expected.point.loss, rel=0.35)
    assert found.nbytes == pytest.approx(expected.nbytes, rel=0.1)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bi,oi->b", ((4, 3), (2, 3))),  # the outputs are summed
        ("bi,bi->b", ((4, 3), (4, 3))),
        ("bi,bi->bi", ((4, 3), (4, 3))),
        ("bi,oi", ((4, 3), (2, 3))),  # the output is implicit
        ("bii,oi->bo", ((4, 3, 3), (2, 3))),
        ("bi,oo->bi", ((4, 3), (2, 2))),
        ("i,o->io", ((3,), (2,))),
        ("...,oi->...oi", ((4,), (2, 3))),
    ],
)
def test_other_contractions_are_left_alone(equation: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]):
    x, weight = (torch.randn(shape) for shape in shapes)
    torch.einsum(equation, x, weight)  # it is valid
    assert products(torch.einsum, (equation, x, weight), {}) == []


@pytest.mark.parametrize("equation", ["bti,oi->bto", "bti,oi->obt", "tib,io->tbo", "...i,oi->o...", "i...,oi->...o"])
def test_rewritten_contractions_are_equal(equation: str):
    shape = {"tib": (4, 3, 5), "i...": (3, 4, 5)}.get(equation.partition(",")[0], (4, 5, 3))
    x = torch.randn(shape)
    weight = torch.randn((3, 2) if ",io" in equation else (2, 3))
    found = products(torch.einsum, (equation, x, weight), {})
    assert torch.allclose(found[0].run(), torch.einsum(equation, x, weight), atol=1e-6)
    turned = equation.partition("->")
    swapped = ",".join(reversed(turned[0].split(","))) + "->" + turned[2]
    found = products(torch.einsum, (swapped, weight, x), {})
    assert torch.allclose(found[0].run(), torch.einsum(equation, x, weight), atol=1e-6)
