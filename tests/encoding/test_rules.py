from __future__ import annotations

import numpy as np
import pytest

from frformat import EncodeError
from frformat.encoding import Energy, Keep, MaxError, Policy, Rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a: raw", Rule("a", raw=True)),
        (
            "fc1.weight: keep=300 view=500,50,4,4 format=q8",
            Rule("fc1.weight", False, False, Keep(300), (500, 50, 4, 4), "q8"),
        ),
        ("*: keep=2.5%", Rule("*", selection=Keep(0.025))),
        ("*.weight:energy=0.999", Rule("*.weight", selection=Energy(0.999))),
        ("*: energy=99.9%", Rule("*", selection=Energy(99.9 / 100))),
        ("a: max-error=1e-3 spectral", Rule("a", spectral=True, selection=MaxError(0.001))),
        ("kernel:0: format=step=0.1875", Rule("kernel:0", format="step=0.1875")),
        ("a: view=6", Rule("a", view=(6,))),
    ],
)
def test_rules_are_parsed(text: str, rule: Rule):
    assert Rule.parse(text) == rule


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("keep=3", "is not of the form 'PATTERN: WORDS'"),
        (": keep=3", "is not of the form"),
        ("a:", "is not of the form"),
        ("a: kept=3", "'kept=3' is not one of raw, spectral, keep=N"),
        ("a: raw=1", "'raw=1' is not one of"),
        ("a: keep", "keep='' is neither a number of coefficients"),
        ("a: keep=0", "keep='0' must be above 0"),
        ("a: keep=-1", "keep='-1' is neither"),
        ("a: keep=0%", "keep='0%' must be above 0"),
        ("a: keep=150%", "keep='150%' is neither"),
        ("a: energy=2", r"energy=2 is not a share such as 0.999 or 99.9%, above 0 and at most 1"),
        ("a: energy=nan", "energy=nan is not a share"),
        ("a: max-error=x", "max-error=x is not a share"),
        ("a: keep=3 energy=0.5", "keep, energy and max-error are mutually exclusive"),
        ("a: raw keep=3", "raw excludes all other words"),
        ("a: view=3 raw", "raw excludes all other words"),
        ("a: view=3x4", "view=3x4 is not a shape such as 500,50,4,4"),
        ("a: view=", "view= is not a shape"),
        ("a: view=1,1,1,1,1,1,1,2,3", "view=1,1,1,1,1,1,1,2,3 has more than 8 axes"),
        (f"a: view={'9' * 5000}", "is not a shape"),
        (f"a: keep={'9' * 5000}", "is neither a number"),
        (f"a: format=q{'9' * 5000}", "is not one of auto"),
        ("a: format=q1", "format 'q1' is not one of auto, f32"),
        ("a: format=step=0", "format 'step=0': a step must be a positive number"),
    ],
)
def test_mistakes_are_reported_with_the_rule(text: str, reason: str):
    with pytest.raises(EncodeError, match=reason) as caught:
        Rule.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("fc1.weight", "fc1.weight", True),
        ("*.weight", "a.b.weight", True),
        ("conv[12].*", "conv2.bias", True),
        ("conv?.bias", "Conv1.bias", False),
        ("weight", "fc1.weight", False),
    ],
)
def test_patterns_match_whole_names_as_in_shells(pattern: str, name: str, matches: bool):
    assert Rule(pattern).matches(name) is matches


@pytest.mark.parametrize(
    "make",
    [
        lambda: Keep(0),
        lambda: Keep(-5),
        lambda: Keep(1.5),
        lambda: Keep(float("nan")),
        lambda: Keep(True),
        lambda: Keep(np.int64(5)),
        lambda: Energy(99.9),
        lambda: Energy(0),
        lambda: MaxError(-0.1),
        lambda: MaxError(float("nan")),
    ],
)
def test_selections_that_make_no_sense_are_refused(make):
    with pytest.raises(EncodeError, match=r"is neither a number of coefficients|is not a share"):
        make()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Policy(["fc: keep=3"]), r"'fc: keep=3' is not a Rule; Rule\.parse returns one"),
        (lambda: Policy("fc: keep=3"), "is not a Rule"),
        (lambda: Policy(default=Rule(raw=True)), "sets only selection and format"),
        (lambda: Policy(default=Rule(view=(4, 4), selection=Keep(3))), "sets only selection and format"),
        (lambda: Policy(default=Rule("fc.*", selection=Keep(3))), "sets only selection and format"),
    ],
)
def test_policies_with_words_that_would_be_ignored_are_refused(make, reason):
    with pytest.raises(EncodeError, match=reason):
        make()
