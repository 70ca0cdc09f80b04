"""The behavior that all commands share: help, versions, errors, and a fast and quiet start."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

import frformat as frz
from frformat.cli import COMMANDS, errors
from frformat.cli.files import open_frz
from frformat.format.coders.engine import engine
from tests.cli.command import frformat, refused
from tests.format.coders.segments import using

FRFORMAT = [sys.executable, "-m", "frformat"]


def start(*args: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run ``frformat ARGS`` in a separate process."""
    return subprocess.run([*FRFORMAT, *args], capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload]


def test_help_is_shown_without_arguments():
    outcome = frformat()
    assert outcome.code == 0
    assert all(f"  {name} " in outcome.out for name in COMMANDS)
    assert "..." not in outcome.out.split("Commands:")[1]  # no description is cut


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_and_exit_codes(name: str):
    out = frformat(name, "--help").out
    assert f"\n    frformat {name} " in out
    assert "Exit codes: 0 " in out
    assert "--json" in out
    assert frformat(name, "-h").out == out


@pytest.mark.parametrize("pure", [True, False])
def test_version(pure: bool):
    with using(pure=pure):
        compiled = "yes" if engine().compiled else "no"
        expected = f"frformat {frz.__version__}, format version 1, compiled coders: {compiled}\n"
        assert frformat("--version").out == expected
    assert compiled == "no" or not pure


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["frob"], "No such command 'frob'. Try 'frformat --help'."),
        (["dump"], "Missing argument 'FILE'. Try 'frformat dump --help'."),
        (["verify"], "Missing argument 'FILE...'. Try 'frformat verify --help'."),
        (["diff", "a"], "Missing argument 'B'. Try 'frformat diff --help'."),
        (["dump", "--nob", "x"], "No such option '--nob'. Try 'frformat dump --help'."),
        (["dmp", "x"], "No such command 'dmp'. Did you mean 'dump'? Try 'frformat --help'."),
        (["dump", "--forc", "x"], "No such option '--forc'. Did you mean --force? Try 'frformat dump --help'."),
        (["decode", "x", "-o", "-"], "-o - needs --to, the format to write. Try 'frformat decode --help'."),
        (["dump", "x", "--tier", "-1"], "Invalid value for '--tier'"),
        (
            ["dump", "x", "--memory-budget", "2 loads"],
            "size '2 loads': must be a number of bytes, such as 900, 1.5kB, 2MB or 1.5KiB",
        ),
    ],
)
def test_misuse(args: list[str], reason: str):
    line = refused(*args)
    assert line.startswith("USAGE: ")
    assert reason in re.sub(r"No such option: (\S+)\b", r"No such option '\1'", line)
    outcome = frformat(*args, "--json")
    assert outcome.err == ""
    assert outcome.code == 2
    assert outcome.json["error"] == {
        "code": "USAGE",
        "reason": line.removeprefix("USAGE: "),
        "file": None,
        "tensor": None,
        "offset": None,
    }


@pytest.mark.parametrize("command", ["dump", "verify"])
def test_unreadable_files(command: str, tmp_path: Path):
    assert refused(command, "none.frz") == "none.frz: IO: No such file or directory"
    assert refused(command, tmp_path) == f"{tmp_path}: IO: Is a directory"
    (tmp_path / "text").write_text("not an frz file at all")
    advice = "not an .frz file; frformat encode makes one from a checkpoint (byte 0)"
    assert refused(command, tmp_path / "text") == f"{tmp_path / 'text'}: MAGIC: {advice}"
    (tmp_path / "empty").touch()
    assert "TRUNCATED" in refused(command, tmp_path / "empty")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(model: Path):
    model.chmod(0)
    assert refused("dump", model) == f"{model}: IO: Permission denied"


def test_paths_are_escaped(tmp_path: Path):
    assert refused("dump", "a\x1b[31m\u202e\nb\udcff") == r"a\x1b[31m\u202e\nb\udcff: IO: No such file or directory"


