"""Run techniques on a task: choose hyperparameters on the validation set, then create and measure the file."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch

from bench import ROOT, Missing
from bench.records import Result, kept, recorded
from bench.techniques import measuring
from bench.techniques.jobs import Job, Made, Unreachable
from bench.techniques.measuring import measured, score
from bench.techniques.registry import TECHNIQUES, TUNED, Technique
from bench.techniques.tasks import BUILD, Task
from frformat.format.atomic import replacing

RESULTS: Final = ROOT / "bench" / "results" / "techniques.json"


def compare(
    task: Task, techniques: Sequence[str] = (), seed: int = 0, results: Path = RESULTS, build: Path = BUILD
) -> Iterator[tuple[str, int | None, Result]]:
    """Yield the technique, the size and the measurements of each row.

    Rows that ``results`` contains are not measured again, so an interrupted comparison continues where it stopped.
    A row is identified by the name of the task, the technique, the size and the seed: change the name when you change
    anything else.

    Args:
        task: the network, and what all techniques share.
        techniques: names from :data:`bench.techniques.registry.TECHNIQUES`; if empty, all of them.
        seed: seed of all random numbers.
        results: the JSON file of the results.
        build: folder for the files that the techniques make.

    Raises:
        Missing: something that a technique needs is missing. Nothing has been measured.
    """
    torch.set_num_threads(1)
    build.mkdir(parents=True, exist_ok=True)
    jobs = [
        Job(task, name, size, 1.0, None, seed, trial=False)
        for name in techniques or TECHNIQUES
        for size in (task.sizes if TECHNIQUES[name].sized else (None,))
    ]
    known = recorded(results)
    _require({job.technique for job in jobs if key(job) not in known})
    for job in jobs:
        yield job.technique, job.size, _row(job, TECHNIQUES[job.technique], results, build)


def _require(techniques: Collection[str]) -> None:
    """Check that everything that techniques need is there."""
    checks = [measuring.require] if techniques else []
    checks += [technique.require for name, technique in TECHNIQUES.items() if name in techniques]
    missing: dict[str, None] = {}
    for check in checks:
        try:
            check()
        except Missing as reason:
            missing[str(reason)] = None
    if missing:
        raise Missing("\n".join(missing))


def key(job: Job) -> str:
    """Return the key of a result."""
    return ", ".join([job.task.name, job.technique, *([str(job.size)] if job.size else []), f"seed {job.seed}"])


def _row(job: Job, technique: Technique, results: Path, build: Path) -> Result:
    if technique.tuned:
        job = replace(job, tuned=_tuned(replace(job, technique=TUNED, size=None), results, build))

    def measure() -> Result:
        start = time.process_time()
        torch.manual_seed(job.seed)
        try:
            chosen, validation = _chosen(job, technique, build)
            made = technique.make(chosen)
        except Unreachable as reason:
            job.say(f"not reachable: {reason}")
            return {"unreachable": str(reason)}
        _keep(job, made, build)
        figures = measured(chosen, made)
        tried = {"rate": chosen.rate, "strength": chosen.strength, "validation": validation}
        if len(technique.rates) > 1:
            tried["samples"] = job.task.settings.epochs * chosen.data.samples
        job.say(f"{figures['bytes']:,} B, {figures['metric']:.4g} %")
        return figures | tried | {"seconds": round(time.process_time() - start)}

    return kept(results, key(job), measure)


def _tuned(job: Job, results: Path, build: Path) -> Path:
    """Return the file of the dense network after further training. If only its result is known, train it again."""
    row, path = _row(job, TECHNIQUES[TUNED], results, build), _file(job, build)
    if not path.exists():
        _keep(job, TECHNIQUES[TUNED].make(replace(job, rate=row["rate"])), build)
    return path


def _keep(job: Job, made: Made, build: Path) -> None:
    """Write the file that a technique made."""
    with replacing(_file(job, build)) as file:
        file.write(made.data)


def _chosen(job: Job, technique: Technique, build: Path) -> tuple[Job, float | None]:
    """Return the job with the best hyperparameters, and its metric on the validation set in percent."""
    rate = technique.rates[len(technique.rates) // 2]
    strength = technique.strengths[len(technique.strengths) // 2]
    if len(technique.rates) > 1:
        at = replace(job, strength=strength)
        rates = {each: _goodness(_validated(replace(at, rate=each), technique, build), job) for each in technique.rates}
        rate = max(rates, key=lambda each: rates[each])
    jobs = [replace(job, rate=rate, strength=each) for each in technique.strengths]
    if len(technique.rates) == 1 and len(jobs) == 1:
        return jobs[0], None
    trials = [_validated(each, technique, build) for each in jobs]
    scores = [_goodness(trial, job) for trial in trials]
    if max(scores) == -math.inf:
        reason = trials[-1].get("unreachable", "the metric is NaN")
        raise Unreachable(f"no hyperparameters result in a file of that size: {reason}")
    best = scores.index(max(scores))
    return jobs[best], trials[best]["metric"]


def _validated(job: Job, technique: Technique, build: Path) -> Result:
    """Return the metric on the validation set in percent, or why the size is out of reach."""
    trial = replace(job, trial=True)

    def measure() -> dict[str, Any]:
        torch.manual_seed(job.seed)
        try:
            made = technique.make(trial)
        except Unreachable as reason:
            trial.say(f"not reachable: {reason}")
            return {"unreachable": str(reason)}
        found = score(trial, made, trial.data.test)
        trial.say(f"{len(made.data):,} B, {found:.4g} % on the validation set")
        return {"metric": found, "bytes": len(made.data)}

    words = f"{key(job)}, rate {job.rate:g}, strength {job.strength}"
    return kept(build / "trials.json", words, measure)


def _goodness(trial: Result, job: Job) -> float:
    """Return the metric of a trial, negative if a lower one is better; −∞ if there is none."""
    if "bytes" not in trial or math.isnan(trial["metric"]):
        return -math.inf
    return float(trial["metric"]) if job.task.recipe.maximize else -float(trial["metric"])


def _file(job: Job, build: Path) -> Path:
    """Return the path of the file that a technique makes."""
    words = "".join(each if each.isalnum() else "-" for each in key(job))
    return build / f"{words}.frz"
