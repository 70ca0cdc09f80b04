"""Repack lite-interpreter files to make them smaller and reproducible, and to add a checksum.

A ``.ptl`` file is a ZIP archive. Its comment contains the checksum; see :mod:`frformat.runtimes.seal`.
"""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
import zlib
from typing import Final

from frformat.runtimes.seal import DIGITS, MARK, sealed

FOLDER: Final = "m"
"""The single top-level folder that contains everything else, as PyTorch requires."""

NEVER: Final = (1980, 1, 1, 0, 0, 0)
QUALIFIED: Final = re.compile(r"__torch__[\w.]+")
UNREAD: Final = (".data/serialization_id", "byteorder")
"""Records that lite interpreters do not read. The byte order is one of them, because lite interpreters run only on
little-endian platforms."""

NATIVE: Final = "__torch__.torch.classes."
"""Classes of the runtime itself, which must keep their names."""


def pack(data: bytes) -> bytes:
    """Keep only what a lite interpreter needs from an archive written by PyTorch, compressed where that saves bytes.

    Source code and debug information are removed. Bytecode and objects remain, but their classes are renamed, because
    the names that PyTorch chooses depend on what else was scripted in the same process.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        names = _class_names(record(data, "data.pkl"))
        for path in source.namelist():
            name = path.partition("/")[2]
            if name.startswith("code/") or name in UNREAD:
                continue
            content = source.read(path)
            if name in ("bytecode.pkl", "data.pkl"):
                content = _renamed(content, names)
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}", NEVER)
            smaller = len(zlib.compress(content, 9)) < len(content)
            target.writestr(entry, content, zipfile.ZIP_DEFLATED if smaller else zipfile.ZIP_STORED, compresslevel=9)
        target.comment = MARK + b"0" * DIGITS
    return sealed(out.getvalue()[:-DIGITS])


def record(data: bytes, name: str) -> bytes:
    """Return a file from an archive, given its path below the top-level folder."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        folder = archive.namelist()[0].partition("/")[0]
        return archive.read(f"{folder}/{name}")


def _class_names(pickled: bytes) -> dict[str, str]:
    """Map the classes of the objects in a pickle to new names, numbered in order of appearance."""
    names: dict[str, str] = {}
    for code, argument, _ in pickletools.genops(pickled):
        if code.name == "GLOBAL" and str(argument).startswith("__torch__.") and not str(argument).startswith(NATIVE):
            module, _, name = str(argument).partition(" ")
            names.setdefault(f"{module}.{name}", f"__torch__._{len(names)}.{name}")
    return names


def _renamed(pickled: bytes, names: dict[str, str]) -> bytes:
    """Replace class names in all strings of a pickle."""

    def replace(found: re.Match[str]) -> str:
        head, tail = found[0], ""
        while head and head not in names:  # the name of a method begins with that of its class
            head, dot, part = head.rpartition(".")
            tail = dot + part + tail
        return names.get(head, "") + tail

    steps = list(pickletools.genops(pickled))
    ends = [position for _, _, position in steps[1:]] + [len(pickled)]
    out = []
    for (code, argument, start), end in zip(steps, ends, strict=True):
        assert start is not None
        chunk = pickled[start:end]
        if isinstance(argument, str) and "__torch__" in argument:
            text = QUALIFIED.sub(replace, argument.replace(" ", ".") if code.name == "GLOBAL" else argument)
            if code.name == "BINUNICODE":
                chunk = chunk[:1] + len(text).to_bytes(4, "little") + text.encode()
            elif code.name == "GLOBAL":
                chunk = chunk[:1] + "\n".join(text.rsplit(".", 1)).encode() + b"\n"
        out.append(chunk)
    return b"".join(out)
