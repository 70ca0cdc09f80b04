"""Run the Kotlin decoder once over many files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Final

import numpy as np
import pytest

from frformat.dtypes import DTYPES
from tests.conformance.expected import Array, Entry
from tests.vectors.appendix import ROOT

JAR: Final = os.path.join(ROOT, "android-decoder", "cli", "target", "frz.jar")


class Kotlin:
    """Run ``frz parity``, or skip the test if Java or ``frz.jar`` is missing.

    Args:
        index: path of a ``vectors.json`` or a similar file.
        folder: destination for the elements of rebuilt tensors; None writes none.

    Attributes:
        said: the output for each vector, by name.
    """

    def __init__(self, index: str, folder: str | None = None) -> None:
        if not shutil.which("java"):
            pytest.skip("needs Java")
        if not os.path.exists(JAR):
            pytest.skip("the Kotlin decoder is not built: run `make test-python`, or Maven in android-decoder")
        command = ["java", "-jar", JAR, "parity", index, *(["--out", folder] if folder else [])]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=600)
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.said: dict[str, Entry] = {answer["name"]: answer for answer in answers}
        self._folder = folder or ""

    def elements(self, tensor: Entry) -> Array:
        """Return the elements of a rebuilt tensor."""
        return np.fromfile(os.path.join(self._folder, tensor["file"]), DTYPES[tensor["dtype"]])
