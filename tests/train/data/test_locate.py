from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from frformat.train.data import MissingDataError, load_carvana, load_cifar10, load_isbi, load_mnist
from frformat.train.data.locate import locate


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a one-file data set; the current directory and the environment point elsewhere."""
    monkeypatch.delenv("FRFORMAT_DATA", raising=False)
    current = tmp_path / "here" / "project"
    current.mkdir(parents=True)
    monkeypatch.chdir(current)
    (tmp_path / "sets" / "one").mkdir(parents=True)
    (tmp_path / "sets" / "one" / "file").touch()
    return tmp_path / "sets"


def test_the_argument_precedes_the_environment_and_the_default(folder: Path, monkeypatch: pytest.MonkeyPatch):
    os.renames(folder, "../shared/data")
    assert locate("one", ["file"], origin="Buy it.") == Path("../shared/data/one")
    os.rename("../shared/data", "../named")
    monkeypatch.setenv("FRFORMAT_DATA", "../named")
    assert locate("one", ["file"], origin="Buy it.") == Path("../named/one")
    os.rename("../named", "../given")
    assert locate("one", ["file"], origin="Buy it.", folder="../given") == Path("../given/one")


def test_an_empty_variable_is_ignored(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FRFORMAT_DATA", "")
    with pytest.raises(MissingDataError, match="is the default"):
        locate("one", ["file"], origin="Buy it.")


def test_the_error_says_what_is_missing_where_and_how_to_get_it(folder: Path):
    with pytest.raises(MissingDataError) as caught:
        locate("one", ["other", "file", "third"], origin="Buy it.", folder=folder)
    assert str(caught.value) == (
        f"the data set one needs other, third in {folder / 'one'} ({folder} is the folder given). Buy it."
    )


@pytest.mark.parametrize(
    ("variable", "reason"), [(None, "the default; set FRFORMAT_DATA to use another"), ("away", "names")]
)
def test_the_error_says_why_it_looked_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None, reason: str
):
    if variable is not None:
        monkeypatch.setenv("FRFORMAT_DATA", variable)
    place = Path(variable or "../shared/data").resolve() / "one"
    with pytest.raises(MissingDataError, match=re.escape(str(place)) + ".*" + reason):
        locate("one", ["file"], origin="Buy it.")


@pytest.mark.parametrize(
    ("load", "says"),
    [
        (lambda folder: load_mnist("test", folder), "mnist needs t10k-images-idx3-ubyte.gz, t10k-labels.*https://"),
        (lambda folder: load_cifar10("train", folder), "cifar10 needs cifar10_train_jpeg.tar.xz .*https://.*pickles"),
        (load_carvana, "carvana needs images, masks .*https://"),
        (load_isbi, "isbi2012_membrane needs train/image, train/label .*https://"),
    ],
)
def test_every_set_says_how_to_get_it(folder: Path, load: Callable[[Path], object], says: str):
    with pytest.raises(MissingDataError, match=says):
        load(folder)
