"""Encode a checkpoint to a file, one tensor at a time."""

from __future__ import annotations

import hashlib
import math
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import frformat
from frformat.checkpoints import Checkpoint, Entry
from frformat.dtypes import REAL_DTYPES, all_finite, dtype_name
from frformat.encoding.detection import spectra
from frformat.encoding.policy import Decision, Policy
from frformat.encoding.selection import energy_left
from frformat.encoding.source import Coefficients, Source, Weights, blocks
from frformat.errors import EncodeError, ReadError
from frformat.format.coders import byte_view
from frformat.format.grouping import kept_per_tier
from frformat.format.options import Progress
from frformat.format.reader import FrzFile, opened
from frformat.format.tensor import CodedTensor
from frformat.spectral.sparse import Sparse
from frformat.spectral.spectrum import Spectrum
from frformat.wording import are, count

Array = NDArray[Any]
Stored = Array | Spectrum | CodedTensor
Older = Callable[[], CodedTensor | None]
StrPath = str | os.PathLike[str]

BYTES: Final = {"auto": 4.0, "f32": 4.0, "f16": 2.0, "bf16": 2.0}
"""Approximate bytes per coefficient in each number format; N/8 for ``qN``, and 1 for ``step=S``."""

WORTH: Final = 0.98
"""Weights are stored as a spectrum if that takes at most this share of their size when stored unchanged."""

SOUND: Final = 0.98
"""Networks rarely work with weights that retain less than this share of their energy."""

SAMPLE: Final = 1 << 20
"""Number of bytes to compress in order to estimate a tensor's size in the file."""


@dataclass(frozen=True)
class TensorReport:
    """The outcome for one tensor.

    Attributes:
        coding: ``raw`` (unchanged elements), ``dct`` (the first coefficients of a DCT), ``rounded`` (elements in a
            number format or as multiples of steps), or ``kept`` (copied from an ``.frz`` file).
        kept: number of coefficients stored; None unless ``coding`` is ``dct``.
        energy: share of the sum of squared weights that is retained; None for ``raw`` and ``kept``.
        error: largest error of a rebuilt weight, relative to the largest weight; 0 if nothing is lost.
        note: why a tensor is ``raw`` although the policy requires something else, or a remark that it was rebuilt.
        digest: :func:`digest` of what a reader will get; empty if that is the input tensor itself.
    """

    coding: str
    kept: int | None = None
    energy: float | None = None
    error: float = 0.0
    note: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Report:
    """The outcome for a checkpoint.

    Attributes:
        tensors: the outcome for each tensor.
        notes: remarks for the user on how the checkpoint was interpreted, one line each.
    """

    tensors: dict[str, TensorReport]
    notes: list[str]


def encode(
    checkpoint: Checkpoint,
    path: StrPath,
    policy: Policy | None = None,
    *,
    metadata: Mapping[str, str] | None = None,
    tiers: Sequence[int | float] = (),
    compression: str = "auto",
    progress: Progress | None = None,
    base: StrPath | None = None,
) -> Report:
    """Write a checkpoint to an ``.frz`` file. Tensors are read and coded one at a time.

    Args:
        checkpoint: the tensors; its metadata and tied names are also written.
        path: destination; an existing file is replaced once the new one is complete.
        policy: how to store each tensor. Without a policy, everything is lossless: weights are stored unchanged, and
            spectra keep all coefficients.
        metadata: additional metadata, which takes precedence over that of the checkpoint.
        tiers: see :func:`frformat.save_file`.
        compression: see :func:`frformat.save_file`.
        progress: called with a tensor's name and the number of bytes of the dense tensor processed since the last call.
        base: an older version of the file; only the difference from it is written, see :func:`frformat.save_file`.
            Plain tensors in the format ``qN`` are quantized with the steps that they have in the base, if any.

    Raises:
        FrzError: the base is not valid.
        EncodeError: a tensor cannot be coded as requested (the error names it), or an option cannot be satisfied.
        OSError: a file cannot be read or written.
    """
    with opened(base) as held:
        encoder = _Encoder(checkpoint, policy or Policy(), progress or (lambda name, done: None), held, tiers)
        frformat.save_file(
            encoder,
            path,
            metadata={**checkpoint.metadata, **(metadata or {})},
            aliases=checkpoint.aliases,
            format={name: decision.format for name, decision in encoder.decisions.items()},
            tiers=tiers,
            compression=compression,
            progress=encoder.written,
            base=held,
        )
    return Report(encoder.reports, [*checkpoint.notes, *encoder.notes, *encoder.losses()])


