"""Tiers of each tensor's own, and what files tell of tiers by convention."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import frformat
from frformat import EncodeError, Spectrum
from frformat.tiers import at_tier, figures, names, rows_of, without_figures


@given(st.dictionaries(st.text(), st.text()), st.integers(0, 9), st.text(min_size=1), st.text())
def test_figures_and_other_metadata_are_all_there_is(others, tier, name, text):
    metadata = {**others, f"tier{tier}.{name}": text}
    assert figures(metadata, tier)[name] == text
    told = {f"tier{t}.{key}": value for t in range(1000) for key, value in figures(metadata, t).items()}
    assert {**told, **without_figures(metadata)} == metadata
    assert not told.keys() & without_figures(metadata).keys()


@pytest.mark.parametrize(
    "key", ["tier.a", "tier0", "tier0.", "tier00.a", "tier²0.a", "Tier0.a", "xtier0.a", "tier-1.a"]
)
def test_what_is_no_figure(key):
    assert without_figures({key: "x"}) == {key: "x"}


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


def test_tensors_that_tiers_have_for_themselves():
    whole, rows = np.ones(3, np.float32), np.arange(6, dtype=np.float32).reshape(2, 3)
    spectrum = Spectrum(np.arange(9), (3, 4))
    data = frformat.save({"w": spectrum, "m": whole, "m@tiers": rows, "x@tiers": whole}, tiers=[2, 5])
    for tier, expected in enumerate([*rows, whole]):
        with frformat.open(data, tier=tier) as file:
            assert at_tier(file, "m").tolist() == expected.tolist()
            assert at_tier(file, "w").tolist() == file["w"].tolist()
            assert sorted(names(file)) == ["m", "w", "x@tiers"]


@pytest.mark.parametrize(
    "rows", [np.ones((3, 3), np.float32), np.ones((2, 3)), np.ones(3, np.float32), Spectrum([1.0], (2, 3))]
)
def test_rows_that_do_not_fit_are_another_tensor(rows):
    data = frformat.save(
        {"w": Spectrum(np.arange(9), (3, 4)), "m": np.ones(3, np.float32), "m@tiers": rows}, tiers=[2, 5]
    )
    with frformat.open(data, tier=0) as file:
        assert rows_of(file, "m") is None
        assert "m@tiers" in names(file)
        assert at_tier(file, "m").tolist() == [1, 1, 1]
