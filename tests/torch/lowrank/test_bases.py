from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from frformat.spectral import dct, zigzag
from frformat.torch.lowrank import bases
from frformat.torch.regularization import regularize


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.data())
def test_places_follow_the_zigzag_order(shape, data):
    k = data.draw(st.integers(1, math.prod(shape)))
    box = zigzag.box(shape, k)
    strides = [math.prod(box[axis + 1 :]) for axis in range(len(box))]
    flat = torch.full((math.prod(box),), -1).scatter(0, bases.places(shape, k, strides), torch.arange(k))
    for number, index in enumerate(zigzag.prefix(shape, k)):
        assert flat.reshape(box)[tuple(index)] == number


def test_a_joint_basis_is_that_of_both_axes():
    table = bases.joint([4, 3], [2, 3])
    expected = torch.einsum("ai,bj->abij", torch.from_numpy(dct.basis(4, 2)), torch.from_numpy(dct.basis(3, 3)))
    torch.testing.assert_close(table, expected.reshape(12, 6))
    assert bases.joint([], []).tolist() == [[1.0]]


def test_places_are_shared_and_then_forgotten():
    strides = (1009, 1)  # no other test uses them, so none holds the same places
    one = bases.places((50, 40), 9, strides)
    assert bases.places((70, 9), 9, strides) is one  # no index on an axis reaches 9
    count = len(bases._PLACES)
    del one
    assert len(bases._PLACES) < count


def test_tables_made_for_inference_serve_training():
    with torch.inference_mode():
        held = [bases.places((37, 31), 9, strides) for strides in ((3, 1), (4, 1), (1, 4))]
        held += [bases.cosines(n, r) for n in (31, 37) for r in range(1, 5)]
    layer = regularize(torch.nn.Linear(31, 37, bias=False).double(), 9)
    layer(torch.rand(2, 31, dtype=torch.float64)).sum().backward()
    assert not any(table.is_inference() for table in held)
