"""What holds for every coder: values come back, tier after tier, and any bytes end in values or an error."""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat import FrzError
from frformat.dtypes import DTYPES
from frformat.format import limits
from frformat.format.coders import CODERS, Coder, Run
from frformat.format.coders.base import byte_view
from tests.format.coders.segments import Listed, Stored

EXACT = [coder for coder in CODERS.values() if not coder.integers]
INTEGERS = [coder for coder in CODERS.values() if coder.integers]
NUMBERS = st.integers(-9, 9) | st.integers(-(2**31) + 1, 2**31 - 1)


def encode(coder: Coder, value_type: str, segments: list[list[tuple[Run, np.ndarray]]]) -> list[bytes]:
    encoder = coder.encoder(value_type)
    out = []
    for pieces in segments:
        buffer = io.BytesIO()
        encoder.encode(pieces, buffer)
        out.append(buffer.getvalue())
    return out


def decode(coder: Coder, value_type: str, stored: list[bytes], segments: list[list[Run]]) -> list[np.ndarray]:
    decoder = coder.decoder(value_type)
    return [decoder.decode(Stored(data), Listed(runs)) for data, runs in zip(stored, segments, strict=True)]


@st.composite
def pieces(draw: st.DrawFn, value_type: str) -> list[tuple[Run, np.ndarray]]:
    """Runs with values of any bits, but with small numbers and repetitions, too."""
    dtype = DTYPES[value_type]
    size = 8 * dtype.itemsize
    out = []
    for _ in range(draw(st.integers(1, 3))):
        patterns = draw(st.lists(st.integers(0, 2**size - 1) | st.integers(0, 3), min_size=1, max_size=30))
        values = np.frombuffer(b"".join(p.to_bytes(dtype.itemsize, "little") for p in patterns), dtype)
        out.append((Run(False, ((len(values),),)), values))
    return out


@st.composite
def integers(draw: st.DrawFn) -> list[tuple[Run, np.ndarray]]:
    """Runs of multiples and of offsets."""
    lists = draw(st.lists(st.lists(NUMBERS, min_size=1, max_size=30), min_size=1, max_size=4))
    return [(Run(draw(st.booleans()), ((len(values),),)), np.array(values, np.int32)) for values in lists]


@given(st.sampled_from(EXACT), st.data())
def test_exact_values_come_back(coder: Coder, data: st.DataObject) -> None:
    value_type = data.draw(st.sampled_from(coder.types or list(DTYPES)))
    segments = [data.draw(pieces(value_type)) for _ in range(3)]
    stored = encode(coder, value_type, segments)
    back = decode(coder, value_type, stored, [[run for run, _ in each] for each in segments])
    for found, each in zip(back, segments, strict=True):
        assert found.dtype == DTYPES[value_type]
        assert found.tobytes() == b"".join(byte_view(values) for _, values in each)


@given(st.sampled_from(INTEGERS), st.lists(integers(), min_size=1, max_size=3))
def test_integers_come_back(coder: Coder, segments: list[list[tuple[Run, np.ndarray]]]) -> None:
    stored = encode(coder, "i32", segments)
    back = decode(coder, "i32", stored, [[run for run, _ in each] for each in segments])
    for found, each in zip(back, segments, strict=True):
        assert found.dtype == np.int32
        assert np.array_equal(found, np.concatenate([values for _, values in each]))


@given(st.sampled_from(list(CODERS.values())), st.binary(max_size=80), st.integers(1, 40))
def test_any_bytes_end_in_values_or_an_error(coder: Coder, data: bytes, count: int) -> None:
    value_type = "i32" if coder.integers else (coder.types or ("f16",))[0]
    decoder = coder.decoder(value_type)
    runs = Listed([Run(False, ((count,),)), Run(coder.integers, ((2,),))])
    with suppress(FrzError):  # and nothing else
        assert len(decoder.decode(Stored(data), runs)) == count + 2


# The size of a segment that is not coded follows from the directory, which is checked first.
CODED = [coder for coder in CODERS.values() if not coder.plain]


@pytest.mark.parametrize("coder", CODED, ids=lambda coder: coder.name)
def test_bytes_that_are_left_are_refused(coder: Coder) -> None:
    value_type = "i32" if coder.integers else "f16"
    values = np.arange(-20, 20, dtype=DTYPES[value_type])
    run = Run(False, ((40,),))
    [stored] = encode(coder, value_type, [[(run, values)]])
    for more in (b"\0" * 9, b"x" * 9):
        with pytest.raises(FrzError) as error:
            decode(coder, value_type, [stored + more], [[run]])
        assert error.value.code == "STREAM"


