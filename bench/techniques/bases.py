"""Techniques that change the basis of weights: Tucker factors, and Frequency Regularization."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any, Final

from torch import Tensor, nn

from bench.techniques.jobs import Job, Made, Unreachable
from bench.techniques.storing import encoded, fitted, pickled, rounded_tensors
from frformat.torch import decompose, factorize, load_model, regularize
from frformat.torch.regularization.file_size import fit_file_size
from frformat.torch.regularization.state import spectral_state

ATTEMPTS: Final = 4
"""Maximum number of times that coefficients are dropped to make a file small enough."""


def tucker(job: Job) -> Made:
    """Decompose the network into Tucker factors, and train them."""
    assert job.size is not None
    model = job.task.model()
    try:
        decompose(model, parameters=round(job.strength * job.size), batches=job.calibration())
    except ValueError as error:
        if "budget" not in str(error):
            raise
        raise Unreachable(str(error)) from error
    numbers = sum(parameter.numel() for parameter in model.parameters())
    trained = job.fit(model)
    data, bits = fitted(trained, job.size)
    note = f"{numbers:,} parameters, {bits} bits"
    return _factored(job, data, pickled(trained.state_dict()), note)


def scheduled(job: Job) -> Made:
    """Train a given number of coefficients (Frequency Regularization).

    The strength is a pair: the schedule and the number of coefficients per byte. The schedule ``prune`` converts the
    dense network and keeps its largest coefficients; ``start`` trains the first coefficients from scratch.
    """
    assert job.size is not None
    schedule, share = job.strength
    settings = dict(job.task.spectra(round(share * job.size)))
    if schedule == "prune":
        settings |= job.task.pruned
    model = job.fit(weights=job.task.dense() if schedule == "prune" else None, **_spectral(job, settings))
    data, bits = fitted(model, job.size)
    return _factored(job, data, _native(model), f"{bits} bits")


def by_size(job: Job) -> Made:
    """Train for a file size (Frequency Regularization with a rate term), from ``dense`` weights or from ``scratch``."""
    assert job.size is not None
    settings = dict(job.task.spectra(job.size)) | {"format": None}
    weights = job.task.dense() if job.strength == "dense" else None
    size = job.size + _saving(job, settings)
    try:
        model = job.fit(weights=weights, size=size, **_spectral(job, settings))
    except ValueError as error:
        if not str(error).startswith("size="):
            raise
        raise Unreachable(str(error)) from error
    data = encoded(rounded_tensors(model))
    for _ in range(ATTEMPTS):
        if len(data) > job.size:  # rounding the other tensors saved less than expected
            size -= len(data) - job.size
            fit_file_size(model, size)
            data = encoded(rounded_tensors(model))
    if len(data) > job.size:
        raise Unreachable(f"{len(data):,} bytes after training")
    return _factored(job, data, _native(model), "steps learned in training")


def _saving(job: Job, settings: dict[str, Any]) -> int:
    """Return how many bytes rounding saves in tensors without coefficients, which the rate term counts as exact."""
    model = job.task.model()
    regularize(model, settings.get("keep", 1.0), rules=settings.get("rules", ()), example=job.example())
    plain = {name for name, value in spectral_state(model).items() if isinstance(value, Tensor)}
    exact, shorter = spectral_state(model), rounded_tensors(model)
    return len(encoded({name: exact[name] for name in plain})) - len(encoded({name: shorter[name] for name in plain}))


def _spectral(job: Job, settings: dict[str, Any]) -> dict[str, Any]:
    return {"dense": False, "plain_lr": job.task.settings.lr * job.rate} | settings | {"lr": settings["lr"] * job.rate}


def _factored(job: Job, data: bytes, native: int, note: str) -> Made:
    """Return the result for a file: costs are those of the factored network, the metric is that of rebuilt weights."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.frz"
        path.write_bytes(data)
        plain: nn.Module = job.task.model()
        load_model(plain, path)
        model = factorize(copy.deepcopy(plain), job.example(), path)
    return Made(data, model, native, evaluated=plain.eval(), costed=True, note=note)


def _native(model: nn.Module) -> int:
    """Return the size of the exact coefficients as ``torch.save`` writes them, in half precision."""
    return pickled({name: value.half() for name, value in model.state_dict().items() if value.is_floating_point()})