class _Encoder(Mapping[str, Stored]):
    """The tensors of a checkpoint in the form to be stored. A lookup decides on that form and records the outcome."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        policy: Policy,
        progress: Progress,
        base: FrzFile | None,
        tiers: Sequence[int | float],
    ) -> None:
        self._entries = checkpoint.entries
        self._base = base
        self._progress = progress
        self._tiers = tiers
        self._smallest: dict[str, float] = {}  # the share of the energy that a spectrum retains in tier 0
        self.reports: dict[str, TensorReport] = {}
        for rule in policy.rules:
            if not any(rule.matches(name) for name in (*checkpoint, *checkpoint.aliases)):
                names = ", ".join(list(checkpoint)[:3])
                raise EncodeError(f"the rule for {rule.pattern!r} matches no tensor; the names are {names} …")
        others: dict[str, list[str]] = {}
        for alias, name in checkpoint.aliases.items():
            others.setdefault(name, []).append(alias)
        spectral, notes = spectra(self._entries, policy.spectral)
        self.notes = notes
        self.decisions: dict[str, Decision] = {
            name: policy.decide([name, *others.get(name, ())], entry, spectral) for name, entry in self._entries.items()
        }
        if tiers and all(decision.selection is None for decision in self.decisions.values()):
            raise EncodeError("tiers apply to spectra, but there are none: say how much to keep, energy or max-error")

    def __getitem__(self, name: str) -> Stored:
        entry = self._entries[name]
        try:
            value, self.reports[name] = _coded(entry, self.decisions[name], lambda: self._older(name))
        except ReadError:  # names the tensor and the file
            raise
        except EncodeError as error:
            raise EncodeError(f"tensor {name!r}: {error}") from error
        energy = self.reports[name].energy
        if self._tiers and energy is not None and isinstance(value, Spectrum):
            self._smallest[name] = energy * _share(value, kept_per_tier(value.kept, self._tiers)[0])
        if not isinstance(value, np.ndarray):
            self._progress(name, entry.nbytes)
        return value

    def _older(self, name: str) -> CodedTensor | None:
        """Return the version of a tensor in the base, or None if there is none."""
        return self._base.stored(name) if self._base is not None and name in self._base else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def losses(self) -> list[str]:
        """Return warnings about weights that have lost too much of their energy, in the last tier or in the first."""
        last = {
            name: report.energy
            for name, report in self.reports.items()
            if report.coding in ("dct", "rounded") and report.energy is not None
        }
        first = {name: energy for name, energy in self._smallest.items() if name in last and last[name] >= SOUND}
        return [
            *self._warnings(last, "", "use `frformat compress` instead"),
            *self._warnings(first, "in tier 0, ", "train the tiers together with `frformat train --tiers`"),
        ]

    def _warnings(self, energies: Mapping[str, float], where: str, advice: str) -> list[str]:
        """Return a warning if weights retain too little energy. Spectra from training do not count as weights."""
        poor = {name: left for name, left in energies.items() if left < SOUND and not self.decisions[name].spectral}
        if not poor:
            return []
        worst = min(poor, key=poor.__getitem__)
        verb = "retains" if len(poor) == 1 else "retain"
        what = f"{where}{len(poor)} of {count(len(self), 'tensor')} {verb} less than {SOUND:.0%} of the energy"
        return [f"warning: {what}; {worst} retains {poor[worst]:.1%}; trained networks rarely survive that: {advice}"]

    def written(self, name: str, done: int) -> None:
        """Report the writer's progress, except for computed tensors, which were reported when they were computed."""
        if self.reports[name].coding == "raw":
            self._progress(name, done)


def digest(stored: Stored) -> str:
    """Return the hexadecimal SHA-256 digest of a tensor's type, shape and values as a reader will get them."""
    if isinstance(stored, CodedTensor):
        spectrum = stored.spectrum()
        stored = stored.rebuild() if spectrum is None else spectrum
    if isinstance(stored, Spectrum):
        what, numbers = f"{stored.dtype} {stored.shape} {stored.view}", stored.coefficients
    else:
        what, numbers = f"{dtype_name(stored.dtype)} {stored.shape}", stored
    return hashlib.sha256(what.encode() + byte_view(np.ascontiguousarray(numbers))).hexdigest()


