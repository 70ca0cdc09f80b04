"""Open the sources of checkpoints, and report those that cannot be read."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import shutil
import stat
import tempfile
import traceback
import weakref
from collections.abc import Callable, Iterator
from pickle import UnpicklingError
from typing import IO, Final

from frformat.errors import DependencyError, EncodeError, FrzError, ReadError
from frformat.format.leftovers import PREFIX, copying, temporary_file

StrPath = str | os.PathLike[str]
Source = StrPath | bytes | bytearray | memoryview | IO[bytes]
"""A path, the bytes of a file, or an open file."""

PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
"""The folder of this package's code."""

IMPORTING: Final = os.path.dirname(importlib.__file__) + os.sep
"""The folder of the code that imports modules."""

SPEAKING: Final = (ValueError, RuntimeError, EOFError, UnpicklingError)
"""Errors whose message is clear without the name of the exception."""


class File:
    """A file on disk that can be read repeatedly and from any position.

    Args:
        path: its path.
        name: its name in errors.
        remove: for a temporary file, called when it is closed or no longer used.
    """

    def __init__(self, path: str, name: str, remove: Callable[[], None] | None = None) -> None:
        self.path = path
        self.name = name
        self._remove = weakref.finalize(self, remove) if remove is not None else None

    def close(self) -> None:
        """Remove the file if it is temporary."""
        if self._remove is not None:
            self._remove()


@contextlib.contextmanager
def reported(path: str, tensor: str | None = None) -> Iterator[None]:
    """Turn every exception that reading a file raises into one typed error that names the file.

    Libraries can raise any exception for damaged files, from KeyError to RecursionError, so all are caught.

    Raises:
        ReadError: the file is damaged, or contains something that cannot be encoded.
        OSError: the file cannot be read at all.
    """
    try:
        yield
    except (ReadError, DependencyError):
        raise
    except FrzError as error:
        error.path = path
        raise
    except EncodeError as error:
        raise ReadError(str(error), path=path, tensor=tensor) from error
    except MemoryError as error:
        reason = "it needs more memory than is available, and may be damaged"
        raise ReadError(reason, path=path, tensor=tensor) from error
    except OSError as error:
        if error.errno in (None, errno.EINVAL):  # an invalid offset
            raise ReadError(f"truncated or damaged: {said(error)}", path=path, tensor=tensor) from error
        error.filename = path if error.filename is None else error.filename
        raise
    except Exception as error:
        raise ReadError(f"truncated or damaged: {said(error)}", path=path, tensor=tensor) from error


def said(error: BaseException, text: str | None = None) -> str:
    """Return an error's message on one line, or ``text`` in its place if given."""
    text = " ".join((str(error) if text is None else text).split())
    if isinstance(error, KeyError) and text[:1] == text[-1:] and text[:1] in ("'", '"'):  # it quotes its message
        text = text[1:-1]
    text = text or type(error).__name__
    return text if isinstance(error, SPEAKING) else f"{type(error).__name__}: {text}"


def where(error: BaseException, *libraries: str) -> str:
    """Return the message of an error in a user's code on one line, with the file and line of the code that failed.

    This is the innermost line in the folder of the user's file, not in a library that the file uses.

    Args:
        error: the error.
        libraries: folders of code that calls the user's, each with a separator at its end.
    """
    others = (PACKAGE, IMPORTING, "<", *libraries)
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith(others)]
    if isinstance(error, SyntaxError) or not frames:  # the message of a SyntaxError says where
        return said(error)
    folder = os.path.dirname(frames[0].filename)
    inner = [each for each in frames if os.path.dirname(each.filename) == folder][-1]
    return f"{os.path.basename(inner.filename)}, line {inner.lineno}: {said(error)}"


def on_disk(source: Source, name: str | None = None) -> File:
    """Return a file that can be mapped and read repeatedly: a temporary copy, if necessary.

    Args:
        source: where to read from.
        name: the name to use in errors; None means the source's own name.

    Raises:
        OSError: the source cannot be read.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _copied(source, name or "bytes in memory")
    if not isinstance(source, str | os.PathLike):
        return _copied(source, name or str(getattr(source, "name", "a stream")))
    path = os.fspath(source)
    if stat.S_ISREG(os.stat(path).st_mode) or os.path.isdir(path):
        return File(path, name or path)
    with open(path, "rb") as stream:  # pipe or device
        return _copied(stream, name or path)


def _copied(source: bytes | bytearray | memoryview | IO[bytes], name: str) -> File:
    stack = contextlib.ExitStack()
    path = stack.enter_context(temporary_file(tempfile.gettempdir(), PREFIX))
    copy = File(path, name, stack.close)
    with copying(name), open(path, "wb") as file:
        if isinstance(source, bytes | bytearray | memoryview):
            file.write(source)
        else:
            shutil.copyfileobj(source, file)
    return copy
