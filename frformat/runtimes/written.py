"""The result of an export."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Export:
    """A description of the written file.

    Attributes:
        path: the file.
        bytes: its size.
        runtime: the runtime, such as ``PyTorch Mobile``.
        release: the oldest release that runs the file, such as ``1.12.2``; None if there is no limit.
        tensors: names of the model's parameters and persistent buffers.
        coefficients: names of those that are coefficients.
        operators: names of the operators that it uses.
        inputs: for ONNX Runtime, the shape of each input by name; an axis of any length has a name instead.
        bytecode: for PyTorch Mobile, the version of its bytecode.
        traced: whether the model was traced with the example because it cannot be compiled.
    """

    path: str
    bytes: int
    runtime: str
    release: str | None
    tensors: list[str]
    coefficients: list[str]
    operators: list[str]
    inputs: dict[str, list[int | str]] = field(default_factory=dict)
    bytecode: int | None = None
    traced: bool = False
