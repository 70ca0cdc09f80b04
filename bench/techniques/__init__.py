"""Compare the field's techniques on the same networks: accuracy at equal sizes of complete files, and cost.

    make techniques NETWORKS="lenet5 …"
    python -m bench.techniques [NETWORK …] [--seed N] [--only TECHNIQUE …] [--report]

All techniques start from the same trained network, except that Frequency Regularization can also start from scratch.
All use the same images, augmentation, teacher and number of epochs.
The learning rate of each technique, and one hyperparameter of its own, are chosen in short runs on part of the training
samples, by the metric on a validation set that was split off beforehand. Files are complete: a decoder rebuilds all
weights from them. All files use the same coder.

* ``tasks`` defines the networks, and ``registry`` the techniques, which ``plain``, ``pruning``, ``integers`` and
  ``bases`` implement;
* ``jobs`` defines one run of a technique, with the training that all share, and ``storing`` writes its file;
* ``comparing`` chooses hyperparameters and records results in ``bench/results/techniques.json``, and ``measuring``
  takes the measurements;
* ``report`` creates the tables and the plot in ``docs/benchmarks.md`` from these results.

``make techniques`` installs what the techniques need: PTQ and QAT need torchao (``pip install --group techniques``).
nncodec needs an older NumPy than this project: ``NNCODEC_PYTHON`` is a Python interpreter that has both. The Kotlin
decoder must be built (``make demo``).
"""

from __future__ import annotations

from collections.abc import Iterator

from bench import Row
from bench.techniques.comparing import compare
from bench.techniques.tasks import TASKS, Task

__all__ = ["TASKS", "Task", "compare", "run"]


def run() -> Iterator[Row]:
    """Yield one row per technique and size, for LeNet-5."""
    for name, size, found in compare(TASKS["lenet5"]):
        limit = f" in {size:,} B" if size else ""
        if "unreachable" in found:
            yield Row(f"LeNet-5, {name}{limit}", f"not reachable: {found['unreachable']}", "–", True)
        else:
            loads = "the Kotlin decoder reads it"
            figure = f"{found['bytes']:,} B: {found['metric']:.2f} %"
            yield Row(f"LeNet-5, {name}{limit}", figure, loads, found["kotlin"])
