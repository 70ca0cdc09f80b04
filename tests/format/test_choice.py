"""The writer chooses the right coder, and its progress reports count each value once."""

from __future__ import annotations

import numpy as np
import pytest

import frformat
from frformat import CodedTensor
from frformat.format import choice

SMALL, LARGE = (100, 40), (choice.SMALL // 64 + 1, 64)
RNG = np.random.default_rng(0)


def steps(shape: tuple[int, ...]) -> CodedTensor:
    return CodedTensor(np.rint(3 * RNG.standard_normal(shape)).astype(np.int32), shape, "f32", step=-64)


def floats(shape: tuple[int, ...]) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def coder_of(tensor: CodedTensor | np.ndarray, compression: str) -> str:
    with frformat.open(frformat.save({"x": tensor}, compression=compression)) as file:
        return file.info("x").coder


@pytest.mark.parametrize("make", [steps, floats])
@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("coder", ["adaptive", "static"])
def test_the_requested_coder_is_used(coder: str, shape: tuple[int, ...], make) -> None:
    assert coder_of(make(shape), coder) == coder


def test_integers_take_the_fewest_bytes() -> None:
    assert coder_of(steps(SMALL), "auto") == "adaptive"
    # Rows repeat in groups of four. Tables conditioned on the previous row capture this; predictions hardly do.
    rows = np.repeat(RNG.integers(-3, 4, (LARGE[0] // 4, 1, 64)), 4, axis=1).reshape(-1, 64).astype(np.int32)
    for tensor in (steps(LARGE), CodedTensor(rows, rows.shape, "f32", step=0)):
        sizes = {name: len(frformat.save({"x": tensor}, compression=name)) for name in ("adaptive", "static", "auto")}
        assert sizes["auto"] == min(sizes.values())


def test_large_integers_use_the_fast_coder_on_request_or_if_reading_were_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    assert coder_of(steps(LARGE), "fast") == "static"
    assert coder_of(steps(SMALL), "fast") == "adaptive"
    monkeypatch.setattr(choice, "SLOW", choice.SMALL)
    assert coder_of(steps(LARGE), "auto") == "static"


def test_floats_with_predictable_exponents_are_split() -> None:
    assert coder_of(floats(SMALL), "auto") == "adaptive"
    assert coder_of(floats(LARGE), "auto") == coder_of(floats(LARGE), "core") == "static"


def test_incompressible_values_are_stored_unchanged() -> None:
    noise = RNG.integers(0, 256, (LARGE[0], 256), np.uint8)
    assert coder_of(noise, "auto") == coder_of(noise[:20], "auto") == "none"


@pytest.mark.parametrize("compression", ["auto", "fast", "adaptive", "static", "none"])
@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("make", [steps, floats])
def test_every_value_is_reported_once(compression: str, shape: tuple[int, ...], make, tmp_path) -> None:
    told: list[int] = []
    frformat.save_file(
        {"x": make(shape)}, tmp_path / "x.frz", compression=compression, progress=lambda name, done: told.append(done)
    )
    assert sum(told) == 4 * np.prod(shape)
