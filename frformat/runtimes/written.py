"""The result of an export."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Export:
    """A description of the written file.

    Attributes:
        path: the file.
        bytes: size of the file in bytes.
        runtime: the runtime, such as ``PyTorch Mobile``.
        release: the oldest release that can run the file, such as ``1.12.2``; None if there is no limit.
        tensors: names of the model's parameters and persistent buffers.
        coefficients: names of the tensors that are needed as coefficients.
        operators: names of the operators that the model uses.
        inputs: for ONNX Runtime, the shape of each input by name. An axis of variable length has a name instead.
        rules: for ONNX Runtime, what the lengths of the inputs must satisfy, as Python expressions such as
            ``x.shape[2] % 32 == 0``. A run on other inputs fails.
        unchecked: for ONNX Runtime, why its results on the example were not compared with those of PyTorch; empty if
            they were, and agree.
        bytecode: for PyTorch Mobile, the version of the file's bytecode.
        traced: whether the model was traced with the example because it could not be scripted.
    """

    path: str
    bytes: int
    runtime: str
    release: str | None
    tensors: list[str]
    coefficients: list[str]
    operators: list[str]
    inputs: dict[str, list[int | str]] = field(default_factory=dict)
    rules: list[str] = field(default_factory=list)
    unchecked: str = ""
    bytecode: int | None = None
    traced: bool = False
