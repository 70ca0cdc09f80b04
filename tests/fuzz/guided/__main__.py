"""Run fuzzing targets: ``python -m tests.fuzz.guided --seconds 60 [--keep FOLDER] [TARGET …]``."""

from __future__ import annotations

import argparse
import glob
import importlib.util
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.conformance.kotlin import JAR
from tests.fuzz import SCRATCH
from tests.fuzz.guided.targets import CORPUS, PYTHON, VECTORS
from tests.vectors.appendix import ROOT

KOTLIN: Final = "kotlin"
MODULE: Final = Path(ROOT) / "android-decoder" / "fuzz" / "target"
CLASSPATH: Final = MODULE / "classpath.txt"
LONGEST: Final = 1 << 12
"""Largest size of ``.frz`` inputs: defects that long files reveal also appear with short ones."""

STARTING: Final = 180
"""Seconds by which a target may exceed its time limit."""


@dataclass(frozen=True)
class Outcome:
    """The result of a target: a line for the user, and whether it found a defect."""

    line: str
    defect: bool = False


def main() -> int:
    """Run the targets. The exit code is 1 if one finds a defect, whose input is then below the folder ``--keep``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join((*PYTHON, KOTLIN))}; default: all")
    parser.add_argument("--seconds", type=int, default=60, help="time for each target")
    parser.add_argument("--keep", type=Path, default=Path("build") / "fuzz", help="folder of new inputs and defects")
    options = parser.parse_args()
    targets = options.targets or [*PYTHON, KOTLIN]
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2)) as pool:
        outcomes = [*pool.map(lambda target: _run(target, options.seconds, options.keep / target), targets)]
    return int(any(outcome.defect for outcome in outcomes))


def _run(target: str, seconds: int, folder: Path) -> Outcome:
    missing = _missing(target)
    if missing:
        outcome = Outcome(f"skipped: {missing}")
    else:
        (folder / "corpus").mkdir(parents=True, exist_ok=True)
        outcome = _fuzzed(target, seconds, folder)
    print(f"{target}: {outcome.line}", flush=True)
    return outcome


def _missing(target: str) -> str | None:
    """Return a note about what is missing for a target, or None if nothing is."""
    if target == KOTLIN and not CLASSPATH.exists():
        return "Jazzer is not built; `make fuzz` builds it"
    if target in (KOTLIN, "differential") and not shutil.which("java"):
        return "needs Java"
    if target == "differential" and not os.path.exists(JAR):
        return "the Kotlin decoder is not built; `make fuzz` builds it"
    if target != KOTLIN and importlib.util.find_spec("atheris") is None:
        return "needs atheris; see the dependency group `fuzz`"
    return None


def _fuzzed(target: str, seconds: int, folder: Path) -> Outcome:
    log = folder / "log.txt"
    with tempfile.TemporaryDirectory(dir=SCRATCH) as temporary, log.open("wb") as file:
        corpora = [str(folder / "corpus"), str(_seeds(target, Path(temporary), seconds))]
        flags = [
            f"-max_total_time={seconds}",
            f"-artifact_prefix={folder}{os.sep}",
            f"-max_len={1 << 16 if target not in ('frz', 'differential', KOTLIN) else LONGEST}",
            "-print_final_stats=1",
            "-timeout=120",  # wall-clock time; targets measure processor time
        ]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": temporary}
        command = _command(target)
        try:
            code = subprocess.run(
                [*command, *flags, *corpora], stdout=file, stderr=file, env=environment, cwd=ROOT,
                timeout=seconds + STARTING,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            code = -1
    text = log.read_text(errors="replace")
    stats = dict(re.findall(r"stat::(\w+):\s+(\d+)", text))
    coverage = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", text)
    told = f"{int(stats.get('number_of_executed_units', 0)):,} executions, {stats.get('average_exec_per_sec', '?')}/s"
    told += f", coverage {coverage[-1][0]}, corpus {coverage[-1][2]}" if coverage else ""
    if code == 0:
        return Outcome(told)
    written = [*map(str, folder.glob("crash-*")), *map(str, folder.glob("timeout-*")), *map(str, folder.glob("oom-*"))]
    reason = re.findall(r"(?:AssertionError|Uncaught Python exception|Java Exception|ERROR: libFuzzer).*", text)
    return Outcome(f"DEFECT {' '.join(reason[:2])[:500]}: {', '.join(written) or 'no input'}; {log}; {told}", True)


def _command(target: str) -> list[str]:
    if target != KOTLIN:
        return [sys.executable, "-m", "tests.fuzz.guided.run", target]
    classes = os.pathsep.join((CLASSPATH.read_text().strip(), str(MODULE / "test-classes")))
    return [
        "java", "-Xmx512m", "-XX:+UseSerialGC", "-Xss1m", "-XX:+EnableDynamicAgentLoading", "-cp", classes,
        "com.code_intelligence.jazzer.Jazzer", "--target_class=io.frz.fuzz.DecoderFuzzer",
        "--instrumentation_includes=io.frz.**", "--custom_hook_includes=io.frz.**", "-rss_limit_mb=2048",
        f"--reproducer_path={tempfile.gettempdir()}",
    ]  # fmt: skip


def _seeds(target: str, folder: Path, seconds: int) -> Path:
    """Copy the saved corpus to a folder, and, for ``.frz`` files, up to five small vectors per second of the run."""
    family = target if target in ("safetensors", "npz", "pt") else "frz"
    for path in (CORPUS / family).glob("*"):
        shutil.copy(path, folder)
    if family == "frz":
        vectors = [
            name for under in VECTORS for name in glob.glob(str(under / "*.frz")) if os.path.getsize(name) <= 2000
        ]
        for name in random.sample(vectors, min(len(vectors), 5 * seconds)):
            shutil.copy(name, folder)
    return folder


if __name__ == "__main__":
    sys.exit(main())
