"""Read untrusted reports of the benchmark suite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from frformat.parity.fields import Fields, reading

FORMAT: Final = "frz-suite-report"
VERSION: Final = 1
ENTRIES: Final = 4_096
"""Largest number of entries in a list."""


@dataclass(frozen=True)
class Score:
    """The score of a runtime; each ratio is dense divided by compressed, so a value above 1 is an improvement.

    Attributes:
        runtime: name of the runtime.
        speedup: geometric mean of the speed-ups over the dense networks; None if no network counts.
        bytes_ratio: geometric mean of the ratios of file sizes.
        memory_ratio: geometric mean of the ratios of native memory.
        counted: names of the networks that count.
        excluded: reasons why other networks do not count, by name.
    """

    runtime: str
    speedup: float | None
    bytes_ratio: float | None
    memory_ratio: float | None
    counted: tuple[str, ...]
    excluded: dict[str, str]


@dataclass(frozen=True)
class Variant:
    """A variant of a network on a runtime.

    Attributes:
        name: ``dense``, ``rebuilt`` or ``factored``.
        failure: why it has no results, or None.
        numbers: its numeric results, under their names in the report.
        against_dense: ratios under their names in the report; empty for the dense network.
        reason: why it does not count toward the score, or None.
    """

    name: str
    failure: str | None
    numbers: dict[str, float]
    against_dense: dict[str, float]
    reason: str | None

    @property
    def sound(self) -> bool:
        """Whether it ran, and its error is within the tolerance."""
        return self.failure is None and self.numbers["error"] <= self.numbers["tolerance"]


@dataclass(frozen=True)
class Heat:
    """The heat of the device during a test; unknown values are None.

    Attributes:
        temperature: temperature after the test in °C.
        status: how much the device reduced its performance, in Android's words, such as ``moderate``.
        headroom: thermal headroom after the test; at 1, the status becomes ``severe``.
    """

    temperature: float | None = None
    status: str | None = None
    headroom: float | None = None

    @property
    def known(self) -> bool:
        """Whether any of the values is known."""
        return self != Heat()


@dataclass(frozen=True)
class NetworkRun:
    """A network on a runtime.

    Attributes:
        network, title, task, metric, runtime, scored: as in the report.
        variants: the variants; the first is dense.
        heat: heat of the device.
    """

    network: str
    title: str
    task: str
    metric: str
    runtime: str
    scored: str
    variants: tuple[Variant, ...]
    heat: Heat


@dataclass(frozen=True)
class Learning:
    """The test of on-device learning.

    Attributes:
        failure: why it has no results, or None.
        numbers: its numeric results, under their names in the report.
        heat: heat of the device.
    """

    failure: str | None
    numbers: dict[str, float]
    heat: Heat

    @property
    def sound(self) -> bool:
        """Whether it ran, and its error is within the tolerance."""
        return self.failure is None and self.numbers["error"] <= self.numbers["tolerance"]


@dataclass(frozen=True)
class Growth:
    """The test of a runtime with growing resolutions.

    Attributes:
        runtime: name of the runtime.
        limit: memory limit in bytes.
        pixel_ratio: number of pixels that the factored network can process within the limit, divided by that of the
            dense network; None if unknown.
        series: the steps (pixels, peak bytes) of each variant, by its name.
        failures: why a variant's steps end before the limit and the last resolution, by its name.
    """

    runtime: str
    limit: int
    pixel_ratio: float | None
    series: dict[str, tuple[tuple[int, int], ...]]
    failures: dict[str, str]


@dataclass(frozen=True)
class App:
    """One of several applications that run at the same time; rates are in frames per second."""

    network: str
    variant: str
    goal_fps: float
    scheduled_fps: float
    dense_fps: float


@dataclass(frozen=True)
class Sharing:
    """The test of a runtime with several applications at once.

    Attributes:
        runtime: name of the runtime.
        failure: why it has no results, or None.
        capacity: number of dense networks that the device runs in the time of one; None if the test failed.
        apps: the applications; empty if the test failed.
        heat: heat of the device.
    """

    runtime: str
    failure: str | None
    capacity: float | None
    apps: tuple[App, ...]
    heat: Heat


@dataclass(frozen=True)
class SuiteReport:
    """A report of the benchmark suite.

    Attributes:
        path: the document.
        about: strings and numbers of ``producer`` and ``device``, under names such as ``device.model``.
        threads: number of threads of each runtime.
        short: whether only the short form of the suite was run.
        seconds: duration.
        scores: one for each runtime.
        networks: one for each network and runtime.
        learning: the test of on-device learning; None if it was not run.
        sharing: the test of several applications of each runtime on which it was run.
        memory: the memory test of each runtime on which it was run.
    """

    path: str
    about: dict[str, str | float]
    threads: int
    short: bool
    seconds: float
    scores: tuple[Score, ...]
    networks: tuple[NetworkRun, ...]
    learning: Learning | None
    sharing: tuple[Sharing, ...]
    memory: tuple[Growth, ...]

    @property
    def sound(self) -> bool:
        """Whether every test ran, and every error is within its tolerance.

        The test of growing resolutions does not matter here, because it runs until the memory ends.
        """
        learned = self.learning is None or self.learning.sound
        shared = all(each.failure is None for each in self.sharing)
        return learned and shared and all(variant.sound for run in self.networks for variant in run.variants)


def is_suite_report(path: str) -> bool:
    """Return whether a file is a report of the suite rather than a parity report.

    Raises:
        ReportError: it is not a JSON document within the limits.
        OSError: it cannot be read.
    """
    with reading(path) as document:
        return bool(document.value("format") == FORMAT)


def read_suite_report(path: str) -> SuiteReport:
    """Read a report.

    Raises:
        ReportError: it is not a valid report.
        OSError: it cannot be read.
    """
    with reading(path) as document:
        document.identify(FORMAT, VERSION, "report of the suite")
        learning = document.object("learning")
        return SuiteReport(
            path=path,
            about=document.about("producer", "device"),
            threads=document.integer("threads", required=True) or 0,
            short=_flag(document, "short"),
            seconds=_number(document, "seconds"),
            scores=tuple(_score(each) for each in _entries(document, "scores")),
            networks=tuple(_network(each) for each in _entries(document, "networks")),
            learning=_learning(learning) if learning else None,
            sharing=tuple(_sharing(each) for each in _entries(document, "sharing")),
            memory=tuple(_growth(each) for each in _entries(document, "memory")),
        )


def _score(members: Fields) -> Score:
    excluded = {_text(each, "network"): _text(each, "reason") for each in _entries(members, "excluded")}
    counted = members.array("counted", limit=ENTRIES)
    if not all(isinstance(name, str) for name in counted):
        members.refuse("counted", "contains something that is not a string")
    speedup, size, memory = (members.number(name) for name in ("speedup", "bytes_ratio", "memory_ratio"))
    return Score(_text(members, "runtime"), speedup, size, memory, tuple(counted), excluded)


def _network(members: Fields) -> NetworkRun:
    names = (_text(members, name) for name in ("network", "title", "task", "metric", "runtime", "scored"))
    variants = tuple(_variant(each) for each in _entries(members, "variants"))
    if not variants:
        members.refuse("variants", "is empty")
    network, title, task, metric, runtime, scored = names
    return NetworkRun(network, title, task, metric, runtime, scored, variants, _heat(members))


def _variant(members: Fields) -> Variant:
    name, failure = _text(members, "name"), members.text("failure")
    if failure is not None:
        return Variant(name, failure, _numbers(members, "file_bytes"), {}, failure)
    required = ("file_bytes", "load_ms", "first_ms", "median_ms", "p90_ms", "error", "tolerance", "score")
    ratios = members.object("against_dense")
    against = _numbers(ratios, "speedup", "bytes_ratio", "score_share") if ratios else {}
    return Variant(name, None, _numbers(members, *required), against, ratios.text("reason") if ratios else None)


def _learning(members: Fields) -> Learning:
    failure = members.text("failure")
    required = ("file_bytes",) if failure is not None else ("file_bytes", "error", "tolerance", "score", "median_ms")
    return Learning(failure, _numbers(members, *required), _heat(members))


def _sharing(members: Fields) -> Sharing:
    runtime, failure = _text(members, "runtime"), members.text("failure")
    if failure is not None:
        return Sharing(runtime, failure, None, (), _heat(members))
    apps = []
    for each in _entries(members, "apps"):
        rates = (_number(each, name) for name in ("goal_fps", "scheduled_fps", "dense_fps"))
        apps.append(App(_text(each, "network"), _text(each, "variant"), *rates))
    return Sharing(runtime, None, _number(members, "capacity"), tuple(apps), _heat(members))


def _heat(members: Fields) -> Heat:
    status = members.text("thermal_status")
    return Heat(members.number("temperature"), status, members.number("thermal_headroom"))


def _growth(members: Fields) -> Growth:
    series, failures = {}, {}
    for each in _entries(members, "series"):
        steps = []
        for step in _entries(each, "steps"):
            height, width, peak = (step.integer(name, required=True) or 0 for name in ("height", "width", "peak"))
            steps.append((height * width, peak))
        variant, failure = _text(each, "variant"), each.text("failure")
        series[variant] = tuple(steps)
        if failure is not None:
            failures[variant] = failure
    limit = members.integer("limit", required=True) or 0
    return Growth(_text(members, "runtime"), limit, members.number("pixel_ratio"), series, failures)


def _entries(members: Fields, name: str) -> list[Fields]:
    where = f"{members.where}.{name}" if members.where else name
    return [Fields(each, f"{where}[{i}]") for i, each in enumerate(members.array(name, required=True, limit=ENTRIES))]


def _text(members: Fields, name: str) -> str:
    return members.text(name, required=True) or ""


def _flag(members: Fields, name: str) -> bool:
    found: Any = members.value(name, required=True)
    if not isinstance(found, bool):
        members.refuse(name, "is not true or false")
    return found


def _number(members: Fields, name: str) -> float:
    return members.number(name, required=True) or 0.0


def _numbers(members: Fields, *required: str) -> dict[str, float]:
    """Return all members that are numbers, after checking that those required exist."""
    for name in required:
        members.number(name, required=True)
    return {key: float(value) for key, value in members.flat().items() if not isinstance(value, str)}
