from __future__ import annotations

from pathlib import Path

from tests.cli.command import frformat, refused
from tests.cli.models import damaged, segment_offset, tier_ends, write_model


def test_whole_files(model: Path):
    outcome = frformat("verify", model)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"{model}: ok, {model.stat().st_size:,} bytes, 7 tensors, 3 tiers\n"


def test_a_file_cut_after_a_tier(model: Path):
    model.write_bytes(model.read_bytes()[: tier_ends(model)[0]])
    assert frformat("verify", model).out.endswith("7 tensors, 1 tier of 3; the others are cut off\n")


def test_one_bad_file_does_not_hide_others(model: Path, tmp_path: Path):
    bad = damaged(model, segment_offset(model))
    cut = tmp_path / "cut.frz"
    cut.write_bytes(model.read_bytes()[:-3])
    outcome = frformat("verify", bad, model, tmp_path / "none", cut, tmp_path)
    assert outcome.code == 2
    assert outcome.out.startswith(f"{model}: ok, ")
    assert outcome.out.count("\n") == 1
    lines = outcome.err.splitlines()
    for line, (path, code) in zip(
        lines, [(bad, "CHECKSUM"), (tmp_path / "none", "IO"), (cut, "TRUNCATED"), (tmp_path, "IO")], strict=True
    ):
        assert line.startswith(f"frformat: {path}: {code}: ")


def test_json(model: Path):
    bad = damaged(model, segment_offset(model))
    outcome = frformat("verify", "--json", model, bad, "none")
    assert (outcome.code, outcome.err) == (2, "")
    good, damage, none = outcome.json
    assert good == {
        "file": str(model), "ok": True, "bytes": model.stat().st_size, "tensors": 7, "tiers": 3, "tiers_present": 3,
        "rebuilt": False, "error": None,
    }  # fmt: skip
    assert set(damage) == set(none) == set(good)
    assert (damage["ok"], damage["error"]["code"]) == (False, "CHECKSUM")
    assert (none["ok"], none["bytes"], none["error"]["code"]) == (False, None, "IO")
    assert frformat("verify", "--json", model).code == 0


def test_rebuilding_stays_within_the_budget(model: Path):
    assert frformat("verify", "--rebuild", model).code == 0
    assert frformat("verify", "--rebuild", "--json", model).json[0]["rebuilt"] is True
    assert frformat("verify", "--memory-budget", "20kB", model).code == 0
    line = refused("verify", "--rebuild", "--memory-budget", "20kB", model)
    assert line.startswith(f"{model}: BUDGET: this needs ")
    assert "(tensor 'conv.weight')" in line


def test_file_names_are_escaped(tmp_path: Path):
    path = write_model(tmp_path / "a\x1b[1mb.frz")
    assert r"a\x1b[1mb.frz: ok" in frformat("verify", path).out
