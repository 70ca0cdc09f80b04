"""Numbers in sentences."""

from __future__ import annotations

from frformat.wording import are, count, listed


def test_verbs_agree_with_numbers():
    assert [count(number, "tensor") for number in (0, 1, 1234)] == ["0 tensors", "1 tensor", "1,234 tensors"]
    assert [count(number, "process", "processes") for number in (1, 2)] == ["1 process", "2 processes"]
    assert count(1234) == "1,234"
    assert [are(number) for number in (0, 1, 2)] == ["are", "is", "are"]


def test_long_lists_are_shortened():
    assert listed([], 2) == ""
    assert listed(["a", "b"], 2) == "a, b"
    assert listed(list("abcd"), 2) == "a, b and 2 more"
    assert listed(["a"] * 1235, 1) == "a and 1,234 more"
