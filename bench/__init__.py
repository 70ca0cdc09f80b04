"""Benchmarks. Every result is a size, a count, or a ratio of two measurements from the same run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("FRFORMAT_DATA", ROOT.parent / "shared" / "data"))
JAR = ROOT / "android-decoder" / "cli" / "target" / "frz.jar"


@dataclass(frozen=True)
class Row:
    """One measured result.

    Attributes:
        what: what was measured.
        figure: the result.
        aim: the target value.
        met: whether the result meets the target.
    """

    what: str
    figure: str
    aim: str
    met: bool


class Missing(Exception):  # noqa: N818 — a reason to skip, not a failure
    """Raised if something that a measurement needs is missing. The message says how to get it."""


def resnet20_path() -> Path:
    """Return the path of the published ResNet-20 for CIFAR-10."""
    path = DATA / "resnet_cifar10" / "resnet20-12fca82f.th"
    if not path.exists():
        raise Missing(f"{path} does not exist: set FRFORMAT_DATA to a folder that contains it")
    return path


def unet_path() -> Path:
    """Return the path of the FR authors' published UNet."""
    path = DATA / "unet_fr" / "unet_fr.pt"
    if not path.exists():
        raise Missing(f"{path} does not exist: set FRFORMAT_DATA to a folder that contains unet_fr/unet_fr.pt")
    return path


def jar() -> Path:
    """Return the path of the JVM decoder's jar."""
    if not JAR.exists():
        raise Missing("the JVM decoder is not built: run `make demo` or `mvn -f android-decoder/pom.xml package`")
    return JAR
