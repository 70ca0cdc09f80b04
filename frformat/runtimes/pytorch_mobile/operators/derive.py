"""Derive the capabilities of a PyTorch Mobile release from its Android package, and print them as a table.

    cd frformat/runtimes/pytorch_mobile/operators
    mvn dependency:copy -Dartifact=org.pytorch:pytorch_android_lite:1.12.2:aar -DoutputDirectory=.
    python -m frformat.runtimes.pytorch_mobile.operators.derive pytorch_android_lite-1.12.2.aar > 1.12.2.txt

Every operator is registered with a schema, and every instruction has a name. Both are plain text in the native library.
The supported file versions are in the headers in the same package.
"""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from collections.abc import Iterator
from typing import Final

LIBRARY: Final = "jni/x86_64/libpytorch_jni_lite.so"
HEADER: Final = "headers/caffe2/serialize/versions.h"

SCHEMA: Final = re.compile(rb"\s*((?:\w+::)?\w+(?:\.\w+)?)\s*\((.*)\)\s*->\s*.+", re.DOTALL)
INSTRUCTIONS: Final = re.compile(rb"\0(OP\0OPN\0[A-Z_\0]+?\0EXIT)\0")
ELSEWHERE: Final = ("_record_function_enter", "_record_function_enter_new")
"""Operators of the ``profiler`` namespace whose schemas omit its name. All other operators without a namespace belong
to ``aten``."""

MANY: Final = 999
"""Maximum that is recorded for operators that accept any number of arguments."""

CONSTANT: Final = r"k{}SupportedBytecodeVersion = (\w+?)L?;"


def table(path: str) -> Iterator[str]:
    """Yield the lines of the table for an Android package (.aar)."""
    with zipfile.ZipFile(path) as package:
        library = package.read(LIBRARY)
        header = package.read(HEADER).decode()
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    low, high = (int(re.findall(CONSTANT.format(which), header)[0], 0) for which in ("Min", "Max"))
    found = INSTRUCTIONS.search(library)
    assert found is not None, "no list of instructions"
    yield f"# Made by {__package__}.derive from {path.rpartition('/')[2]}, SHA-256 {digest}"
    yield f"bytecode {low} {high}"
    yield f"instructions {found[1].decode().replace(chr(0), ' ')}"
    names: dict[str, dict[str, str]] = {}
    for operator, (least, most) in sorted(operators(library).items()):
        name, _, overload = operator.partition(".")
        names.setdefault(name, {})[overload] = f"{overload}/{least}" + (f"-{most}" if most > least else "")
    for name, overloads in names.items():
        yield " ".join([name, *overloads.values()])


def operators(library: bytes) -> dict[str, tuple[int, int]]:
    """Return the minimum and the maximum number of arguments of each operator, by name and overload.

    If an operator occurs both in a version for older files and in the current version, the longer schema is used.
    """
    out: dict[str, tuple[int, int]] = {}
    for text in library.split(b"\0"):
        schema = SCHEMA.fullmatch(text)
        if not schema or schema[1].decode() in ELSEWHERE or b" ASSERT " in text:
            continue
        name = schema[1].decode()
        name = name if "::" in name else f"aten::{name}"
        arguments = split(schema[2].decode())
        required = sum("=" not in argument for argument in arguments if argument != "...")
        found = (required, MANY if "..." in arguments else len(arguments))
        out[name] = max(out.get(name, found), found, key=lambda counts: counts[1])
    return out


def split(arguments: str) -> list[str]:
    """Split the arguments of a schema. Commas inside brackets do not separate, and ``*`` is not an argument."""
    parts, depth = [""], 0
    for character in arguments:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip() not in ("", "*")]


if __name__ == "__main__":
    print(*table(sys.argv[1]), sep="\n")  # noqa: T201
