from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from frformat.format import atomic
from frformat.format.atomic import replacing


def test_a_file_appears_only_when_complete(tmp_path: Path):
    target = tmp_path / "file"
    with replacing(target) as file:
        file.write(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path):
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def fail() -> None:
        with replacing(target) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), ValueError("a tensor is not finite")])
def test_a_full_disk_does_not_hide_an_earlier_error(
    failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(file: object, data: object) -> int:
        raise OSError(errno.ENOSPC, "the disk is full")

    monkeypatch.setattr(atomic._Destination, "write", full)

    def fail() -> None:
        with replacing(tmp_path / "file") as file:
            file.write(b"new")  # remains in the buffer
            raise failure

    with pytest.raises(type(failure)):
        fail()
    assert not list(tmp_path.iterdir())


def test_permissions_are_those_of_the_old_file_or_of_a_new_one(tmp_path: Path):
    target = tmp_path / "file"
    old = os.umask(0o027)
    try:
        with replacing(target):
            pass
    finally:
        os.umask(old)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    target.chmod(0o604)
    with replacing(target):
        pass
    assert stat.S_IMODE(target.stat().st_mode) == 0o604


def test_links_are_followed(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    with replacing(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_bytes() == b"new"


@pytest.mark.parametrize("path", [".", "/dev/null"])
def test_folders_and_devices_are_not_replaced(path: str):
    with pytest.raises(OSError, match="exists and is not a file"), replacing(path):
        pass


def test_the_folder_must_exist(tmp_path: Path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "nowhere" / "file"):
        pass


@pytest.mark.parametrize("letter", ["x", "名"])
def test_a_name_can_be_as_long_as_the_system_allows(letter: str, tmp_path: Path):
    most = os.pathconf(tmp_path, "PC_NAME_MAX")
    name = letter * (most // len(os.fsencode(letter)))
    for _ in range(2):
        with replacing(tmp_path / name) as file:
            file.write(b"new")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_name_that_is_too_long_is_refused_before_anything_is_written(tmp_path: Path):
    with pytest.raises(OSError, match="File name too long"), replacing(tmp_path / ("x" * 1000)):
        pytest.fail("the file cannot be written")
    assert not list(tmp_path.iterdir())


def test_paths_can_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with replacing("file") as file:
        file.write(b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


FULL = """
import resource, sys
from frformat.format.atomic import replacing
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))  # like a full disk
try:
    with replacing(sys.argv[1]) as file:
        for _ in range(2000):
            file.write(b"0123456789")
except OSError as error:
    print(error.filename)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_full_disk_is_reported_with_the_file(tmp_path: Path):
    target = tmp_path / "file"
    done = subprocess.run([sys.executable, "-c", FULL, target], capture_output=True, text=True, check=False)
    assert done.stdout == f"{os.path.realpath(target)}\n", done.stderr
    assert list(tmp_path.iterdir()) == []


def test_errors_name_the_file_and_not_a_temporary_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    target = tmp_path / "file"

    def full() -> None:
        with replacing(target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=r"No space left on device: '.*/file'"):
        full()

    def refused(path: str, *_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(OSError, match=r"Read-only file system: '.*/file'"):
        full()
