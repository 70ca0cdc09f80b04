"""Run the Python code of the README and the guides, each document from top to bottom in an empty folder."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser


def _enter(namespace: dict[str, Any]) -> None:
    folder = tempfile.TemporaryDirectory()
    namespace["__before__"] = folder, os.getcwd()
    os.chdir(folder.name)


def _leave(namespace: dict[str, Any]) -> None:
    folder, before = namespace["__before__"]
    os.chdir(before)
    folder.cleanup()


pytest_collect_file = Sybil(
    [PythonCodeBlockParser()], patterns=["README.md", "docs/guide/*.md"], setup=_enter, teardown=_leave
).pytest()