@pytest.mark.parametrize("coder", [coder for coder in CODED if not coder.adaptive], ids=lambda coder: coder.name)
def test_streams_that_end_early_are_refused(coder: Coder) -> None:
    values = np.random.default_rng(0).standard_normal(500).astype(np.float32)
    run = Run(False, ((500,),))
    [stored] = encode(coder, "f32", [[(run, values)]])
    for size in (0, 1, len(stored) // 2, len(stored) - 1):
        with pytest.raises(FrzError) as error:
            decode(coder, "f32", [stored[:size]], [[run]])
        assert error.value.code == "STREAM"


@pytest.mark.parametrize("coder", [coder for coder in CODED if coder.adaptive], ids=lambda coder: coder.name)
class TestAdaptive:
    def values(self, coder: Coder, numbers: list[int]) -> tuple[str, np.ndarray]:
        return ("i32", np.array(numbers, np.int32)) if coder.integers else ("f16", np.array(numbers, np.float16))

    def test_a_stream_can_have_no_bytes_at_all(self, coder: Coder) -> None:
        value_type = "i32" if coder.integers else "f16"
        run = Run(False, ((3,),))
        [found] = decode(coder, value_type, [b""], [[run]])
        assert encode(coder, value_type, [[(run, found)]]) == [b""]

    def test_code_beyond_range(self, coder: Coder) -> None:
        with pytest.raises(FrzError, match="malformed") as error:
            decode(coder, "i32" if coder.integers else "f16", [b"\xff" * 4], [[Run(False, ((1,),))]])
        assert error.value.code == "STREAM"

    def test_carries_ripple(self, coder: Coder) -> None:
        # Many likely bits push the number to all ones before an unlikely one carries through them.
        value_type, values = self.values(coder, [0] * 3000 + [127, -128] * 20 + [0] * 3000)
        run = Run(False, ((len(values),),))
        [found] = decode(coder, value_type, encode(coder, value_type, [[(run, values)]]), [[run]])
        assert np.array_equal(found, values)

    def test_a_constant_costs_nearly_nothing_but_not_less_than_the_limit(self, coder: Coder) -> None:
        value_type, values = self.values(coder, [0] * 100_000)
        [stored] = encode(coder, value_type, [[(Run(False, ((len(values),),)), values)]])
        assert len(values) / limits.VALUES_PER_BYTE <= len(stored) + limits.FREE_BYTES
        assert len(stored) <= (
            400 if coder.integers else 1.26 * len(values)
        )  # a float has ten bits that are not learnt

    def test_streams_have_no_zeros_at_the_end(self, coder: Coder) -> None:
        for count in range(1, 60):
            value_type, values = self.values(coder, [(i * 7919) % 13 - 6 for i in range(count)])
            assert not encode(coder, value_type, [[(Run(False, ((count,),)), values)]])[0].endswith(b"\0")

    def test_what_was_learnt_goes_on_in_the_next_tier(self, coder: Coder) -> None:
        value_type, values = self.values(coder, np.random.default_rng(0).integers(-3, 4, 600).tolist())
        run = Run(False, ((300,),))
        _, second = encode(coder, value_type, [[(run, values[:300])], [(run, values[300:])]])
        [alone] = encode(coder, value_type, [[(run, values[300:])]])
        assert len(second) < len(alone)


def test_uniform_bits_cost_what_they_are_worth() -> None:
    values = np.random.default_rng(0).integers(-127, 128, 4000).astype(np.int32)
    [stored] = encode(CODERS["integer"], "i32", [[(Run(False, ((4000,),)), values)]])
    assert 3980 <= len(stored) <= 4060


def test_offsets_are_learnt_apart_from_values() -> None:
    rng = np.random.default_rng(0)
    offsets, values = rng.integers(-1, 2, 400).astype(np.int32), rng.integers(-500, 501, 400).astype(np.int32)
    runs = [(Run(True, ((400,),)), offsets), (Run(False, ((400,),)), values)]
    alike = [(Run(False, run.blocks), array) for run, array in runs]
    apart, together = (len(encode(CODERS["integer"], "i32", [each])[0]) for each in (runs, alike))
    assert apart < together
