"""Sessions with weights from ``.frz`` files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, NodeArg, OrtValue, RunOptions


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
            ValueError: ``input_feed`` contains a weight, or lacks an input.
        """
        weights = [name for name in input_feed if name in self.weights]
        if weights:
            raise ValueError(f"{', '.join(weights)}: the session already has these weights; omit them")
        found: list[Any] = self.session.run(output_names, {**self.weights, **input_feed}, run_options)
        return found

    def get_inputs(self) -> list[NodeArg]:
        """Return the inputs other than the weights."""
        return [each for each in self.session.get_inputs() if each.name not in self.weights]

    def get_outputs(self) -> list[NodeArg]:
        """Return the outputs."""
        outputs: list[NodeArg] = self.session.get_outputs()
        return outputs
