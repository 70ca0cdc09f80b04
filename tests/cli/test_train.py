from __future__ import annotations

import importlib.machinery
import json
from pathlib import Path

import pytest

import frformat as frz
from frformat.train import RECIPES
from tests.cli.command import frformat, refused

FOLDER = Path(__file__).parent.parent / "train"
TINY = f"{FOLDER / 'tiny.py'}:Tiny"
CPU = ("--device", "cpu", "--threads", "1")


def test_a_run_from_data_to_file(tmp_path: Path):
    outcome = frformat(
        "train", TINY, *CPU, "-o", tmp_path / "run", "--epochs", "2", "--rule", "0.*: keep=5", "--keep", "40%"
    )
    assert outcome.code == 0, outcome.err
    assert "accuracy" in outcome.out
    assert "Outputs differ from the trained model's by at most" in outcome.out
    assert [line.split()[1] for line in outcome.err.splitlines()] == ["1", "2"]
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names >= {"model.frz", "checkpoint.pt", "history.jsonl", "course.png", "spectra.png"}
    with frz.open(tmp_path / "run" / "model.frz") as file:
        assert file.spectrum("0.weight").kept == 5
        assert file.spectrum("4.weight").kept == 52  # 40 % of 128
    rows = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]


def test_tiers_are_trained_and_reported(tmp_path: Path):
    run = ("train", TINY, *CPU, "--epochs", "2", "--tiers", "3,50%", "--distill", "0.5")
    out = frformat(*run, "-o", tmp_path / "run").out
    rows = [line.split() for line in out.splitlines()]
    with frz.open(tmp_path / "run" / "model.frz") as file:
        ends, kept = file.container.ends, file.info("0.weight").kept
        told = file.metadata["tiers.accuracy"].split()
    assert kept == (3, 6, 11)
    for tier in range(3):
        assert next(row for row in rows if row[:1] == [str(tier)])[2:4] == [str(ends[tier]), told[tier]]
    found = frformat(*run, "-o", tmp_path / "again", "--json").json
    assert [tier["nbytes"] for tier in found["tiers"]] == list(ends)
    assert found["settings"]["tiers"] == [3, 0.5]
    assert "neither a number of coefficients" in refused(*run[:-4], "--tiers", "x", "-o", tmp_path / "no")


def test_a_run_for_a_size_reports_the_bytes(tmp_path: Path):
    outcome = frformat("train", TINY, "--size", "0.56kB", "--json", "-o", tmp_path / "run")
    assert outcome.code == 0
    assert outcome.json["nbytes"] == (tmp_path / "run" / "model.frz").stat().st_size <= 560
    assert outcome.json["settings"]["size"] == 560
    assert outcome.err.splitlines()[-1].count(f"{outcome.json['nbytes']} bytes") == 1


def test_a_compressed_file_is_fine_tuned(tmp_path: Path):
    dense, small = tmp_path / "dense" / "model.frz", tmp_path / "small.frz"
    assert frformat("train", TINY, *CPU, "--dense", "-o", tmp_path / "dense").code == 0
    assert frformat("compress", dense, "-o", small, "--quality", "3").code == 0
    run = ("train", TINY, *CPU, "--quantized", "--from", small, "--teacher", dense, "--distill", "0.5", "--json")
    found = frformat(*run, "-o", tmp_path / "run").json
    assert found["settings"]["quantized"] is True
    assert found["nbytes"] == (tmp_path / "run" / "model.frz").stat().st_size <= small.stat().st_size
    assert "--keep, --rule, --tiers: cannot be combined with --quantized" in refused(
        *run[:-1], "--keep", "5", "--rule", "x: raw", "--tiers", "5", "-o", tmp_path / "other"
    )
    assert "--schedule, --format: cannot be combined with --quantized." in refused(
        *run[:-1], "--schedule", "tail", "--format", "q4", "-o", tmp_path / "other"
    )
    assert "--lr: cannot be combined with --quantized; the learning rate is --quantized-lr" in refused(
        *run[:-1], "--lr", "0.01", "-o", tmp_path / "other"
    )
    assert "--quantized-lr: requires --quantized." in refused(
        "train", TINY, "--quantized-lr", "0.01", "-o", tmp_path / "other"
    )
    assert "--quantized: cannot be combined with --nested" in refused(
        "train", TINY, "--quantized", "--nested", "-o", tmp_path / "other"
    )
    assert "pass a file (on the command line, --from)" in refused(
        "train", TINY, "--quantized", "-o", tmp_path / "other"
    )
    assert "is not quantized, and has" in refused(
        "train", TINY, "--quantized", "--from", dense, "-o", tmp_path / "other"
    )
    assert not (tmp_path / "other").exists()


