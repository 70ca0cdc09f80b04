from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frformat.checkpoints.reading import on_disk
from frformat.format import leftovers
from frformat.format.atomic import replacing

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows does not remove open files")

WRITER = """
import os, sys
from pathlib import Path
from frformat.format.atomic import replacing
from frformat.train.rehearsal import temporary

with temporary(Path(sys.argv[1], "run")) as folder, replacing(sys.argv[2]) as file:
    (folder / "model.frz").write_bytes(b"0123")
    file.write(b"0123")
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path: Path):
    """A process that is writing the file ``model.frz``, and has a temporary folder."""
    command = [sys.executable, "-c", WRITER, tmp_path, tmp_path / "model.frz"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def write(folder: Path) -> None:
    """Do what the next process does."""
    from frformat.train.rehearsal import temporary

    with temporary(folder / "run"), replacing(folder / "model.frz") as file:
        file.write(b"new")


def test_what_a_killed_process_left_is_removed(writer: subprocess.Popen[str], tmp_path: Path):
    mine = tmp_path / ".model.frz.original.tmp"
    mine.touch()
    (tmp_path / ".frformat-settings").mkdir()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert len(list(tmp_path.iterdir())) == 4
    write(tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {"model.frz", mine.name, ".frformat-settings"}


def test_files_of_a_running_process_stay(writer: subprocess.Popen[str], tmp_path: Path):
    there = set(tmp_path.rglob("*"))
    assert len(there) == 3
    write(tmp_path)
    assert set(tmp_path.rglob("*")) == {*there, tmp_path / "model.frz"}
    writer.communicate()
    assert writer.returncode == 0
    assert [each.name for each in tmp_path.iterdir()] == ["model.frz"]
    assert (tmp_path / "model.frz").read_bytes() == b"0123"


FORKED = """
import os, sys
from frformat import checkpoints
from frformat.format.atomic import replacing

path = sys.argv[1]
copy = checkpoints.load(open(path, "rb"), name="copy")
with replacing(path + ".new") as file:
    child = os.fork()
    if not child:
        sys.exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert len(os.listdir(os.environ["TMPDIR"])) == 1
    file.write(b"new")
copy.close()
"""
"""A process that has a temporary copy, and is writing a file, while a forked process ends."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork processes")
def test_a_forked_process_does_not_remove_the_files_of_its_parent(tmp_path: Path):
    place = tmp_path / "temporary"
    place.mkdir()
    np.savez(tmp_path / "a.npz", a=np.ones(3))
    environment = {**os.environ, "TMPDIR": os.fspath(place)}
    subprocess.run([sys.executable, "-c", FORKED, tmp_path / "a.npz"], env=environment, check=True)
    assert (tmp_path / "a.npz.new").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "a.npz.new", "temporary"]
    assert not list(place.iterdir())


def test_a_file_that_is_removed_before_it_is_locked_is_created_again(tmp_path: Path):
    tries: list[str] = []

    def create(path: str) -> None:
        Path(path).touch(exist_ok=False)
        tries.append(path)
        if len(tries) < 3:
            leftovers.remove_leftovers(os.fspath(tmp_path), ".x")

    with leftovers.in_use(
        os.fspath(tmp_path), ".x", "", create, lambda path: Path(path).unlink(missing_ok=True)
    ) as path:
        leftovers.remove_leftovers(os.fspath(tmp_path), ".x")
        assert path == tries[2]
        assert os.path.exists(path)
    assert not list(tmp_path.iterdir())


def test_a_file_with_the_same_name_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    letters = iter("a" * 16 + "b" * 8)
    monkeypatch.setattr("secrets.choice", lambda _: next(letters))
    with leftovers.temporary_file(os.fspath(tmp_path), ".x") as first:
        with leftovers.temporary_file(os.fspath(tmp_path), ".x") as second:
            assert (Path(first).name, Path(second).name) == (".xaaaaaaaa", ".xbbbbbbbb")
        assert Path(first).exists()


@pytest.mark.parametrize("call", ["open", "close", "lexists"])
def test_a_signal_while_the_file_is_created_leaves_nothing(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The signal arrives as soon as the file exists."""
    where = os.path if call == "lexists" else os
    real = getattr(where, call)

    def interrupted(*args: Any, **options: Any) -> Any:
        found = real(*args, **options)
        if list(tmp_path.iterdir()):
            monkeypatch.setattr(where, call, real)
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(where, call, interrupted)
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "model.frz"):
        pytest.fail("the block was entered")
    assert not list(tmp_path.iterdir())


def test_files_that_cannot_be_locked_are_written_but_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refused(path: str) -> int:
        raise OSError("this disk has no locks")

    monkeypatch.setattr(leftovers, "locked", refused)
    other = tmp_path / ".model.frz.abcdefgh.frformat-tmp"
    other.touch()
    with replacing(tmp_path / "model.frz") as file:
        file.write(b"new")
    assert {each.name for each in tmp_path.iterdir()} == {"model.frz", other.name}


COPIER = """
import sys
from frformat.checkpoints.reading import on_disk
from frformat.format.leftovers import PREFIX, temporary_folder

copy = on_disk(b"0123")
with temporary_folder(PREFIX):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("killed", [False, True])
def test_copies_in_the_folder_for_temporary_files(killed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TMPDIR", os.fspath(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    command = [sys.executable, "-c", COPIER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        there = set(tmp_path.iterdir())
        assert len(there) == 2
        if killed:
            process.kill()
            process.wait()
        copy = on_disk(b"0123")
        assert Path(copy.path).read_bytes() == b"0123"
        assert set(tmp_path.iterdir()) == {Path(copy.path)} | (set() if killed else there)
        copy.close()
        with leftovers.temporary_folder(leftovers.PREFIX) as folder:
            assert set(tmp_path.iterdir()) == {Path(folder)} | (set() if killed else there)
    assert list(tmp_path.iterdir()) == []
