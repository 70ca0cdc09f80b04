"""Create ONNX Runtime sessions from a skeleton and an ``.frz`` file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.errors import DependencyError, LoadError
from frformat.format import limits
from frformat.format.reader import FrzFile, Source, open
from frformat.runtimes.contract import Wanted
from frformat.runtimes.onnxruntime.sessions import Session
from frformat.runtimes.onnxruntime.skeleton import DTYPES as ONNX_DTYPES
from frformat.runtimes.onnxruntime.skeleton import Needs, needs
from frformat.runtimes.weights import check, given, naming
from frformat.wording import in_one_line

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, OrtValue, SessionOptions

UNPADDED: Final = ("optimization.disable_specified_optimizers", "NchwcTransformer")
"""The setting that disables an optimization that pads the few channels of factored layers to 8 or 16."""

StrPath = str | os.PathLike[str]
Array = NDArray[Any]


def session(
    skeleton: StrPath | bytes,
    weights: StrPath,
    *,
    tier: int | None = None,
    memory_budget: int = limits.MEMORY_BUDGET,
    base: Source | FrzFile | None = None,
    options: SessionOptions | None = None,
    **rest: Any,
) -> Session:
    """Create an ONNX Runtime session with the weights of an ``.frz`` file. PyTorch is not needed.

    The skeleton and the file are compared before any weight is decoded. ONNX Runtime copies weights that are
    initializers. It does not copy weights that are inputs: it therefore needs less memory, but runs more slowly.

    Args:
        skeleton: a file written by :func:`frformat.runtimes.export`, or its bytes.
        weights: the ``.frz`` file. Floating-point tensors of any precision are converted to the skeleton's dtype, and
            so are integers if no value changes.
        tier: the capacity tier; None for the largest one present.
        memory_budget: number of bytes that decoding a tensor may use.
        base: the base of a delta file; see :func:`frformat.open`.
        options: options of the session. They contain the initializers afterwards, so do not reuse them for another
            session.
        rest: additional arguments of ``onnxruntime.InferenceSession``, such as ``providers``.

    Raises:
        LoadError: the skeleton is damaged, ONNX Runtime cannot run it, or the weights do not fit it.
        FrzError: the weights are damaged, or their base is missing or is a different file.
        DependencyError: the packages of the extra ``onnx`` are not installed.
        OSError: a file cannot be read.
    """
    with naming(skeleton):
        data, needed = _read(skeleton)
        values = _values(needed, weights, tier, memory_budget, base)
        inputs = {name: values.pop(name) for name in needed.inputs}
        return Session(_create(data, needed, values, options, rest), inputs)


def _read(skeleton: StrPath | bytes) -> tuple[bytes, Needs]:
    try:
        import onnxruntime  # noqa: F401 — checked before anything is decoded
    except ImportError as error:
        raise DependencyError("running ONNX models", error) from error
    data = skeleton if isinstance(skeleton, bytes) else Path(skeleton).read_bytes()
    try:
        return data, needs(data)
    except ImportError as error:
        raise DependencyError("reading ONNX models", error) from error


def _values(
    needed: Needs, weights: StrPath, tier: int | None, memory_budget: int, base: Source | FrzFile | None
) -> dict[str, OrtValue]:
    """Return the weights that a skeleton needs, after checking that the file fits."""
    contract = needed.contract
    with open(weights, tier=tier, memory_budget=memory_budget, base=base) as file:
        check(contract, file, weights)
        return {name: value(given(contract, name, file, weights), want) for name, want in contract.wanted.items()}


def _create(
    data: bytes, needed: Needs, initializers: dict[str, OrtValue], options: SessionOptions | None, rest: dict[str, Any]
) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions() if options is None else options
    if any(want.form for want in needed.contract.wanted.values()):
        options.add_session_config_entry(*UNPADDED)
    try:
        if initializers:
            options.add_external_initializers(list(initializers), list(initializers.values()))
        return onnxruntime.InferenceSession(data, options, **rest)
    except Exception as error:  # ONNX Runtime's exceptions have no common base class
        unsupported = type(error).__name__ in ("InvalidGraph", "NotImplemented", "InvalidProtobuf")
        reason = in_one_line(str(error))
        raise LoadError(
            "SKELETON_UNSUPPORTED" if unsupported else "RUNTIME_FAILED",
            f"ONNX Runtime {onnxruntime.__version__} cannot load this skeleton: {reason}",
        ) from error


def value(array: Array, want: Wanted) -> OrtValue:
    """Return a weight as a value of ONNX Runtime."""
    from onnxruntime import OrtValue

    array = np.ascontiguousarray(array).reshape(want.shape)
    if want.dtype == "bf16":
        number = next(number for number, name in ONNX_DTYPES.items() if name == "bf16")
        return OrtValue.ortvalue_from_numpy_with_onnx_type(array.view(np.uint16), number)
    return OrtValue.ortvalue_from_numpy(array)
