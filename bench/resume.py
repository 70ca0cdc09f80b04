"""Compare an uninterrupted training run with one that is killed (SIGKILL) at random moments and resumed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from bench import ROOT, Row
from frformat.train.loop import CHECKPOINT, MODEL

KILLS = 20
OPTIONS = ("--threads", "1", "--device", "cpu", "--epochs", "200", "--checkpoint-every", "0.2")


def run() -> list[Row]:
    """Kill the run the required number of times, and then let it finish."""
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder, "whole"), Path(folder, "broken")
        start = time.monotonic()
        process = _start(whole)
        process.stderr.readline()  # the line that reports the first epoch
        first = time.monotonic() - start
        process.communicate()
        last = time.monotonic() - start
        steps = []
        while len(steps) < KILLS:
            process = _start(broken)
            time.sleep(chance.uniform(0.8 * first, first + (last - first) / 12))
            process.kill()
            process.communicate()
            if process.returncode == 0:
                raise RuntimeError("the run finished before it was killed often enough")
            steps.append(_step(broken))
        process = _start(broken)
        process.communicate()
        assert process.returncode == 0
        files = (whole / MODEL).read_bytes() == (broken / MODEL).read_bytes()
        weights = _same(_state(whole)["model"], _state(broken)["model"])
    what = f"digits, killed {KILLS} times (at steps {min(steps)} to {max(steps)}) and resumed, one thread"
    figure = f"weights {'equal' if weights else 'DIFFER'} bit for bit, files {'equal' if files else 'DIFFER'}"
    return [Row(what, figure, "equal", weights and files)]


def _start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "frformat", "train", "digits", "-o", str(folder), "--resume", *OPTIONS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def _state(folder: Path) -> dict:
    return torch.load(folder / CHECKPOINT, weights_only=True)["state"]["run"]


def _step(folder: Path) -> int:
    """Return the step of the last checkpoint, which stays intact even if the process is killed."""
    return _state(folder)["step"] if (folder / CHECKPOINT).exists() else 0


def _same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
