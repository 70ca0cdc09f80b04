"""Regenerate the files next to this one: a base whose only group takes 4 MB when it is decoded, and a delta file."""

from pathlib import Path

import numpy as np

import frformat
from frformat import CodedTensor
from frformat.format import writer

HERE = Path(__file__).parent


def main() -> None:
    """Write both files."""
    writer.SHARED_VALUES = 1 << 24  # type: ignore[attr-defined]  # Other writers can make larger groups than this package does.
    weights = {f"w{i}": np.zeros((100, 100), np.float32) for i in range(100)}
    for name, base in (("base.frz", None), ("delta.frz", HERE / "base.frz")):
        for weight in weights.values():
            weight[0, 0] += 1
        coded = {key: CodedTensor.of_array(weight, "q8") for key, weight in weights.items()}
        frformat.save_file(coded, HERE / name, base=base)


if __name__ == "__main__":
    main()
