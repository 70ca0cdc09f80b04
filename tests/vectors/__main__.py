"""Regenerate ``spec/vectors``: ``python -m tests.vectors``."""

from __future__ import annotations

import os

from tests.vectors.appendix import FOLDER
from tests.vectors.output import contents


def main() -> None:
    """Write all files, and remove those that are no longer used by any vector."""
    files = contents()
    for folder in ("valid", "faulty", "base-files"):
        os.makedirs(os.path.join(FOLDER, folder), exist_ok=True)
        for name in os.listdir(os.path.join(FOLDER, folder)):
            if f"{folder}/{name}" not in files:
                os.remove(os.path.join(FOLDER, folder, name))
    for name, data in files.items():
        with open(os.path.join(FOLDER, name), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
