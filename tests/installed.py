"""Check the README's commands for users who install the package: ``python -m tests.installed``.

This builds the wheel and the source distribution, installs each into a separate environment, and runs the README's
commands there unchanged, outside the checkout. ``--short`` installs only the wheel and uses the dependencies of the
environment that runs this, so that only the build dependencies are downloaded.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent

DIFFER: Final = "exit code 1"
"""Marks a command in the README that exits with 1."""


def main(arguments: list[str]) -> int:
    """Run all checks, up to the first command that fails."""
    short = arguments == ["--short"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        built = _build(place / "dist", short)
        for archive in built:
            home = place / archive.name.partition("-")[2]
            _install(home / "venv", archive, short)
            _readme(home)
    return 0


def commands() -> list[tuple[list[str], int]]:
    """Return the README's ``frformat`` commands, split into words, each with the expected exit code."""
    found = []
    for line in (ROOT / "README.md").read_text("utf-8").splitlines():
        shown = re.fullmatch(r"    (frformat .*?)(?:\s+# (.*))?", line)
        if shown:
            found.append((shown[1].split(), int(DIFFER in (shown[2] or ""))))
    return found


def _build(folder: Path, short: bool) -> list[Path]:
    """Build distributions in an isolated environment, as an installer does."""
    if short:
        _run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT])
    else:
        python = _environment(folder.with_name("builder"))
        _run([python, "-m", "pip", "install", "--quiet", "build"])
        _run([python, "-m", "build", "--quiet", "--wheel", "--sdist", "--outdir", folder, ROOT])
    return sorted(folder.iterdir(), key=lambda path: path.suffix != ".whl")


def _environment(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def _install(folder: Path, archive: Path, short: bool) -> None:
    python = _environment(folder)
    if short:
        _run([python, "-m", "pip", "install", "--quiet", "--no-deps", archive])
        [packages] = folder.glob("[Ll]ib/**/site-packages")
        # These packages come after the environment's own, so that an frformat installed from the checkout is not used.
        (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    else:
        constraints = ROOT / "constraints.txt"
        _run([python, "-m", "pip", "install", "--constraint", constraints, f"{archive}[train,plot,onnx]"])


def _readme(home: Path) -> None:
    """Run the README's commands in a folder that contains only the files of the checkout that they name."""
    shutil.copytree(ROOT / "examples", home / "examples")
    programs = home / "venv" / ("Scripts" if os.name == "nt" else "bin")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    check = "import frformat; assert 'venv' in frformat.__file__, frformat.__file__"
    _run([programs / "python", "-c", check], home, environment)
    for words, code in commands():
        _run([programs / words[0], *words[1:]], home, environment, code)


def _run(command: list[str | Path], home: Path = ROOT, env: dict[str, str] | None = None, code: int = 0) -> None:
    print("$", *command, flush=True)
    done = subprocess.run(list(map(str, command)), cwd=home, env=env, check=False)
    if done.returncode != code:
        sys.exit(f"ended with {done.returncode}, not {code}: {' '.join(map(str, command))}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
