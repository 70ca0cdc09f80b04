"""Numbers in messages, and sizes and amounts that users enter."""

from __future__ import annotations

import pytest

from frformat.wording import are, count, in_one_line, listed, metric_text, parse_amount, parse_size, similar


def test_verbs_agree_with_numbers():
    assert [count(number, "tensor") for number in (0, 1, 1234)] == ["0 tensors", "1 tensor", "1,234 tensors"]
    assert [count(number, "process", "processes") for number in (1, 2)] == ["1 process", "2 processes"]
    assert count(1234) == "1,234"
    assert [are(number) for number in (0, 1, 2)] == ["are", "is", "are"]


def test_metrics_are_short_at_any_magnitude():
    values = [0.0, 0.97654, -1.0, 12345.6, 2e25, -3e-30, 4e-5, float("nan"), float("-inf")]
    texts = ["0.0000", "0.9765", "-1.0000", "12345.6000", "2e+25", "-3e-30", "4e-05", "nan", "-inf"]
    assert [metric_text(value) for value in values] == texts


def test_lines_are_joined_with_punctuation():
    assert in_one_line("it does not fit:\n  a: wrong\n\n  b  is missing\n") == "it does not fit: a: wrong; b is missing"
    assert in_one_line("One sentence.\nAnother one, \n which goes on") == "One sentence. Another one, which goes on"
    assert in_one_line("") == ""


def test_long_lists_are_shortened():
    assert listed([], 2) == ""
    assert listed(["a", "b"], 2) == "a, b"
    assert listed(list("abcd"), 2) == "a, b and 2 more"
    assert listed(["a"] * 1235, 1) == "a and 1,234 more"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("900", 900), (900, 900), (" 1.5kB ", 1500), ("2 MB", 2_000_000), ("1.5KiB", 1536), (".5kB", 500), ("1.", 1),
        ("7B", 7), ("8GiB", 8 << 30), ("4.1kB", 4100), ("9007199254740993", 2**53 + 1), ("9" * 20, 10**20 - 1),
    ],
)  # fmt: skip
def test_sizes_are_exact(text: str | int, size: int):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "", "kB", "-3", "0", "0.2B", "1e3", "1.5K", "1.5kb", "10KB", "1PB", "0x10", "1,000", "1_000", "inf", "nan",
        "\u0663", "1kB\0", "1\u00a0kB2", "9" * 21, pytest.param("9" * 5000, id="digits"),
    ],
)  # fmt: skip
def test_other_texts_are_not_sizes(text: str):
    with pytest.raises(ValueError, match=r": must be a number of bytes, such as 900, 1\.5kB, 2MB or 1\.5KiB$"):
        parse_size(text)


def test_amounts_are_numbers_or_shares():
    found = [parse_amount(text) for text in ("100", " 7 ", "0", "25%", ".5%", "100%", "0.%")]
    assert found == [100, 7, 0, 0.25, 0.005, 1.0, 0.0]
    assert [type(amount) for amount in found] == [int, int, int, float, float, float, float]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%",
        ".%",
        "-1",
        "-1%",
        "101%",
        "nan%",
        "inf%",
        "1e3",
        "0.5",
        "many",
        "\u0663",
        pytest.param("9" * 5000, id="digits"),
        "9" * 30 + "%",
    ],
)
def test_other_texts_are_not_amounts(text: str):
    with pytest.raises(ValueError, match=r"is neither a number of coefficients such as 100 nor a share such as 25%$"):
        parse_amount(text)


def test_the_most_similar_name_is_found_only_if_one_is_similar():
    names = ["conv1.weight", "conv1.bias", "fc.weight"]
    assert similar("conv1.wieght", names) == "conv1.weight"
    assert similar("decoder", names) is None
    assert similar("x" * 300, ["x" * 300]) is None  # too long to compare
