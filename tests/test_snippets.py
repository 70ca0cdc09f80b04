"""The Kotlin code of the documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.vectors.appendix import ROOT

COMPILED: Final = Path(ROOT, "android-decoder/consumer/src/test/kotlin/io/frz/consumer/Documentation.kt")
BLOCK: Final = re.compile(r"^ *```kotlin\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
GRADLE: Final = ("android {", "dependencies {", "repositories {")


def snippets() -> list[tuple[str, str]]:
    """Return the name of each document with its Kotlin code, without build files."""
    documents = [*Path(ROOT).glob("*.md"), *Path(ROOT, "docs").rglob("*.md"), Path(ROOT, "android-decoder/README.md")]
    return [
        (str(path.relative_to(ROOT)), code)
        for path in sorted(documents)
        for code in BLOCK.findall(path.read_text("utf-8"))
        if not code.startswith(GRADLE)
    ]


def essence(code: str) -> str:
    """Return code without comments, spaces and line breaks."""
    return re.sub(r"\s", "", re.sub(r" //.*", "", code))


@pytest.mark.parametrize(("document", "code"), snippets())
def test_kotlin_code_is_compiled(document: str, code: str):
    assert essence(code) in essence(COMPILED.read_text("utf-8")), f"{document}: add this code to {COMPILED}"


def test_all_documents_are_read():
    assert {"README.md", "docs/android.md", "docs/guide/elm.md"} <= {document for document, _ in snippets()}
