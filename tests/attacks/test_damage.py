"""Every cut and every flipped bit of small files is detected and causes only an ``FrzError``."""

from __future__ import annotations

import pytest

from frformat import FrzError
from tests.attacks.seeds import SEEDS, Seed, decode

PARAMETERS = {"argvalues": SEEDS, "ids": [seed.name for seed in SEEDS]}


@pytest.mark.parametrize("seed", **PARAMETERS)
def test_every_cut_except_after_a_tier_is_an_error(seed: Seed) -> None:
    for size in range(len(seed.data)):
        if size in seed.ends:
            decode(seed.data[:size])
        else:
            with pytest.raises(FrzError) as caught:
                decode(seed.data[:size])
            assert caught.value.code == "TRUNCATED"


@pytest.mark.parametrize("seed", **PARAMETERS)
def test_every_flipped_bit_is_an_error(seed: Seed) -> None:
    accepted = []
    for at in range(len(seed.data)):
        for bit in range(8):
            damaged = bytearray(seed.data)
            damaged[at] ^= 1 << bit
            try:
                decode(bytes(damaged))
            except FrzError:
                continue
            accepted.append((at, bit))
    assert not accepted


@pytest.mark.parametrize("seed", **PARAMETERS)
def test_trailing_bytes_are_an_error(seed: Seed) -> None:
    for tail in (b"\0", b"\xff", seed.data):
        with pytest.raises(FrzError) as caught:
            decode(seed.data + tail)
        assert caught.value.code == "TRAILING"


@pytest.mark.parametrize("seed", **PARAMETERS)
def test_every_removed_or_duplicated_byte_is_an_error(seed: Seed) -> None:
    for at in range(len(seed.data)):
        lost = seed.data[:at] + seed.data[at + 1 :]
        doubled = seed.data[: at + 1] + seed.data[at:]
        for damaged in (lost, doubled):
            with pytest.raises(FrzError):
                decode(damaged)