def test_a_defect_is_not_hidden(monkeypatch: pytest.MonkeyPatch, model: Path):
    monkeypatch.setattr("frformat.cli.dump.command._list", lambda *args: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        frformat("dump", model)


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch, model: Path):
    def fail(*args: object) -> int:
        raise MemoryError

    monkeypatch.setattr("frformat.cli.dump.command._list", fail)
    assert refused("dump", model).startswith("MEMORY: ")


def test_dump_starts_without_torch_and_matplotlib(model: Path):
    code = "import sys; from frformat.cli import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, "dump", model], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "frformat.cli.dump.command" in loaded
    assert not loaded & {
        "torch",
        "matplotlib",
        "safetensors",
        "frformat.cli.encode",
        "frformat.cli.diff.command",
        "rich.progress",
    }


def test_a_closed_pipe_prints_no_error(model: Path):
    for args in (["dump", model, "--bytes"], ["dump", model, "--json"], ["dump", model]):
        with subprocess.Popen([*FRFORMAT, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.close()
            assert process.stderr is not None
            assert process.stderr.read() == b""
            assert process.wait(60) == 141


@pytest.mark.skipif(os.name == "nt", reason="no such signal")
def test_an_interrupt_prints_no_traceback(tmp_path: Path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a script ignore this signal
    try:
        process = subprocess.Popen([*FRFORMAT, "dump", fifo], stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        writer = os.open(fifo, os.O_WRONLY)  # blocks until the command has opened the other end
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        os.close(writer)
    assert process.returncode == 130
    assert err.strip() == ""


def test_standard_input_and_pipes(model: Path, tmp_path: Path):
    whole = start("dump", model).stdout
    assert whole.startswith(str(model))
    with open(model, "rb") as file:
        assert start("dump", "-", stdin=file).stdout == whole.replace(str(model), "-")
    piped = subprocess.run([*FRFORMAT, "verify", "-"], input=model.read_bytes(), capture_output=True, check=True)
    assert piped.stdout.startswith(b"-: ok, ")
    nothing = subprocess.run([*FRFORMAT, "verify", "-"], input=b"", capture_output=True, check=False)
    assert nothing.stderr.startswith(b"frformat: -: TRUNCATED: ")


def test_output_that_supports_only_ascii(model: Path):
    for options in ([], ["--bytes"]):
        done = start("dump", model, *options, env=os.environ | {"PYTHONIOENCODING": "ascii"})
        assert done.returncode == 0
        assert done.stdout.isascii()
        assert r"64\xd732\xd73\xd73" in done.stdout


@pytest.mark.parametrize(
    "args",
    [
        "train digits",
        "train --list",
        "train elm",
        "train lenet5 --nested --tiers 50%",
        "export lenet5 -o x.ptl",
        "export lenet5 -o x.onnx",
        "compress model.frz -o x.frz",
        "compare lenet5 x.frz .",
        "decode model.frz -o x.pt",
    ],
)
def test_missing_torch_is_reported_in_one_line(args: str, model: Path):
    code = "import sys; sys.modules['torch'] = None; from frformat.cli import main; main()"
    command = [sys.executable, "-c", code, *args.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=model.parent)
    assert done.returncode == 2
    assert re.fullmatch(r"frformat: DEPENDENCY: .* needs PyTorch: pip install torch\n", done.stderr), done.stderr


def test_warnings_of_this_package_take_one_line():
    usual = warnings.formatwarning
    with errors.short_warnings():
        assert warnings.formatwarning("a\nb", UserWarning, errors.__file__, 1) == "frformat: warning: a\\nb\n"
        assert "os.py:1: UserWarning" in warnings.formatwarning("a", UserWarning, os.__file__, 1)
        assert "DeprecationWarning" in warnings.formatwarning("a", DeprecationWarning, errors.__file__, 1)
    assert warnings.formatwarning is usual


def test_a_file_that_changes_while_a_command_reads_it_is_refused(model: Path):
    with open_frz(str(model)) as file:
        os.utime(model, ns=(1, 1))
        with pytest.raises(frz.FrzError, match="the file has changed since it was opened"):
            file.verify()