def _coded(entry: Entry, decision: Decision, older: Older) -> tuple[Stored, TensorReport]:
    """Return one tensor in the form to be stored, and the outcome; ``older`` returns the base's tensor."""
    if entry.shared and entry.kind == "dense" and (decision.selection is not None or decision.format != "auto"):
        return entry.array(), TensorReport("raw", note="its elements share memory")
    if decision.selection is None and not decision.spectral:
        return _plain(entry, decision.format, older)
    if entry.dtype not in REAL_DTYPES:
        return entry.array(), TensorReport("raw", note=f"{entry.dtype} has no spectrum")
    source = _source(entry, decision)
    if decision.selection is None:
        weights = source.spectrum(source.count).weights()
        return weights, TensorReport("raw", note="rebuilt from its spectrum", digest=digest(weights))
    fmt = decision.format
    most, limit = source.count, math.inf
    if isinstance(source, Weights):
        limit = WORTH * _stored_size(entry.array())
        per_coefficient = float(fmt[1:]) / 8 if fmt.startswith("q") else BYTES.get(fmt, 1.0)
        most = min(most, math.ceil(limit / per_coefficient))
    k = decision.selection.choose(source, lambda spectrum: _as_stored(spectrum, fmt), most)
    if k is None:
        note = f"{count(most, 'coefficient')} {are(most)} not enough, and more would save almost nothing"
        return entry.array(), TensorReport("raw", note=note)
    spectrum = source.spectrum(k)
    coded = CodedTensor.of_spectrum(spectrum, fmt)
    stored = coded.spectrum()
    assert stored is not None
    if _stored_size(_narrowed(coded.values)) > limit:
        return entry.array(), TensorReport("raw", note=f"{count(k, 'coefficient')} would save almost nothing")
    energy, error = energy_left(source, spectrum, stored), source.error(stored)
    return spectrum, TensorReport("dct", k, energy, error, digest=digest(stored))


def _plain(entry: Entry, fmt: str, older: Older) -> tuple[Stored, TensorReport]:
    """Return a tensor without a transform: unchanged, or in a number format."""
    if entry.kind == "coded" and fmt == "auto":
        value = entry.load()
        assert isinstance(value, CodedTensor)
        return value, TensorReport("kept", digest=digest(value))
    array = entry.array()
    if fmt == "auto":
        return array, TensorReport("raw")
    if entry.dtype not in REAL_DTYPES:
        return array, TensorReport("raw", note=f"{entry.dtype} is stored exactly, not as {fmt}")
    if not all_finite(array):
        return array, TensorReport("raw", note=f"not all elements are finite, so they are not stored as {fmt}")
    before = older() if fmt.startswith("q") else None
    coded = CodedTensor.like(array, before) if before is not None else None
    if coded is None:
        coded = CodedTensor.of_array(array, fmt, axis=0 if array.ndim > 1 else None)
    energy, error = _lost(array, coded.rebuild())
    return coded, TensorReport("rounded", None, energy, error, digest=digest(coded))


def _lost(array: Array, stored: Array) -> tuple[float, float]:
    """Return the share of the energy that is retained, and the largest error relative to the largest element."""
    energy = lost = largest = error = 0.0
    for a, b in zip(blocks(array), blocks(stored), strict=True):
        gap = a - b
        energy, lost = energy + float(np.vdot(a, a)), lost + float(np.vdot(gap, gap))
        largest, error = max(largest, float(np.abs(a).max())), max(error, float(np.abs(gap).max()))
    return (1 - lost / energy, error / largest) if energy and largest else (1.0, error)


def _share(spectrum: Spectrum, kept: int) -> float:
    """Return the share of a spectrum's energy that its first ``kept`` coefficients contain."""
    squares = np.square(spectrum.coefficients, dtype=np.float64)
    total = float(squares.sum())
    return float(squares[:kept].sum()) / total if total else 1.0


def _narrowed(values: Array) -> Array:
    """Return integers in the narrowest type that can represent all of them."""
    if values.dtype.kind != "i":
        return values
    return values.astype(np.min_scalar_type(-int(np.abs(values).max(initial=1))))


def _source(entry: Entry, decision: Decision) -> Source:
    """Return the source of a tensor's coefficients: the tensor itself if it is a spectrum, else its weights."""
    view = decision.view
    if not decision.spectral:
        return Weights(entry.array(), view)
    value = entry.load()
    if isinstance(value, Spectrum):
        if view not in (None, value.spectral_shape):
            raise EncodeError(f"its spectrum was taken in shape {list(value.spectral_shape)}, not {list(view or ())}")
        return Coefficients(value)
    if isinstance(value, CodedTensor):
        value = value.rebuild()
    return Coefficients((value if isinstance(value, Sparse) else Sparse.of(value)).spectrum(view))


def _as_stored(spectrum: Spectrum, fmt: str) -> Spectrum:
    """Return a spectrum as a reader gets it if it is stored in a number format."""
    stored = CodedTensor.of_spectrum(spectrum, fmt).spectrum()
    assert stored is not None
    return stored


def _stored_size(array: Array) -> int:
    """Estimate the size of an array in the file, in bytes, from its first elements."""
    sample = array.reshape(-1)[: SAMPLE // array.itemsize]
    return len(zlib.compress(sample.tobytes(), 1)) * array.size // max(sample.size, 1)
