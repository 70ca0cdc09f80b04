"""Scripts outside the package, which no type checker sees and which some checks run only in the end."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from tests.vectors.appendix import ROOT

FOLDERS = ("android-decoder", "bench", "demo", "examples")


def scripts() -> list[Path]:
    paths = [path for folder in FOLDERS for path in (Path(ROOT) / folder).rglob("*.py")]
    return [path for path in paths if "target" not in path.parts]


@pytest.mark.parametrize("path", scripts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_that_scripts_import_from_the_package_exists(path: Path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "frformat":
            try:
                module = importlib.import_module(node.module)
            except ModuleNotFoundError as error:
                if error.name and error.name.startswith("frformat"):
                    raise
                continue  # an optional package is missing
            for each in node.names:
                if not hasattr(module, each.name):
                    importlib.import_module(f"{node.module}.{each.name}")
