"""Data that vectors take from the text of the specification."""

from __future__ import annotations

import os.path
import re
from typing import Final

ROOT: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER: Final = os.path.join(ROOT, "spec", "vectors")
SPECIFICATION: Final = os.path.join(ROOT, "spec", "format.md")


def dictionary() -> bytes:
    """Return the dictionary of appendix A."""
    with open(SPECIFICATION, encoding="utf-8") as file:
        appendix = file.read().split("\n## Appendix A")[1]
    text, shapes = re.findall(r"```\n(.*?)```", appendix, re.DOTALL)
    return text.replace("\n", "").encode("ascii") + bytes.fromhex(shapes)


DICTIONARY: Final = dictionary()
