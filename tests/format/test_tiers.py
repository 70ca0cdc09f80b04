"""Tiers of each tensor's own, and what files tell of tiers by convention."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import frformat
from frformat import EncodeError, FrzError, Spectrum
from frformat.format.tiers import OF_TIERS, as_metadata, figures, without_figures
from tests import strategies


@given(
    st.dictionaries(st.text(), st.text()),
    st.text(min_size=1),
    st.lists(st.text(st.characters(exclude_characters=" ")), min_size=1),
)
def test_figures_and_other_metadata_are_all_there_is(others, name, texts):
    metadata = {**others, f"tiers.{name}": " ".join(texts)}
    each = figures(metadata, len(texts))
    assert [found[name] for found in each] == texts
    assert {**as_metadata(each), **without_figures(metadata, len(texts))} == metadata
    assert not as_metadata(each).keys() & without_figures(metadata, len(texts)).keys()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("tiers.", "1 2"),
        ("tiers", "1 2"),
        ("Tiers.a", "1 2"),
        ("xtiers.a", "1 2"),
        ("tiers.a", "1"),
        ("tiers.a", "1 2 3"),
    ],
)
def test_what_is_no_figure(key, text):
    assert without_figures({key: text}, 2) == {key: text}
    assert figures({key: text}, 2) == [{}, {}]


@pytest.mark.parametrize(
    ("tiers", "kept"),
    [
        ({"a": [1, 4], "b": [0.5, 0.75]}, {"a": (1, 4, 9), "b": (3, 5, 6)}),
        ({"a": [2]}, {"a": (2, 9), "b": (6, 6)}),
        ({}, {"a": (9,), "b": (6,)}),
    ],
)
def test_each_spectrum_may_have_cuts_of_its_own(tiers, kept):
    tensors = {"a": Spectrum(np.arange(9), (3, 4)), "b": Spectrum(np.arange(6), (2, 3))}
    with frformat.open(frformat.save(tensors, tiers=tiers)) as file:
        assert {name: file.info(name).kept for name in file} == kept


@pytest.mark.parametrize(
    ("tiers", "message"),
    [({"a": [1], "b": [1, 2]}, "1 for one tensor and 2 for another"), ({"a": [-1]}, "tier -1 is neither")],
)
def test_cuts_that_cannot_be(tiers, message):
    with pytest.raises(EncodeError, match=message):
        frformat.save({"a": Spectrum([1.0], (3, 4))}, tiers=tiers)


@st.composite
def models(draw):
    """How many tiers, which spectra, what each tier has of raw tensors, and names of those that are the same in all."""
    names = st.lists(strategies.names.filter(lambda name: OF_TIERS not in name), min_size=1, max_size=5, unique=True)
    known = draw(names)
    tiers = draw(st.integers(2, 4))
    spectra = draw(st.dictionaries(st.sampled_from(known), strategies.spectra()))
    raw = {name: draw(strategies.arrays()) for name in known if name not in spectra}
    same = draw(st.sets(st.sampled_from(known)))
    own = {name: [np.roll(one, 0 if name in same else tier) for tier in range(tiers)] for name, one in raw.items()}
    return tiers, spectra, own, same


@given(models(), st.randoms(), st.booleans())
def test_each_tier_reads_what_it_has(model, chance, tied):
    tiers, spectra, own, same = model
    tensors = spectra | {name: each[-1] for name, each in own.items()}
    tensors |= {name + OF_TIERS: np.stack(each[:-1]) for name, each in own.items() if name not in same}
    order = list(tensors)
    chance.shuffle(order)
    aliases = {f"{name}@alias": name for name in own} if tied else {}
    cuts = sorted(chance.choices([0.1, 0.4, 0.7], k=tiers - 1))
    data = frformat.save({name: tensors[name] for name in order}, aliases=aliases, tiers=cuts)
    for tier in range(tiers):
        found = frformat.load(data, tier=tier)
        assert found.keys() == spectra.keys() | own.keys() | aliases.keys()
        with frformat.open(data, tier=tier) as file:
            assert set(file.rows) == own.keys() - same
            assert found.keys() == set(file.model)
            assert set(file) == set(tensors) | set(aliases)
            for name, each in own.items():
                for array in (found[name], file[name], found[f"{name}@alias"] if tied else found[name]):
                    assert (array.dtype, array.shape) == (each[tier].dtype, each[tier].shape)
                    assert array.tobytes() == each[tier].tobytes()
            for name in file.rows.values():
                assert file[name].tobytes() == tensors[name].tobytes()


SPECTRUM = Spectrum(np.arange(9), (3, 4))


@pytest.mark.parametrize(
    "rows", [np.ones((3, 3), np.float32), np.ones((2, 3)), np.ones(3, np.float32), Spectrum([1.0], (2, 3))]
)
def test_rows_that_do_not_fit_are_another_tensor(rows):
    data = frformat.save({"w": SPECTRUM, "m": np.ones(3, np.float32), "m@tiers": rows}, tiers=[2, 5])
    with frformat.open(data, tier=0) as file:
        assert file.rows == {}
        assert file.model == file.keys()
        assert file["m"].tolist() == [1, 1, 1]
    assert "m@tiers" in frformat.load(data, tier=0)


def test_a_file_of_one_tier_has_no_rows():
    tensors = {"m": np.ones(3, np.float32), "m@tiers": np.ones((0, 3), np.float32)}
    assert frformat.load(frformat.save(tensors)).keys() == tensors.keys()


def test_a_cut_file_reads_the_row_of_its_last_tier():
    rows, whole = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(3, np.float32)
    data = frformat.save({"w": SPECTRUM, "m": whole, "m@tiers": rows}, tiers=[2, 5])
    with frformat.open(data) as file:
        ends = file.container.ends
    for tier, expected in enumerate([*rows, whole]):
        assert frformat.load(data[: ends[tier]])["m"].tolist() == expected.tolist()


def test_one_object_is_stored_once_only_if_it_is_the_same_at_every_tier():
    mean, rows, others = np.ones(3, np.float32), np.zeros((1, 3), np.float32), np.full((1, 3), 2, np.float32)
    tensors = {"w": SPECTRUM, "a": mean, "b": mean, "c": mean, "d": np.ones(3, np.float32)}
    tensors |= {"a@tiers": rows, "b@tiers": rows, "c@tiers": others, "d@tiers": rows}
    data = frformat.save(tensors, tiers=[2])
    with frformat.open(data) as file:
        assert file.aliases == {"b": "a", "b@tiers": "a@tiers"}
    found = frformat.load(data, tier=0)
    assert {name: found[name].tolist() for name in "abcd"} == {"a": [0] * 3, "b": [0] * 3, "c": [2] * 3, "d": [0] * 3}
    assert found.keys() == set("wabcd")


def test_the_budget_counts_the_rows_that_are_read():
    whole, rows = np.ones(1 << 17, np.float32), np.ones((3, 1 << 17), np.float32)  # groups of their own
    data = frformat.save({"w": SPECTRUM, "m": whole, "m@tiers": rows}, tiers=[1, 2, 3])
    needed = whole.nbytes + rows.nbytes
    with frformat.open(data, tier=0, memory_budget=needed) as file:
        assert file["m"].nbytes == whole.nbytes
        with pytest.raises(FrzError, match="BUDGET"):
            file.load()
    with frformat.open(data, tier=0, memory_budget=needed - 1) as file, pytest.raises(FrzError, match="BUDGET"):
        file["m"]
    assert "m" in frformat.load(data, memory_budget=whole.nbytes + (1 << 12))  # whole, without the rows


def test_what_stands_in_is_checked_and_what_it_stands_for_is_not_read():
    data = frformat.save(
        {"w": SPECTRUM, "m": np.ones(1 << 17, np.float32), "m@tiers": np.ones((1, 1 << 17), np.float32)}, tiers=[2]
    )
    with frformat.open(data) as file:
        at = {name: next(e.offset for e in file.container.extents if e.group == file.info(name).group) for name in file}
    for name, tier in (("m", 1), ("m@tiers", 0)):
        damaged = bytearray(data)
        damaged[at[name]] ^= 1
        assert frformat.load(bytes(damaged), tier=1 - tier)["m"].all()
        with pytest.raises(FrzError, match="CHECKSUM"):
            frformat.load(bytes(damaged), tier=tier)
