"""Options of ``save`` that are not valid are refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import frformat
from frformat import EncodeError, Spectrum


@pytest.mark.parametrize("options", [{"format": {"wieght": "q8"}}, {"tiers": {"wieght": [3]}}])
def test_options_for_a_tensor_that_is_not_in_the_file_are_refused(options: dict[str, Any]) -> None:
    spectrum = Spectrum.of(np.eye(4, dtype="f4"), 9)
    with pytest.raises(EncodeError, match="no tensor of the file is called 'wieght'"):
        frformat.save({"weight": spectrum}, **options)
    renamed = {option: {"tied": value["wieght"]} for option, value in options.items()}
    assert frformat.load(frformat.save({"weight": spectrum, "tied": spectrum}, **renamed)).keys() == {"weight", "tied"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metadata": "MIT"}, "metadata must be a mapping of strings, not 'MIT'"),
        ({"metadata": ["license"]}, "metadata must be a mapping"),
        ({"aliases": "xy"}, "aliases must be a mapping"),
        ({"format": 8}, "format must be a string"),
        ({"format": ["q8"]}, "format must be a string"),
        ({"format": {"x": 8}}, "a format must be a string, not 8"),
        ({"tiers": 3}, "tiers 3: must be a sequence"),
        ({"tiers": "50%"}, "tiers '50%': must be a sequence"),
        ({"tiers": ["50%"]}, "tier '50%' is neither"),
        ({"tiers": {"x": 3}}, "tiers 3: must be a sequence"),
        ({"compression": None}, "compression None is not one of"),
    ],
)
def test_options_of_a_wrong_type_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(EncodeError, match=re.escape(message)):
        frformat.save({"x": Spectrum.of(np.eye(4, dtype="f4"), 9)}, **options)