def test_a_dense_network_is_compressed_to_a_size_first(tmp_path: Path):
    dense = tmp_path / "dense" / "model.frz"
    assert frformat("train", TINY, *CPU, "--dense", "-o", tmp_path / "dense").code == 0
    run = ("train", TINY, *CPU, "--quantized", "--from", dense, "--size", "500")
    outcome = frformat(*run, "--json", "-o", tmp_path / "run")
    assert outcome.err.splitlines()[0] == "compressing the initial weights to 500 bytes"
    assert outcome.json["nbytes"] <= 500
    failed = frformat(*run[:-1], "20", "-o", tmp_path / "other")
    assert failed.code == 2
    assert "no file of 20 bytes can store this model" in failed.err.splitlines()[-1]
    assert not (tmp_path / "other").exists()


def test_a_finished_run_is_not_repeated(tmp_path: Path):
    arguments = ("train", TINY, *CPU, "-o", tmp_path, "--epochs", "1", "--json")
    first = frformat(*arguments).json
    assert "--resume continues it" in refused(*arguments[:-1])
    again = frformat(*arguments, "--resume")
    assert again.json == first
    assert again.err.count("epoch") == 1  # the first epoch was reported again
    other = refused(*arguments[:-1], "--resume", "--seed", "3")
    assert "seed was 0, not 3" in other
    assert frformat(*arguments, "--force", "--seed", "3").json["settings"]["seed"] == 3


def test_an_interrupted_run_says_how_to_continue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("frformat.train.train", interrupt)
    arguments = ("train", TINY, *CPU, "-o", tmp_path / "run")
    before = frformat(*arguments)
    assert (before.code, before.err.strip()) == (130, "")  # there is nothing to continue yet
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt").touch()
    after = frformat(*arguments, "--resume")
    assert after.code == 130
    assert after.err.strip() == "Interrupted. To continue the run, pass --resume."


def test_the_list_of_recipes_as_json():
    outcome = frformat("train", "--list", "--json")
    assert outcome.json["digits"]["epochs"] == 60


def test_a_missing_run_cannot_be_resumed(tmp_path: Path):
    outcome = frformat("train", "digits", "--resume", "-o", str(tmp_path / "nowhere"))
    assert outcome.code == 2
    assert "there is no run to continue" in outcome.err
    assert not (tmp_path / "nowhere").exists()


