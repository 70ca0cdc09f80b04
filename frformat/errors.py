"""Errors. Each carries the code that section 12 of the specification gives it."""

from __future__ import annotations

from typing import Final

CODES: Final = (
    "MAGIC", "VERSION", "HEADER", "LIMIT", "TRUNCATED", "CHECKSUM", "STREAM", "DIRECTORY", "FEATURE",
    "UNSUPPORTED", "NAME", "SHAPE", "TRAILING", "TIER", "NOT_FOUND", "DEPENDENCY", "BUDGET", "VALUE",
)  # fmt: skip
"""Every code a reader can report, in the order in which section 12 checks them."""


class FrzError(Exception):
    """A file that cannot be decoded as asked, and why.

    Attributes:
        code: one of :data:`CODES`.
        reason: what is wrong and what to do, one line.
        path: the file, if there is one.
        tensor: the tensor concerned, if it is one.
        offset: the byte offset in the file at which the fault was seen, if it has one.
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
    """An input or an option that cannot be encoded, and what to do about it."""


LONGEST_REASON: Final = 400
"""At most so many characters say what is wrong with a file of another program."""


class ReadError(EncodeError):
    """A checkpoint of another program that cannot be read, and why.

    Attributes:
        reason: what is wrong and what to do, one line.
        path: the file.
        tensor: the tensor concerned, if it is one.
    """

    def __init__(self, reason: str, *, path: str, tensor: str | None = None) -> None:
        reason = " ".join(reason.split())  # names in it may be anything
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
}
"""Packages that only some of frformat needs: for each module its name, and what pip calls it."""


class DependencyError(ImportError):
    """A package that is needed, but not installed or broken, and how to install it.

    Args:
        what: what needs it, such as ``PyTorch files``.
        error: what the attempt to import it raised.
    """

    def __init__(self, what: str, error: ImportError) -> None:
        module = (error.name or "").partition(".")[0]
        name, package = PACKAGES.get(module, (module or "a package", module))
        broken = "" if isinstance(error, ModuleNotFoundError) else f" ({error})"
        super().__init__(f"{what} needs {name}, pip install {package}{broken}", name=error.name)


class ReportError(ValueError):
    """A parity report that is not valid, or does not fit what it is compared with; and what to do."""
