"""Exceptions. Each :class:`FrzError` carries an error code from section 12 of the specification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

CODES: Final = (
    "MAGIC", "VERSION", "HEADER", "LIMIT", "TRUNCATED", "CHECKSUM", "STREAM", "DIRECTORY", "FEATURE",
    "UNSUPPORTED", "NAME", "SHAPE", "TRAILING", "BASE", "TIER", "NOT_FOUND", "DEPENDENCY", "BUDGET", "VALUE",
)  # fmt: skip
"""Every code that a reader can report, in the order in which section 12 checks them."""


class _PortableError(Exception):
    """An exception that can be copied, and sent to another process, although its constructor takes more than a message.

    Otherwise, a pool of processes hangs or breaks if a worker raises it.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        usual: Any = super().__reduce__()
        return _restored, (type(self), usual[1]), *usual[2:]


def _restored(kind: type[BaseException], args: tuple[object, ...]) -> BaseException:
    return kind.__new__(kind, *args)


class FrzError(_PortableError):
    """Raised if a file cannot be decoded as requested.

    Attributes:
        code: one of :data:`CODES`.
        reason: what is wrong and what to do, in one line.
        path: the file, if any.
        tensor: the tensor concerned, if any.
        offset: the byte offset in the file at which the fault was detected, if any.
    """

    def __init__(
        self, code: str, reason: str, *, path: str | None = None, tensor: str | None = None, offset: int | None = None
    ) -> None:
        assert code in CODES, code
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.path = path
        self.tensor = tensor
        self.offset = offset

    def __str__(self) -> str:
        where = [f"tensor {self.tensor!r}"] if self.tensor is not None else []
        where += [f"byte {self.offset}"] if self.offset is not None else []
        prefix = f"{self.path}: " if self.path is not None else ""
        return f"{prefix}{self.code}: {self.reason}" + (f" ({', '.join(where)})" if where else "")


class EncodeError(ValueError):
    """Raised if an input or an option cannot be encoded; the message says what to do."""


LONGEST_REASON: Final = 400
"""Largest number of characters in the reason of a :class:`ReadError`."""


class ReadError(_PortableError, EncodeError):
    """Raised if another program's checkpoint cannot be read.

    Attributes:
        reason: what is wrong and what to do, in one line.
        path: the file.
        tensor: the tensor concerned, if any.
    """

    def __init__(self, reason: str, *, path: str, tensor: str | None = None) -> None:
        reason = " ".join(reason.split())  # names in it may contain any characters
        reason = reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]} …"
        super().__init__(reason)
        self.reason = reason
        self.path = path
        self.tensor = tensor

    def __str__(self) -> str:
        return f"{self.path}: " + (f"tensor {self.tensor!r}: " if self.tensor is not None else "") + self.reason


PACKAGES: Final = {
    "torch": ("PyTorch", "torch"),
    "matplotlib": ("matplotlib", "matplotlib"),
    "PIL": ("Pillow", "pillow"),
    "sklearn": ("scikit-learn", "scikit-learn"),
    "lightning": ("Lightning", "lightning"),
    "transformers": ("Transformers", "transformers"),
    "onnx": ("ONNX", "onnx"),
    "onnx_ir": ("ONNX IR", "onnxscript"),
    "onnxscript": ("ONNX Script", "onnxscript"),
    "onnxruntime": ("ONNX Runtime", "onnxruntime"),
    "litert_torch": ("LiteRT Torch", "litert-torch"),
    "executorch": ("ExecuTorch", "executorch"),
    "torch_pruning": ("torch-pruning", "torch-pruning"),
}
"""Optional packages: for each module, its name and what to pass to ``pip install``."""


class DependencyError(_PortableError, ImportError):
    """Raised if an optional package is missing or broken; the message says how to install it.

    Args:
        what: the feature that needs it, such as ``PyTorch files``.
        error: the exception raised by importing it.
    """

    def __init__(self, what: str, error: ImportError) -> None:
        module = (error.name or "").partition(".")[0]
        name, package = PACKAGES.get(module, (module or "a package", module))
        broken = "" if isinstance(error, ModuleNotFoundError) else f" ({error})"
        super().__init__(f"{what} needs {name}: pip install {package}{broken}", name=error.name)


class ReportError(ValueError):
    """Raised if a parity report is invalid or does not match what it is compared with."""


LOAD_KINDS: Final = ("SKELETON_DAMAGED", "SKELETON_UNSUPPORTED", "MISMATCH", "RUNTIME_FAILED")
"""The kinds of :class:`LoadError`. The loaders for Android use the same names."""


class LoadError(_PortableError, ValueError):
    """Raised if a skeleton cannot be loaded. The message says what to do.

    Attributes:
        kind: one of :data:`LOAD_KINDS`.
        problem: the message without the kind.
    """

    def __init__(self, kind: str, problem: str) -> None:
        assert kind in LOAD_KINDS, kind
        super().__init__(f"{kind}: {problem}")
        self.kind, self.problem = kind, problem


class LengthError(_PortableError, ValueError):
    """Raised if a model cannot run on inputs of the given lengths, or with the given indices.

    Attributes:
        rule: what the lengths or elements must satisfy, as a Python expression such as ``x.shape[2] % 32 == 0`` or
            ``0 <= tokens < 1000``.
        shapes: the shapes of the inputs concerned, by name.
    """

    def __init__(self, rule: str, shapes: Mapping[str, Sequence[int]]) -> None:
        given = ", ".join(f"{name} has shape {list(shape)}" for name, shape in shapes.items())
        super().__init__(f"{given}, but this model requires {rule}")
        self.rule, self.shapes = rule, {name: list(shape) for name, shape in shapes.items()}