def test_the_list_of_recipes():
    outcome = frformat("train", "--list")
    assert outcome.code == 0
    assert all(name in outcome.out for name in RECIPES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "'nothing' is neither a recipe nor a FILE.py. Recipes: digits, lenet5"),
        (["digit"], "'digit' is neither a recipe nor a FILE.py. Did you mean 'digits'?"),
        (["nothing.py"], "there is no such file"),
        ([str(FOLDER / "tiny.py")], "select one with"),
        ([str(FOLDER / "tiny.py:Huge")], "Tiny, NoNorm"),
        ([TINY, "--batch", "99"], "batch=99: there are 48 samples"),
        ([TINY, "--schedule", "slow"], "schedule='slow'"),
        ([TINY, "--rule", "x: raw"], "matches no parameter"),
        ([TINY, "--rule", "x raw"], "x raw"),
        ([TINY, "--format", "q1"], "q1"),
        ([TINY, "--seed", "9" * 25], "must be less than"),
        ([TINY, "--threads", "9" * 12], "not in the range 1<=x<=1024"),
        ([TINY, "--checkpoint-every", "nan"], "'nan' is not a number"),
        ([TINY, "--weight-decay", "nan"], "weight_decay=nan: must be finite"),
        ([TINY, "--keep", "many"], "neither a number"),
        ([TINY, "--size", "1.5K"], "size '1.5K': must be a number of bytes, such as 900, 1.5kB, 2MB or 1.5KiB"),
        ([TINY, "--size", "0"], "size '0': must be a number of bytes"),
        ([TINY, "--size", "99"], "size=99: names, shapes and tensors that are not regularized already take"),
        ([TINY, "--size", "900", "--tiers", "50%"], "size and tiers are mutually exclusive"),
        ([TINY, "--size", "900", "--schedule", "tail"], "size replaces schedule tail"),
        ([TINY, "--device", "abacus"], "device 'abacus' cannot be used"),
        ([TINY, "--distill", "0.5"], "no teacher"),
        ([TINY, "--teacher", "none.frz", "--distill", "0.5"], "none.frz"),
        ([TINY, "--resume", "--force"], "mutually exclusive"),
        ([TINY, "--minimum", "0"], "--minimum: requires --nested"),
        (["mnist-by-hand.txt"], "nor a FILE.py"),
        (["lenet5", "--data", "/nowhere"], "the data set mnist needs"),
    ],
)
def test_mistakes_are_reported_in_one_line_and_leave_nothing(arguments: list[str], message: str, tmp_path: Path):
    assert message in refused("train", *arguments, "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("class", "SyntaxError"),
        ("\0", "null bytes"),
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'."),
        ("1 / 0", "division by zero"),
        ("{}['a b']", "KeyError: a b."),
        ("\n\nimport nothing_of_this_name", "broken.py, line 3: "),
        ("\nimport beside_it", "beside_it.py, line 2: ZeroDivisionError: division by zero"),
        ("import numpy\nnumpy.zeros(-1)", "broken.py, line 2: negative dimensions"),
    ],
)
def test_a_recipe_that_cannot_be_imported_is_reported_in_one_line(text: str, why: str, tmp_path: Path):
    (tmp_path / "broken.py").write_text(text)
    if "beside_it" in text:
        (tmp_path / "beside_it.py").write_text("\n1 / 0")
    told = refused("train", tmp_path / "broken.py", "-o", tmp_path / "run")
    assert "broken.py cannot be imported: " in told
    assert why in told


def test_a_recipe_can_use_dataclasses_and_modules_beside_it(tmp_path: Path):
    (tmp_path / "widths_beside.py").write_text("WIDTH = 3")
    text = (
        Path(FOLDER / "tiny.py").read_text()
        + """

@dataclasses.dataclass
class Options:
    epochs: int = 1

class Beside(Tiny):
    name = "beside"
    from widths_beside import WIDTH as width

    def model(self):
        assert Options().epochs == 1
        return nn.Sequential(nn.Conv2d(1, self.width, 3), nn.Flatten(), nn.Linear(16 * self.width, 2))
"""
    )
    (tmp_path / "json.py").write_text(text)  # the name of a loaded module, which must stay what it is
    (tmp_path / "wave.py").write_text("")  # the name of a module that is not loaded
    out = frformat("train", f"{tmp_path / 'json.py'}:Beside", *CPU, "--epochs", "1", "-o", tmp_path / "run", "--json")
    assert out.code == 0, out.err
    assert json.loads(out.out)["recipe"] == "beside"
    for name in ("json", "wave"):  # also in processes that inherit the path
        found = importlib.machinery.PathFinder.find_spec(name)
        assert found is not None
        assert str(tmp_path) not in str(found.origin)


def test_a_teacher_of_a_different_shape_is_refused(tmp_path: Path):
    frz.save_file({"0.weight": frz.Spectrum([1.0], (2, 2))}, tmp_path / "teacher.frz")
    said = refused("train", TINY, "--distill", "1", "--teacher", tmp_path / "teacher.frz", "-o", tmp_path / "run")
    assert "does not fit" in said


def test_files_that_no_run_wrote_are_kept(tmp_path: Path):
    model = tmp_path / "model.frz"
    model.write_bytes(b"mine")
    for options in ((), ("--resume",), ("--nested",)):
        assert "no run in this folder wrote it; --force replaces it" in refused(
            "train", TINY, *CPU, "-o", tmp_path, "--epochs", "1", *options
        )
        assert model.read_bytes() == b"mine"
        assert [path.name for path in tmp_path.iterdir()] == ["model.frz"]
    assert frformat("train", TINY, *CPU, "-o", tmp_path, "--epochs", "1", "--force").code == 0
    assert model.read_bytes() != b"mine"
