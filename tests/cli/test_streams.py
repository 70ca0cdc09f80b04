from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

FRFORMAT = f"{sys.executable} -m frformat"

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("dump {} >/dev/full", 2, "frformat: IO: No space left on device\n"),
        ("verify --json {} >/dev/full", 2, "frformat: IO: No space left on device\n"),
        ("--help >/dev/full", 2, "frformat: IO: No space left on device\n"),
        ("dump none --json >/dev/full", 2, "frformat: none: IO: No such file or directory\n"),
        ("dump none 2>/dev/full", 2, ""),
        ("dump {} >&-", 0, ""),
        ("dump --json {} >&-", 0, ""),
        ("dump none >&- <&-", 2, "frformat: none: IO: No such file or directory\n"),
        ("dump none 2>&-", 2, ""),
        ("--version >&- 2>&- <&-", 0, ""),
    ],
)
def test_full_and_closed_streams(command: str, code: int, told: str, model: Path):
    line = f"{FRFORMAT} {command.format(model)}"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, told)


@pytest.mark.parametrize("command", ["encode - -o out.frz", "verify -", "diff - model.frz"])
def test_a_full_folder_for_temporary_files_is_named(command: str, tmp_path: Path, model: Path):
    """A limit on file sizes simulates a full disk."""
    place = tmp_path / "temporary"
    place.mkdir()
    (tmp_path / "large").write_bytes(bytes(100_000))
    before = sorted(tmp_path.rglob("*"))
    line = f"ulimit -f 40; TMPDIR={place} {FRFORMAT} {command} <large"
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"frformat: {place}: IO: File too large\n")
    assert sorted(tmp_path.rglob("*")) == before


def in_terminal(*args: str | Path, **environment: str) -> tuple[int, str]:
    """Run a command in a terminal; return its exit code and what the terminal received."""
    master, slave = pty.openpty()
    command = [*FRFORMAT.split(), *args]
    with subprocess.Popen(command, stdout=slave, stderr=slave, env={**os.environ, **environment}) as process:
        os.close(slave)
        received = b""
        with suppress(OSError):  # the other side is closed
            while some := os.read(master, 1 << 16):
                received += some
    os.close(master)
    return process.returncode, received.decode().replace("\r\n", "\n")


def test_a_terminal_without_a_width_receives_every_line(model: Path):
    code, wanted = in_terminal("dump", model, COLUMNS="80")
    assert code == 0
    assert in_terminal("dump", model, COLUMNS="0") == (0, wanted)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
@pytest.mark.parametrize("command", ["dump --bytes {}", "diff {} {}"])
def test_colors_can_be_turned_off(command: str, environment: dict[str, str], model: Path):
    args = command.format(model, model).split()
    escapes = re.compile("\x1b\\[[0-9;]*3[0-9]")
    assert not escapes.search(in_terminal(*args, **environment)[1])
    assert "--bytes" not in args or escapes.search(in_terminal(*args, TERM="xterm", NO_COLOR="")[1])


def test_binary_output_does_not_go_to_a_terminal(model: Path):
    line = "frformat: -: IO: the output is not text: redirect it to a file or a pipe, or name a file\n"
    assert in_terminal("encode", model, "-o", "-") == (2, line)


def test_files_are_written_correctly_with_closed_streams(model: Path):
    again = model.with_name("again.frz")
    line = f"{FRFORMAT} encode {model} -o {again} <&- >&- 2>&-"
    assert subprocess.run(line, shell=True, check=False).returncode == 0
    assert subprocess.run(f"{FRFORMAT} verify {again}", shell=True, check=False).returncode == 0


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_signals_leave_no_temporary_files(name: str, tmp_path: Path):
    np.savez(tmp_path / "large.npz", w=np.random.default_rng(0).standard_normal((6000, 1000)))
    command = [*FRFORMAT.split(), "encode", "large.npz", "-o", "out.frz", "--compression", "deflate"]
    # Background jobs of a script ignore SIGINT, and nohup ignores SIGHUP; a child would inherit this.
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    try:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    with process:
        while len(list(tmp_path.iterdir())) == 1:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(getattr(signal, name))
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (128 + getattr(signal, name), b"")
    assert [path.name for path in tmp_path.iterdir()] == ["large.npz"]
