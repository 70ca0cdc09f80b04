from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat import FrzError
from frformat.dtypes import FORMATS
from frformat.format.coders import rangecoder
from frformat.format.coders.rangecoder import Contexts

formats = st.sampled_from(list(FORMATS.values()))


@st.composite
def runs(draw: st.DrawFn, fmt_name: str) -> list[np.ndarray]:
    """Values of any bits, but with small numbers and repetitions too."""
    fmt = FORMATS[fmt_name]
    size = 8 * fmt.dtype.itemsize
    patterns = st.lists(st.integers(0, 2**size - 1) | st.integers(0, 3), max_size=30)
    return [np.array(draw(patterns), f"<u{fmt.dtype.itemsize}").view(fmt.dtype) for _ in range(draw(st.integers(0, 3)))]


class TestIdentity:
    @given(st.sampled_from(list(FORMATS)), st.booleans(), st.data())
    def test_any_values(self, name: str, neighbours: bool, data: st.DataObject) -> None:
        fmt = FORMATS[name]
        segments = [data.draw(runs(name)) for _ in range(2)]
        coding, decoding = Contexts(fmt, neighbours), Contexts(fmt, neighbours)
        for segment in segments:  # contexts are carried from tier to tier
            stored = rangecoder.encode(segment, coding)
            back = rangecoder.decode(stored, [len(run) for run in segment], decoding)
            assert back.tobytes() == b"".join(run.tobytes() for run in segment)
            assert not stored.endswith(b"\0")

    def test_carries_ripple(self) -> None:
        # Many likely bits push `low` to all ones before an unlikely one carries through them.
        values = np.array([0] * 3000 + [127, -128] * 20 + [0] * 3000, np.int8)
        stored = rangecoder.encode([values], Contexts(FORMATS["i8"], neighbours=False))
        assert np.array_equal(rangecoder.decode(stored, [len(values)], Contexts(FORMATS["i8"], False)), values)


class TestSize:
    def test_uniform_bits_cost_what_they_are_worth(self) -> None:
        values = np.random.default_rng(0).integers(-128, 128, 4000).astype(np.int8)
        stored = rangecoder.encode([values], Contexts(FORMATS["i8"], neighbours=False))
        assert 4000 <= len(stored) <= 4060

    def test_a_constant_costs_nearly_nothing(self) -> None:
        stored = rangecoder.encode([np.zeros(10_000, np.int16)], Contexts(FORMATS["i16"], neighbours=False))
        assert len(stored) <= 60

    def test_a_stream_can_have_no_bytes_at_all(self) -> None:
        empty = rangecoder.decode(b"", [3], Contexts(FORMATS["f16"], neighbours=False))
        assert np.isnan(empty).all()
        assert rangecoder.encode([empty], Contexts(FORMATS["f16"], neighbours=False)) == b""


class TestMalformed:
    def test_code_beyond_range(self) -> None:
        with pytest.raises(FrzError, match="malformed") as error:
            rangecoder.decode(b"\xff" * 4, [1], Contexts(FORMATS["f16"], neighbours=False))
        assert error.value.code == "STREAM"

    def test_left_over_bytes(self) -> None:
        stored = rangecoder.encode([np.ones(9, np.float16)], Contexts(FORMATS["f16"], neighbours=False))
        with pytest.raises(FrzError, match="bytes are left after"):
            rangecoder.decode(stored.ljust(40, b"\0")[: len(stored) + 8], [9], Contexts(FORMATS["f16"], False))

    @given(st.binary(max_size=60), formats, st.booleans())
    def test_any_bytes_end_in_values_or_an_error(self, data: bytes, fmt: object, neighbours: bool) -> None:
        with suppress(FrzError):  # and nothing else
            assert len(rangecoder.decode(data, [20, 20], Contexts(fmt, neighbours))) == 40
