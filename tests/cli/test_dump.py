"""``frformat dump FILE``: the file at a glance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import frformat as frz
from frformat import PerTier, Spectrum
from frformat.cli.dump import survey
from frformat.cli.dump.listing import compared
from tests.cli.command import frformat, refused
from tests.cli.models import METADATA, NASTY, TENSORS, damaged, segment_offset, tier_ends, write_cores, write_model

TENSOR_KEYS = [
    "name", "factor", "alias_of", "kind", "dtype", "shape", "view", "bases", "factors", "seeds", "kept", "corners",
    "box", "per_tier", "numbers", "format", "step", "offsets", "coder", "group", "bytes", "bytes_exact",
    "bits_per_parameter", "nonzero",
]  # fmt: skip

METRICS = {"accuracy": "0.9812", "digits": "9" * 5000, "e\x1b[31m": "\u202e1", "multiply_adds": "1234567"}


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (81111.1, "81,111× smaller than x"),
        (1.074, "1.07× smaller than x"),
        (1.0004, "as large as x"),
        (0.719, "1.39× larger than x"),
    ],
)
def test_a_size_is_smaller_or_larger(ratio: float, said: str):
    assert compared(ratio, "x") == said


def test_the_listing_describes_the_contents(model: Path):
    out = frformat("dump", model).out
    size = model.stat().st_size
    ratio = f"{4 * 37670 / size:.0f}× smaller than dense f32"
    assert out.startswith(f"{model}: {size:,} bytes for 37,670 weights, {ratio}\n")
    assert " segments match" in out
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert lines["conv.weight"][1:8] == ["64×32×3×3", "dct", "4×4×3×3", "5", "12", "33", "f16"]
    assert lines["fc.weight"][1:5] == ["10×80", "10×5×4×4", "dct", "3×3×4×4"]
    assert lines["tied"][1:] == ["→", "conv.weight", "64×32×3×3"]
    assert lines["in"][:3] == ["in", "all", "37,670"]
    exact, shared = lines["steps"][-2], lines["conv.weight"][-2]
    assert exact.isdecimal()
    assert shared.startswith("≈")


def test_untrusted_text_is_escaped(model: Path):
    out = frformat("dump", model).out
    assert r"n\x1b[31m: two\nlines \u202e[bold]x[/bold]" in out
    assert r"w\u202e[bold]ß名前" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert out.isascii() or all(char.isprintable() or char == "\n" for char in out)


def test_shared_properties_are_printed_once(tmp_path: Path):
    tensors = {f"w{i}": Spectrum(np.ones(3, np.float32), (4, 4)) for i in range(3)}
    frz.save_file(tensors, tmp_path / "x.frz", format="f16")
    out = frformat("dump", tmp_path / "x.frz").out
    assert "each tensor  bases dct, values f16, dtype f32, coder " in out
    assert out.count("f16") == 2  # once in this line, and once in the group's line
    assert "tier" not in out


def test_json(model: Path):
    outcome = frformat("dump", model, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found = outcome.json
    assert found["file"] == str(model)
    assert found["bytes"] == found["bytes_used"] == model.stat().st_size
    assert found["weights"] == 64 * 32 * 9 * 2 + 800 + 3 + 1 + 2
    assert found["dense_f32_bytes"] == 4 * found["weights"]
    assert found["ratio"] == pytest.approx(found["dense_f32_bytes"] / found["bytes"])
    assert found["numbers"] == 33 + 33 + 20 + 3 + 1 + 2
    assert found["metadata"] == METADATA
    assert found["error"] is None
    assert found["checksums"]["segments"] == "ok"
    assert [tier["end"] for tier in found["tiers"]] == list(tier_ends(model))
    assert [tensor["name"] for tensor in found["tensors"]].count("tied") == 1
    assert {tensor["name"] for tensor in found["tensors"]} == {*TENSORS, "tied"}
    assert all(list(tensor) == TENSOR_KEYS for tensor in found["tensors"])
    conv = next(tensor for tensor in found["tensors"] if tensor["name"] == "conv.weight")
    assert conv["shape"] == [64, 32, 3, 3]
    assert conv["kept"] == [5, 12, 33]
    assert (conv["kind"], conv["bases"], conv["numbers"]) == ("spectrum", ["dct"] * 4, 33)
    assert conv["bytes_exact"] is False
    assert conv["nonzero"] is None


def test_per_tier_tensors_are_marked(tmp_path: Path):
    means = [np.full(5, tier, np.float32) for tier in range(2)]
    tensors = {"w": Spectrum(np.ones(3), (4, 4)), "mean": PerTier(means)}
    frz.save_file(tensors, tmp_path / "x.frz", tiers=[1], aliases={"tied": "mean"})
    out = frformat("dump", tmp_path / "x.frz").out
    assert " bytes for 21 weights, " in out
    assert "2, 1 alias, 84 bytes as dense f32" in out
    assert "separate in each" in out
    found = frformat("dump", tmp_path / "x.frz", "--json").json
    assert {tensor["name"]: tensor["per_tier"] for tensor in found["tensors"]} == {
        "w": False, "mean": True, "tied": True,
    }  # fmt: skip
    assert found["weights"] == 21
    assert "per tier: separate in each" in frformat("dump", tmp_path / "x.frz", "mean").out


def test_corners_of_per_tier_tensors_are_listed(tmp_path: Path):
    biases = PerTier([np.ones(2, np.float32), np.full(5, 2, np.float32)])
    frz.save_file({"bias": biases, "w": np.ones((5, 1), np.float32)}, tmp_path / "x.frz", tiers={"w": [(2, 1)]})
    out = frformat("dump", tmp_path / "x.frz").out
    assert "separate in each: 2 5" in out
    assert "2×1 5×1" in out
    found = {each["name"]: each for each in frformat("dump", tmp_path / "x.frz", "--json").json["tensors"]}
    assert (found["bias"]["corners"], found["bias"]["per_tier"], found["bias"]["numbers"]) == ([[2], [5]], True, 5)
    assert (found["w"]["corners"], found["w"]["per_tier"]) == ([[2, 1], [5, 1]], False)


def test_cores_factors_and_seeds_are_listed(tmp_path: Path):
    path = write_cores(tmp_path / "x.frz")
    out = frformat("dump", path, "--stats").out
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert "3, 1 factor, " in out
    assert lines["core"][1:8] == ["8×9×3", "stored", "seeded", "identity", "6×4×3", "48", "step"]
    assert lines["channels"][1:4] == ["5×2", "3×2", "6"]
    factor = out.splitlines()[next(i for i, line in enumerate(out.splitlines()) if line.startswith("factor")) + 2]
    assert factor.split()[:3] == ["0", "6×8", "6"]
    assert "offsets on axis 0" in factor
    found = frformat("dump", path, "--json").json
    told = {tensor["name"]: tensor for tensor in found["tensors"]}
    assert told["core"]["bases"] == ["stored", "seeded", "identity"]
    assert (told["core"]["factors"], told["core"]["seeds"]) == ([0], [7])
    assert (told["core"]["kind"], told["channels"]["kind"], told["plain"]["kind"]) == ("computed", "plain", "plain")
    assert told["core"]["corners"] == [[6, 4, 3]]
    assert [(factor["factor"], factor["name"], factor["shape"]) for factor in found["factors"]] == [(0, "", [6, 8])]
    assert [group["factors"] for group in found["groups"]].count(True) == 1


def test_nonzero_values_are_counted(tmp_path: Path):
    path = write_cores(tmp_path / "x.frz")
    found = frformat("dump", path, "--stats", "--json").json
    assert {tensor["name"]: tensor["nonzero"] for tensor in found["tensors"]} == {
        "core": 48, "channels": 6, "plain": 4,
    }  # fmt: skip
    assert [factor["nonzero"] for factor in found["factors"]] == [6]
    assert "--stats applies only to the listing" in refused("dump", path, "plain", "--stats")


@pytest.mark.parametrize("tier", [0, 1, 2])
def test_bytes_add_up(model: Path, tier: int):
    found = frformat("dump", model, "--json", "--tier", str(tier)).json
    assert found["bytes_used"] == tier_ends(model)[tier]
    assert found["directory"]["framed"] + sum(group["bytes"] for group in found["groups"]) == found["bytes_used"]
    for group in found["groups"]:
        assert sum(group["bytes_per_tier"]) == group["bytes"]
        tensors = [tensor for tensor in found["tensors"] if tensor["group"] == group["group"]]
        assert all(tensor["bytes"] == 0 for tensor in tensors if tensor["alias_of"])
        shares = [tensor["bytes"] for tensor in tensors]
        assert sum(shares) == pytest.approx(group["bytes"], abs=len(shares))


def test_a_smaller_tier(model: Path):
    out = frformat("dump", model, "--tier", "0").out
    assert f"{tier_ends(model)[0]:,} of {model.stat().st_size:,} bytes" in out
    rows = [line.split() for line in out.splitlines()]
    ends = [f"{end:,}" for end in tier_ends(model)]
    assert ["0", "21", ends[0], "←"] in rows
    assert refused("dump", model, "--tier", "3").startswith(f"{model}: TIER: ")


def test_metrics_of_tiers_are_shown_in_a_table(tmp_path: Path):
    metrics = {f"tiers.{name}": " ".join([text] * 3) for name, text in METRICS.items()}
    path = write_model(tmp_path / "x.frz", metadata={**METADATA, **metrics, "tiers.a": "b c"})
    out = frformat("dump", path).out
    rows = [line.split() for line in out.splitlines()]
    assert ["tier", "values", "ends", "at", "byte", "accuracy", "digits", r"e\x1b[31m", "multiply_adds"] in rows
    assert ["1", "42", f"{tier_ends(path)[1]:,}", "0.9812", "9" * 5000, r"\u202e1", "1,234,567"] in rows
    assert "tiers.a: b c" in out
    found = frformat("dump", path, "--json").json
    assert [tier["metrics"] for tier in found["tiers"]] == [METRICS] * 3
    assert found["metadata"]["tiers.accuracy"] == "0.9812 0.9812 0.9812"


def test_a_file_cut_after_a_tier(model: Path):
    model.write_bytes(model.read_bytes()[: tier_ends(model)[1]])
    out = frformat("dump", model).out
    assert "absent: the file was cut before it" in out
    assert " 5 12 (33) " in out
    assert frformat("dump", model, "--json").json["tiers"][2]["present"] is False


def test_many_tiers_fit_on_one_line(tmp_path: Path):
    path = write_model(tmp_path / "x.frz", tiers=list(range(1, 21)))
    assert " 1 2 3 … 33 " in frformat("dump", path).out


def test_a_file_without_tensors(tmp_path: Path):
    frz.save_file({}, tmp_path / "x.frz")
    outcome = frformat("dump", tmp_path / "x.frz")
    assert outcome.code == 0
    assert "for 0 weights\n" in outcome.out
    assert frformat("dump", tmp_path / "x.frz", "--json").json["tensors"] == []


def test_a_damaged_segment_is_reported_after_the_listing(model: Path):
    path = damaged(model, segment_offset(model) + 1)
    outcome = frformat("dump", path)
    assert outcome.code == 2
    assert "DAMAGE in " in outcome.out
    assert "conv.weight" in outcome.out
    assert outcome.err == (
        f"frformat: {path}: CHECKSUM: a segment is damaged: get the file again (byte {segment_offset(model)})\n"
    )
    as_json = frformat("dump", path, "--json")
    assert (as_json.code, as_json.err) == (2, "")
    assert as_json.json["error"]["code"] == "CHECKSUM"
    assert as_json.json["error"]["file"] == str(path)
    assert as_json.json["checksums"]["segments"] == "damaged"


def test_a_large_file_is_not_read_completely(model: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(survey, "CHECKED_BYTES", 10)
    path = damaged(model, segment_offset(model) + 1)
    outcome = frformat("dump", path)
    assert outcome.code == 0
    assert "not read; check them with `frformat verify`" in outcome.out


@pytest.mark.parametrize("offset", [0, 4, 5, 7, 20])
def test_a_damaged_directory_is_not_listed(model: Path, offset: int):
    path = damaged(model, offset)
    assert refused("dump", path).startswith(f"{path}: ")
    outcome = frformat("dump", path, "--json")
    assert set(outcome.json) == {"error"}
    assert outcome.json["error"]["file"] == str(path)


def test_a_truncated_file(model: Path):
    model.write_bytes(model.read_bytes()[:-1])
    assert "TRUNCATED: the file ends within a tier" in refused("dump", model)


def test_boxes_of_many_tensors_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_model(tmp_path / "x.frz")
    monkeypatch.setattr(survey, "BOX_EFFORT", 32)
    found = frformat("dump", path, "--json").json
    boxes = {tensor["name"]: tensor["box"] for tensor in found["tensors"]}
    assert (boxes["conv.weight"], boxes["conv2.weight"], boxes["fc.weight"]) == ([4, 4, 3, 3], [4, 4, 3, 3], None)
    assert frformat("dump", path).code == 0


@pytest.mark.parametrize(
    "args", [["conv.weight", "--plot", "x.png"], ["conv.weight", "--bytes"], ["--plot", "x.png", "--bytes"]]
)
def test_views_of_a_file_are_mutually_exclusive(model: Path, args: list[str]):
    assert "mutually exclusive" in refused("dump", model, *args)


def test_bytes_excludes_tier(model: Path):
    assert "omit --tier" in refused("dump", model, "--bytes", "--tier", "0")


def test_json_contains_unescaped_names(model: Path):
    assert NASTY in {tensor["name"] for tensor in frformat("dump", model, "--json").json["tensors"]}
