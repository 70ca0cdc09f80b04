"""Tiers that differ between tensors, and the metrics of tiers in metadata."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import frformat
from frformat import EncodeError, FrzError, PerTier, Spectrum
from frformat.format.tiers import as_metadata, metrics, without_metrics
from tests import strategies
from tests.format.test_writer import same_coded


@given(
    st.dictionaries(st.text(), st.text()),
    st.text(min_size=1),
    st.lists(st.text(st.characters(exclude_characters=" ")), min_size=1),
)
def test_metadata_consists_of_metrics_and_other_entries(others, name, texts):
    metadata = {**others, f"tiers.{name}": " ".join(texts)}
    each = metrics(metadata, len(texts))
    assert [found[name] for found in each] == texts
    assert {**as_metadata(each), **without_metrics(metadata, len(texts))} == metadata
    assert not as_metadata(each).keys() & without_metrics(metadata, len(texts)).keys()


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
def test_other_entries_are_not_metrics(key, text):
    assert without_metrics({key: text}, 2) == {key: text}
    assert metrics({key: text}, 2) == [{}, {}]


@pytest.mark.parametrize(
    ("tiers", "kept"),
    [
        ({"a": [1, 4], "b": [0.5, 0.75]}, {"a": (1, 4, 9), "b": (3, 5, 6)}),
        ({"a": [2]}, {"a": (2, 9), "b": (6, 6)}),
        ({}, {"a": (9,), "b": (6,)}),
    ],
)
def test_each_spectrum_can_have_its_own_cuts(tiers, kept):
    tensors = {"a": Spectrum(np.arange(9), (3, 4)), "b": Spectrum(np.arange(6), (2, 3))}
    with frformat.open(frformat.save(tensors, tiers=tiers)) as file:
        assert {name: file.info(name).kept for name in file} == kept


@pytest.mark.parametrize(
    ("tiers", "message"),
    [({"a": [1], "b": [1, 2]}, "1 for one tensor and 2 for another"), ({"a": [-1]}, "tier -1 is neither")],
)
def test_impossible_cuts(tiers, message):
    with pytest.raises(EncodeError, match=message):
        frformat.save({"a": Spectrum([1.0], (3, 4))}, tiers=tiers)


@st.composite
def models(draw):
    """Draw a number of tiers, and tensors of all kinds, some of which differ from tier to tier."""
    tiers = draw(st.integers(2, 4))
    tensors = draw(strategies.tensors())
    names = draw(st.lists(strategies.names.filter(lambda name: name not in tensors), max_size=4, unique=True))
    return tiers, tensors, {name: draw(strategies.per_tier(tiers)) for name in names}


@given(models(), st.randoms(), st.sampled_from(["auto", "none", "core"]))
def test_each_tier_reads_its_own_values(model, chance, compression):
    tiers, tensors, own = model
    cut = {name for name, tensor in tensors.items() if strategies.can_be_cut(tensor)}
    assume(cut or own)
    order = [*tensors, *own]
    chance.shuffle(order)
    cuts = sorted(chance.choices([0.1, 0.4, 0.7], k=tiers - 1))
    data = frformat.save(
        {name: (tensors | own)[name] for name in order},
        aliases={f"{name}@alias": name for name in own},
        tiers={name: [*[1 << 62] * (tiers - 1)] if name in own else cuts for name in order if name in cut | own.keys()},
        compression=compression,
    )
    with frformat.open(data) as file:
        ends = file.container.ends
        assert {name for name in file if file.info(name).per_tier} == own.keys() | {f"{name}@alias" for name in own}
        for tier in range(tiers):
            for name, each in own.items():
                assert same_coded(file.stored(name, tier=tier), each.tensors[tier])
    for tier in range(tiers):
        for source in (data, data[: ends[tier]]):
            with frformat.open(source, tier=tier) as file:
                file.verify()
                loaded = file.load()
                for name, each in own.items():
                    expected = each.tensors[tier].rebuild()
                    for array in (file[name], loaded[name], loaded[f"{name}@alias"]):
                        assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
                        assert array.tobytes() == expected.tobytes()
                assert loaded.keys() == set(file)


SPECTRUM = Spectrum(np.arange(9), (3, 4))


def test_one_object_is_stored_once():
    mean = PerTier([np.zeros(3, np.float32), np.ones(3, np.float32)])
    with frformat.open(frformat.save({"w": SPECTRUM, "a": mean, "b": mean}, tiers=[2])) as file:
        assert file.aliases == {"b": "a"}
        assert file["b"].tolist() == [1, 1, 1]


def test_the_budget_counts_one_tier():
    each = [np.full(1 << 17, tier, np.float32) for tier in range(4)]
    data = frformat.save({"w": SPECTRUM, "m": PerTier(each)}, tiers=[1, 2, 3], compression="none")
    for tier in range(4):
        with frformat.open(data, tier=tier, memory_budget=3 * each[0].nbytes) as file:
            assert (file["m"] == tier).all()


def test_values_of_other_tiers_are_not_read():
    data = frformat.save({"w": SPECTRUM, "m": PerTier([np.zeros(1 << 17), np.ones(1 << 17)])}, tiers=[2])
    with frformat.open(data) as file:
        places = [file.container.extents.of(file.info("m").group, tier).offset for tier in range(2)]
    for tier, place in enumerate(places):
        damaged = bytearray(data)
        damaged[place] ^= 1
        assert (frformat.load(bytes(damaged), tier=1 - tier)["m"] == 1 - tier).all()
        with pytest.raises(FrzError, match="CHECKSUM"):
            frformat.load(bytes(damaged), tier=tier)
        with frformat.open(bytes(damaged)) as file, pytest.raises(FrzError, match="CHECKSUM"):
            file.verify()
