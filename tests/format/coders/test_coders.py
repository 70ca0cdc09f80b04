"""Every coder reproduces values in every tier, and decodes arbitrary bytes to values or raises an error."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat import FrzError
from frformat.dtypes import DTYPES
from frformat.format.coders import CODERS, Coder, Run
from frformat.format.coders.base import byte_view
from tests.format.coders.segments import Listed, Pieces, Stored, decode, encode

ALL = list(CODERS.values())


@st.composite
def pieces(draw: st.DrawFn, value_type: str) -> Pieces:
    """Draw runs of arbitrary values, many of which are small or repeated."""
    dtype = DTYPES[value_type]
    size = 8 * dtype.itemsize
    out = []
    for _ in range(draw(st.integers(1, 3))):
        patterns = draw(st.lists(st.integers(0, 2**size - 1) | st.integers(0, 3), min_size=1, max_size=30))
        values = np.frombuffer(b"".join(p.to_bytes(dtype.itemsize, "little") for p in patterns), dtype)
        out.append((Run(False, ((len(values),),)), values))
    return out


@given(st.sampled_from(ALL), st.data())
def test_exact_values_survive(coder: Coder, data: st.DataObject) -> None:
    value_type = data.draw(st.sampled_from(list(coder.types or DTYPES)))
    segments = [data.draw(pieces(value_type)) for _ in range(3)]
    stored = encode(coder, value_type, segments)
    back = decode(coder, value_type, stored, [[run for run, _ in each] for each in segments])
    for found, each in zip(back, segments, strict=True):
        assert found.dtype == DTYPES[value_type]
        assert found.tobytes() == b"".join(byte_view(values) for _, values in each)


@given(st.sampled_from(ALL), st.binary(max_size=80), st.integers(1, 40))
def test_any_bytes_yield_values_or_an_error(coder: Coder, data: bytes, count: int) -> None:
    decoder = coder.decoder("f16", False)
    with suppress(FrzError):  # no other exception may occur
        assert len(decoder.decode(Stored(data), Listed([Run(False, ((count,),)), Run(False, ((2,),))]))) == count + 2


# Plain coders are left out: the directory determines their size, which is checked first.
@pytest.mark.parametrize("coder", [coder for coder in ALL if not coder.plain], ids=lambda coder: coder.name)
class TestEnds:
    def test_trailing_bytes_are_refused(self, coder: Coder) -> None:
        values = np.arange(-20, 20, dtype=np.float16)
        run = Run(False, ((40,),))
        [stored] = encode(coder, "f16", [[(run, values)]])
        for more in (b"\0" * 9, b"x" * 9):
            with pytest.raises(FrzError) as error:
                decode(coder, "f16", [stored + more], [[run]])
            assert error.value.code == "STREAM"

    def test_streams_that_end_early_are_refused(self, coder: Coder) -> None:
        values = np.random.default_rng(0).standard_normal(500).astype(np.float32)
        run = Run(False, ((500,),))
        [stored] = encode(coder, "f32", [[(run, values)]])
        for size in (0, 1, len(stored) // 2, len(stored) - 1):
            with pytest.raises(FrzError) as error:
                decode(coder, "f32", [stored[:size]], [[run]])
            assert error.value.code == "STREAM"
