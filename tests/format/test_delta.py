"""Delta files: models stored as their difference from an older file."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

import frformat
from frformat import Axis, CodedTensor, EncodeError, FrzError, PerTier, Spectrum
from frformat.dtypes import DTYPES, FORMATS
from frformat.format import delta, quantization, reader
from frformat.format.contents import Contents

RNG = np.random.default_rng(5)
WEIGHTS = RNG.normal(size=(8, 3, 3, 3)).astype(np.float32)
MOVED = WEIGHTS + RNG.normal(size=WEIGHTS.shape).astype(np.float32) / 1000
OLD = {"w": WEIGHTS, "b": np.arange(4, dtype=np.float16), "n": np.array(7)}
NEW = {"w": MOVED, "b": np.arange(4, dtype=np.float16), "n": np.array(8), "more": np.ones(3, np.uint8)}

NARROW = [name for name, dtype in DTYPES.items() if dtype.itemsize <= 4 and name != "bool"]


def loaded(data: bytes, base: bytes | None) -> dict[str, NDArray[Any]]:
    with frformat.open(data, base=base) as file:
        file.verify()
        return file.load()


def assert_same(found: dict[str, NDArray[Any]], wanted: dict[str, NDArray[Any]]) -> None:
    assert list(found) == list(wanted) or set(found) == set(wanted)
    for name, array in wanted.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


def test_a_delta_file_is_small_and_exact() -> None:
    base, whole = frformat.save(OLD), frformat.save(NEW)
    found = frformat.save(NEW, base=base)
    assert len(found) < 0.8 * len(whole)
    assert_same(loaded(found, base), NEW)


def test_unchanged_tensors_take_almost_no_bytes() -> None:
    same = {"w": RNG.normal(size=70_000).astype(np.float32)}
    base = frformat.save(same)
    assert len(frformat.save(same, base=base)) < 120
    assert_same(loaded(frformat.save(same, base=base), base), same)


def test_steps_of_the_base_are_reused() -> None:
    old = CodedTensor.of_array(WEIGHTS, "q6", axis=0)
    new = CodedTensor.like(MOVED, old)
    assert new is not None
    assert (new.step, {a: o.tolist() for a, o in new.offsets.items()}) == (
        old.step,
        {a: o.tolist() for a, o in old.offsets.items()},
    )
    sizes = quantization.steps(old.step + old.offsets[0].astype(np.int64)).reshape(-1, 1, 1, 1)
    assert (np.abs(new.rebuild() - MOVED) <= sizes / 1.99).all()
    base = frformat.save({"w": old})
    found = frformat.save({"w": new}, base=base)
    assert len(found) < 0.5 * len(frformat.save({"w": new}))
    assert_same(loaded(found, base), {"w": new.rebuild()})


@pytest.mark.parametrize(
    "array", [WEIGHTS[:4], WEIGHTS.astype(np.float16), WEIGHTS * 1e30], ids=["shape", "dtype", "range"]
)
def test_steps_that_do_not_fit_are_not_reused(array: NDArray[Any]) -> None:
    assert CodedTensor.like(array, CodedTensor.of_array(WEIGHTS, "q30")) is None
    assert CodedTensor.like(WEIGHTS, CodedTensor.of_array(WEIGHTS)) is None


def test_other_tensors_of_a_delta_file_can_be_anything() -> None:
    factor = RNG.normal(size=(2, 6)).astype(np.float32)
    core = CodedTensor(np.ones((2, 3), np.float32), (6, 3), "f32", (Axis("stored", factor), Axis()))
    spectrum = Spectrum(np.arange(9, dtype=np.float32), (5, 5))
    old = {
        "core": core,
        "s": spectrum,
        "anew": PerTier([WEIGHTS[0]]),
        "scalar": np.float32(1),
        "none": np.empty((0, 2)),
    }
    new = {**old, "s": Spectrum(np.arange(9, dtype=np.float32) + 1, (5, 5)), "anew": PerTier([MOVED[0]])}
    base = frformat.save(old)
    wanted = frformat.load(frformat.save(new))
    assert_same(loaded(frformat.save(new, base=base), base), wanted)


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[NDArray[Any], NDArray[Any]]:
    dtype = DTYPES[draw(st.sampled_from(NARROW))]
    bits = np.dtype(f"u{dtype.itemsize}")
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    old = draw(arrays.arrays(bits, shape))
    near = (old + draw(arrays.arrays(np.int8, shape)).astype(bits)).astype(bits)
    new = draw(st.sampled_from([near, draw(arrays.arrays(bits, shape))]))
    return old.view(dtype), new.view(dtype)


@given(_pairs(), st.sampled_from(["auto", "core", "static", "adaptive"]))
def test_every_element_survives(pair: tuple[NDArray[Any], NDArray[Any]], compression: str) -> None:
    old, new = ({"x": each, "y": np.array([1.5, -2.5], np.float32)} for each in pair)
    base = frformat.save(old, compression=compression)
    assert_same(loaded(frformat.save(new, base=base, compression=compression), base), new)


LIMIT = (1 << 31) - 1


@given(st.lists(st.tuples(*[st.integers(-LIMIT, LIMIT)] * 2), min_size=1, max_size=30))
def test_every_multiple_survives(pairs: list[tuple[int, int]]) -> None:
    old, new = (CodedTensor(np.array(each, np.int32), (len(pairs),), "f32", step=-960) for each in zip(*pairs))  # noqa: B905
    base = frformat.save({"x": old})
    with frformat.open(frformat.save({"x": new}, base=base), base=base) as file:
        assert file.stored("x").values.tolist() == new.values.tolist()


@pytest.mark.parametrize("name", FORMATS)
def test_adjacent_floats_differ_by_one(name: str) -> None:
    numbers = np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 3.0], DTYPES[name])
    bits = np.dtype(f"u{numbers.itemsize}")
    above = np.array([n - 1 if n >> (8 * bits.itemsize - 1) else n + 1 for n in numbers.view(bits)], bits)
    assert delta.subtract(above.view(numbers.dtype), numbers, name).tolist() == [1] * 6  # type: ignore[union-attr]


def test_every_flipped_bit_of_file_or_base_is_an_error() -> None:
    old = np.array([90, -80, 70, -60, 50, -40, 30], np.int32)
    base = frformat.save({"w": CodedTensor(old, (7,), "f32", step=-32)})
    data = frformat.save({"w": CodedTensor(old + np.arange(7, dtype=np.int32) % 2, (7,), "f32", step=-32)}, base=base)
    assert frformat.open(data).container.directory.groups[0].delta
    for whole, other, kind in ((data, base, "file"), (base, data, "base")):
        for at in range(len(whole)):
            for bit in range(8):
                damaged = bytearray(whole)
                damaged[at] ^= 1 << bit
                with pytest.raises(FrzError) as caught:
                    loaded(*((bytes(damaged), other) if kind == "file" else (other, bytes(damaged))))
                assert kind == "file" or caught.value.code == "BASE"


def test_a_missing_or_wrong_base_is_reported_before_decoding(tmp_path: Path) -> None:
    base = frformat.save(OLD)
    data = frformat.save(NEW, base=base)
    with frformat.open(data) as file:
        assert set(file) == set(NEW)
        assert file["n"] == 8
        for ask in (file.load, file.verify, lambda: file["w"], lambda: file.stored("w")):
            with pytest.raises(
                FrzError, match=r"BASE: this is a delta file: also give its base, the file with the SHA-256"
            ):
                ask()
    (tmp_path / "other.frz").write_bytes(frformat.save(NEW))
    (tmp_path / "bad.frz").write_bytes(b"no file")
    for name in ("other.frz", "bad.frz"):
        with pytest.raises(FrzError, match=r"^BASE: the base ") as caught:
            frformat.open(data, base=tmp_path / name)
        assert caught.value.code == "BASE"
    with pytest.raises(OSError, match=r"none\.frz"):
        frformat.open(data, base=tmp_path / "none.frz")
    with frformat.open(frformat.save(OLD), base=tmp_path / "none.frz") as file:
        assert_same(file.load(), OLD)


def test_only_a_base_that_was_already_open_stays_open(tmp_path: Path) -> None:
    base = frformat.save(OLD)
    data = frformat.save(NEW, base=base)
    source = io.BytesIO(base)
    with frformat.open(data, base=source):
        pass
    assert source.closed
    with frformat.open(base) as held:
        with frformat.open(data, base=held) as file:
            assert_same(file.load(), NEW)
        assert_same(held.load(), OLD)


def test_a_base_is_closed_if_opening_fails_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    base = frformat.save(OLD)
    data = frformat.save(NEW, base=base)

    def fail(*args: Any) -> Contents:
        if args[-1] is not None:
            raise MemoryError
        return Contents(*args)

    monkeypatch.setattr(reader, "Contents", fail)
    source = io.BytesIO(base)
    with pytest.raises(MemoryError):
        frformat.open(data, base=source)
    assert source.closed


def test_files_that_cannot_be_a_base_are_refused() -> None:
    tiers = frformat.save({"s": Spectrum(np.arange(9, dtype=np.float32), (5, 5))}, tiers=[3])
    nested = frformat.save(NEW, base=frformat.save(OLD))
    for base in (tiers, nested):
        with pytest.raises(EncodeError, match="a base must have one tier and must not be a delta file"):
            frformat.save(NEW, base=base)
    with pytest.raises(EncodeError, match="a delta file has one tier"):
        frformat.save(NEW, base=frformat.save(OLD), tiers=[0.5])


@pytest.mark.parametrize("opened", [False, True])
def test_a_delta_file_does_not_replace_its_base(tmp_path: Path, opened: bool) -> None:
    path, link = tmp_path / "a.frz", tmp_path / "link.frz"
    frformat.save_file({"a": np.ones(9, "f4")}, path)
    link.symlink_to(path)
    with frformat.open(path) as file, pytest.raises(EncodeError, match="cannot replace its base"):
        frformat.save_file({"a": np.ones(9, "f4")}, link, base=file if opened else path)
    assert np.array_equal(frformat.load_file(path)["a"], np.ones(9))
    assert sorted(os.listdir(tmp_path)) == ["a.frz", "link.frz"]


def test_damage_of_a_base_is_not_blamed_on_the_delta_file(tmp_path: Path) -> None:
    large = {"w": RNG.normal(size=7000).astype(np.float32)}
    path = tmp_path / "base.frz"
    frformat.save_file(large, path)
    data = frformat.save(large, base=path)
    base = io.BytesIO(path.read_bytes())
    with frformat.open(data, base=base) as file:
        base.seek(0)
        base.write(bytes(path.stat().st_size))
        with pytest.raises(FrzError, match="CHECKSUM: in the base: a segment is damaged"):
            file["w"]


def test_excess_memory_is_refused_before_allocation() -> None:
    large = {"w": RNG.normal(size=70_000).astype(np.float32)}
    base = frformat.save(large)
    data = frformat.save(large, base=base)
    with frformat.open(data, base=base, memory_budget=700_000) as file, pytest.raises(FrzError, match="BUDGET"):
        file["w"]
    assert_same(frformat.load(data, base=base, memory_budget=9_000_000), large)


def test_reading_tensors_one_by_one_takes_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    old = {str(i): np.full(3, i, np.float32) for i in range(200)}
    new = {name: array + 1 for name, array in old.items()}
    found: list[str] = []
    find = Contents._find

    def counted(self: Contents, name: str) -> tuple[int, int]:
        found.append(name)
        return find(self, name)

    with frformat.open(frformat.save(new, base=frformat.save(old)), base=frformat.save(old)) as file:
        monkeypatch.setattr(Contents, "_find", counted)
        for name, array in new.items():
            assert (file[name] == array).all()
    assert len(found) <= 10 * len(new)
