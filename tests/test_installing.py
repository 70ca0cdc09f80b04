"""What the documentation and error messages say about installing packages."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

import pytest

from frformat.errors import PACKAGES, DependencyError
from tests.vectors.appendix import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ADVICE: Final = re.compile(r"pip install ([^\s`'\"()]+|\"[^\"\s]*\")")
"""Matches ``pip install`` and the first argument after it."""

OPTIONS: Final = ("--group", "--no-deps", "{package}{broken}")
"""Other allowed first arguments: options, and a placeholder for a package that the program inserts."""


def texts() -> list[tuple[str, str]]:
    """Return every package, extra or path that this repository tells users to install, and where it says so."""
    folders = ("frformat", "docs", "examples", "bench", "demo", "spec", "android-decoder")
    paths = [
        path
        for folder in folders
        for path in (Path(ROOT) / folder).rglob("*")
        if path.suffix in (".py", ".md", ".kt", ".kts", ".ipynb") and "target" not in path.parts
    ]
    return [
        (match[1].strip('"\\'), f"{path}: {match[0]}")
        for path in (*paths, *Path(ROOT).glob("*.md"))
        for match in ADVICE.finditer(path.read_text("utf-8"))
    ]


def test_users_are_told_to_install_only_this_project_and_its_dependencies():
    """The name ``frformat`` belongs to another project on PyPI, and ``frz-format`` is not published."""
    with open(Path(ROOT) / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)
    extras = project["project"]["optional-dependencies"]
    known = {re.split(r"[><=; ]", package)[0] for packages in extras.values() for package in packages}
    known |= {package for _, package in PACKAGES.values()} | {"timm", "torchvision", "ziglang"}
    found = texts()
    assert len(found) > 10
    for what, where in found:
        if what.startswith("."):
            asked = re.findall(r"[\w-]+", what)
            assert set(asked) <= set(extras), where
        elif what not in OPTIONS:
            assert what in known, where


def test_nightly_checks_are_targets_of_the_makefile():
    """One of them runs the tests with the newest release of every package, which ``make test`` does not."""
    [listed] = re.findall(r"target: \[(.*)\]", (Path(ROOT) / ".github/workflows/nightly.yml").read_text("utf-8"))
    targets = re.findall(r"^([\w-]+):.*##", (Path(ROOT) / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert {"test-newest", "test-oldest", "fuzz"} <= set(listed.split(", ")) <= set(targets)


@pytest.mark.parametrize("module", PACKAGES)
def test_missing_packages_are_named_as_on_pypi(module: str):
    name, package = PACKAGES[module]
    error = DependencyError("this", ModuleNotFoundError(name=f"{module}.part"))
    assert str(error) == f"this needs {name}: pip install {package}"


def test_finding_filters_needs_a_package(monkeypatch: pytest.MonkeyPatch):
    from torch import nn, zeros

    from frformat.torch.nesting import filter_groups

    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(DependencyError, match=r"^finding filters needs torch-pruning: pip install torch-pruning$"):
        filter_groups(nn.Linear(2, 2), zeros(1, 2))
