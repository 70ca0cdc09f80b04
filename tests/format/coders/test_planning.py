"""Planning of static blocks and packing of mantissas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from frformat.format.coders import CODERS, Run, plan
from frformat.format.coders.batches import block
from frformat.format.coders.integers import Plain
from frformat.format.coders.mantissas import packed
from frformat.format.coders.tables import LOGS
from tests.format.coders.segments import encode, has_compiled_code, using

compiled = pytest.mark.skipif(not has_compiled_code(), reason="the package was installed without a C compiler")


def weights(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return values whose magnitudes vary from row to row."""
    rng = np.random.default_rng(seed)
    rows = np.exp(rng.standard_normal(shape[0]) / 2).reshape(-1, *(1 for _ in shape[1:]))
    return np.rint(2 * rng.laplace(size=shape) * rows).astype(np.int32)


@pytest.mark.parametrize("pure", [True, pytest.param(False, marks=compiled)])
def test_small_tensors_take_only_a_few_more_bytes_than_with_the_adaptive_coder(pure: bool) -> None:
    pieces = [(Run(False, (values.shape,)), values) for values in (weights((64, 32, 3, 3), n) for n in range(3))]
    with using(pure=pure):
        [static] = encode(CODERS["static"], "i32", [pieces])
    [adaptive] = encode(CODERS["adaptive"], "i32", [pieces])
    assert len(static) <= 1.06 * len(adaptive)


@pytest.mark.parametrize("pure", [True, pytest.param(False, marks=compiled)])
def test_classes_are_merged_unless_they_save_more_than_their_tables_take(pure: bool) -> None:
    alike = np.random.default_rng(0).integers(-3, 4, (64, 64), np.int32)
    with using(pure=pure):
        assert plan.plan(block(alike.shape), Plain(alike), 0).classes == 1
        varied = weights((64, 256))
        found = plan.plan(block(varied.shape), Plain(varied), 0)
    assert found.classes > 1
    assert len(found.axes[0]) == 64
    assert found.frequency.sum(axis=1).tolist() == [4096] * len(found.frequency)


def test_large_blocks_have_the_same_tables_in_both_implementations() -> None:
    values = weights((300, 500, 2))
    found = []
    for pure in (True, False):
        with using(pure=pure):
            found.append(plan.plan(block(values.shape), Plain(values), 0))
    assert found[0].frequency.tolist() == found[1].frequency.tolist()
    assert [axis.tolist() for axis in found[0].axes] == [axis.tolist() for axis in found[1].axes]


@pytest.fixture
def native() -> Any:
    from frformat.format.coders.compiled import _native

    return _native


@compiled
class TestMisuse:
    """The compiled functions reject arrays whose sizes do not match."""

    def test_sums_of_a_different_box(self, native: Any) -> None:
        rows = np.zeros(2, np.int64)
        with pytest.raises(ValueError, match="values of a box"):
            native.sums(np.zeros(7, np.int32), rows, rows.copy(), rows.copy())

    @pytest.mark.parametrize("starts", [[1], [0, 4], []])
    def test_lanes_beyond_the_block(self, native: Any, starts: list[int]) -> None:
        sums, values, axes = np.zeros(5, np.int64), np.zeros(4, np.int32), np.zeros(4, np.int32)
        with pytest.raises(ValueError, match="lanes of a sample"):
            native.choose((2, 2, 1), sums, values, np.array(starts, np.uint64), (1, 0, 2), LOGS, axes)

    def test_counts_without_room(self, native: Any) -> None:
        none, values = np.zeros(0, np.int32), np.zeros(4, np.int32)
        with pytest.raises(ValueError, match="room for counts"):
            native.count((2, 2, 1), 12, 0, 0, 1, none, none, none, 0, values, np.zeros(127, np.uint64))
        with pytest.raises(ValueError, match="room for their frequencies"):
            native.scale(np.zeros(128, np.uint64), 3, np.zeros(4, np.uint16))


@pytest.mark.parametrize("bits", range(1, 8))
def test_numbers_are_packed_without_gaps_across_parts(bits: int) -> None:
    numbers = np.random.default_rng(bits).integers(0, 1 << bits, 1003, dtype=np.uint8)
    stored = b"".join(packed(np.split(numbers, [5, 5, 400]), bits))
    expected = sum(int(number) << bits * place for place, number in enumerate(numbers))
    assert int.from_bytes(stored, "little") == expected
    assert len(stored) == -(-1003 * bits // 8)
