"""Sessions with weights from ``.frz`` files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from frformat.errors import LengthError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, NodeArg, OrtValue, RunOptions

CHECK: Final = re.compile("Name:'frz: (.*?)'")
"""The name of a check that failed; see :mod:`frformat.runtimes.onnxruntime`."""
FIXED: Final = re.compile(
    r"Got invalid dimensions for input: (\S+) for the following indices\s+index: (\d+) .*Expected: (\d+)"
)
"""The first axis whose length is fixed and that has another length."""


class Session:
    """An ONNX Runtime session, and the weights that it takes as inputs on every run, if there are any.

    It has the most important methods of ``onnxruntime.InferenceSession``. For the others, such as ``io_binding``, use
    ``session``, and pass ``weights`` together with the other inputs. The weights are freed together with this object.

    Attributes:
        session: the session, whose inputs include the weights.
        weights: the weights that are inputs, by name, in the memory where they were rebuilt; empty if there are none.
    """

    def __init__(self, session: InferenceSession, weights: Mapping[str, OrtValue]) -> None:
        self.session, self.weights = session, weights

    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any], run_options: RunOptions | None = None
    ) -> list[Any]:
        """Run the model on the inputs in ``input_feed`` and on the weights, and return its outputs.

        Args:
            output_names: names of the outputs to compute, or None for all.
            input_feed: arrays or ``OrtValue`` objects by name, for the inputs that :meth:`get_inputs` returns.
            run_options: see ``onnxruntime.InferenceSession.run``.

        Raises:
            LengthError: the model cannot run on inputs of these lengths, or on these indices.
            ValueError: ``input_feed`` contains a weight, or lacks an input.
        """
        weights = [name for name in input_feed if name in self.weights]
        if weights:
            raise ValueError(f"{', '.join(weights)}: the session already has these weights; omit them")
        try:
            found: list[Any] = self.session.run(output_names, {**self.weights, **input_feed}, run_options)
        except Exception as error:  # ONNX Runtime's exceptions have no common base class
            rule = broken_rule(str(error))
            if rule is None:
                raise
            raise LengthError(rule, _shapes(input_feed, rule)) from error
        return found

    def get_inputs(self) -> list[NodeArg]:
        """Return the inputs other than the weights."""
        return [each for each in self.session.get_inputs() if each.name not in self.weights]

    def get_outputs(self) -> list[NodeArg]:
        """Return the outputs."""
        outputs: list[NodeArg] = self.session.get_outputs()
        return outputs


def broken_rule(message: str) -> str | None:
    """Return the rule for lengths that ONNX Runtime's message is about; None if it is about something else."""
    check, fixed = CHECK.search(message), FIXED.search(message)
    if check is not None:
        return check[1]
    return None if fixed is None else f"{fixed[1]}.shape[{fixed[2]}] == {fixed[3]}"


def _shapes(inputs: Mapping[str, Any], rule: str) -> dict[str, Sequence[int]]:
    """Return the shapes of those inputs that a rule mentions, or of all if it mentions none."""
    shapes = {
        name: value.shape() if callable(getattr(value, "shape", None)) else np.shape(value)
        for name, value in inputs.items()
    }
    named = {name: shape for name, shape in shapes.items() if re.search(rf"\b{re.escape(name)}\.shape", rule)}
    return named or shapes
