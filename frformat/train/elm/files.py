"""Extreme Learning Machines in ``.frz`` files: the seed of the hidden layer, and the output layer."""

from __future__ import annotations

import os
from dataclasses import asdict, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import frformat
from frformat import Axis, CodedTensor
from frformat.checkpoints.reading import said
from frformat.errors import EncodeError
from frformat.train.elm.convolution import Convolution
from frformat.train.elm.dense import Dense
from frformat.train.elm.estimators import ELMClassifier, ELMRegressor
from frformat.train.elm.hidden import CONSTANT

StrPath = str | os.PathLike[str]

KINDS: Final = {kind.kind: kind for kind in (Convolution, Dense)}
"""Settings of hidden layers by name."""

WEIGHT: Final = "hidden.weight"
OUTPUT: Final = "output.weight"

_NUMBER: Final[dict[str, Any]] = {"int": int, "float": float, "str": str}

PREFIX: Final = "elm."
"""Prefix of the metadata keys."""


def save(model: ELMClassifier | ELMRegressor, path: StrPath, *, format: str = "q8") -> None:
    """Write a model to a file.

    Its tensors are ``hidden.weight`` and ``hidden.bias`` (stored as seeds), ``output.weight`` and ``output.bias``. The
    sums over the samples are not written: a loaded model can predict, but cannot learn further.

    Args:
        model: a fitted model.
        path: destination.
        format: number format of the output layer's weights: ``qN`` has one step per output, and ``f32`` is exact.

    Raises:
        EncodeError: a label has a line break or a null at its end, or is neither an integer nor a string, or the format
            does not exist.
        OSError: the file cannot be written.
    """
    layer: Any = model.layer_
    weights = np.asarray(model.weights_.T, np.float32)
    units = layer.settings.unit_field
    facts = {key: str(value) for key, value in asdict(layer.settings).items() if key != units}
    facts |= {"hidden": layer.settings.kind, "seed": str(layer.seed), "input": " ".join(map(str, model.shape_))}
    facts |= _labels(model.classes_) if isinstance(model, ELMClassifier) else {"flat": str(int(model.flat_))}
    shape = (len(weights), *layer.output_shape)
    frformat.save_file(
        {
            WEIGHT: _seeded(layer.weight_shape, layer.seed, layer.scale),
            "hidden.bias": _seeded((layer.units,), layer.seed + 1, np.float32(1)),
            OUTPUT: _rounded(weights[:, CONSTANT:].reshape(shape), format),
            "output.bias": weights[:, 0],
        },
        path,
        metadata={PREFIX + key: value for key, value in facts.items()},
    )


def check_format(format: str) -> None:
    """Check the number format for :func:`save` before learning.

    Raises:
        EncodeError: the format does not exist.
    """
    _rounded(np.array([[0.5, 1]], np.float32), format)


def _rounded(weights: NDArray[np.float32], format: str) -> CodedTensor:
    return CodedTensor.of_array(weights, format, axis=0 if format.startswith("q") else None)


def load(path: StrPath) -> ELMClassifier | ELMRegressor:
    """Read a model from a file. It can predict, but cannot learn further.

    Raises:
        EncodeError: the file does not contain a model of this kind, or its parts do not fit together.
        FrzError: the file is damaged.
        OSError: the file cannot be read.
    """
    with frformat.open(path) as file:
        facts = {key[len(PREFIX) :]: value for key, value in file.metadata.items() if key.startswith(PREFIX)}
        names = set(file.keys())
        if not {WEIGHT, OUTPUT, "output.bias"} <= names or facts.get("hidden") not in KINDS:
            raise EncodeError(f"{os.fspath(path)} does not contain an Extreme Learning Machine")
        hidden, output, bias = file[WEIGHT], file[OUTPUT], file["output.bias"]
    try:
        settings = _settings(KINDS[facts["hidden"]], facts, len(hidden))
        shape = tuple(map(int, facts["input"].split()))
        layer: Any = settings.layer(shape, int(facts["seed"]))
        weights = np.column_stack((bias, output.reshape(len(bias), -1))).T.astype(np.float64)
        # Shapes come first: metadata can claim a layer that is far larger than the file.
        fitting = hidden.shape == layer.weight_shape and output.shape[1:] == layer.output_shape
        if not fitting or not np.array_equal(hidden, layer.weights):
            raise ValueError("its hidden layer does not match its seed")
        model = ELMRegressor(settings, seed=layer.seed) if "flat" in facts else ELMClassifier(settings, seed=layer.seed)
        if isinstance(model, ELMClassifier):
            labels: list[Any] = facts["classes"].split("\n")
            model.classes_ = np.array(list(map(int, labels)) if facts["labels"] == "int" else labels)
            if len(labels) != len(bias):
                raise ValueError(f"it has {len(labels)} labels for {len(bias)} outputs")
        else:
            model.flat_ = facts["flat"] == "1"
    except (KeyError, ValueError) as error:
        raise EncodeError(f"{os.fspath(path)} is not a valid Extreme Learning Machine: {said(error)}") from error
    model.restore(shape, layer, weights)
    return model


def _seeded(shape: tuple[int, ...], seed: int, scale: np.float32) -> CodedTensor:
    """Return a tensor of seeded numbers times ``scale``; it stores only ``scale`` and the seed."""
    count = int(np.prod(shape))
    return CodedTensor(np.array([scale], np.float32), shape, "f32", (Axis("seeded", seed),), view=(count,))


def _settings(kind: Any, facts: dict[str, str], units: int) -> Any:
    """Return the settings of a hidden layer from metadata."""
    stored = (field for field in fields(kind) if field.name != kind.unit_field)
    found = {field.name: _NUMBER[str(field.type)](facts[field.name]) for field in stored}
    return kind(**found, **{kind.unit_field: units})


def _labels(classes: NDArray[Any]) -> dict[str, str]:
    texts = [str(label) for label in classes]
    whole = classes.dtype.kind in "iu"
    strings = all(isinstance(label, str) for label in classes.tolist())
    if not (whole or strings) or any("\n" in text or text.endswith("\0") for text in texts):  # NumPy strips the latter
        raise EncodeError(
            "a label is neither an integer nor a string without line breaks and without a null at its end"
        )
    return {"classes": "\n".join(texts), "labels": "int" if whole else "text"}
