"""Export networks without weights for phone runtimes, one package per runtime. An ``.frz`` file supplies the weights.

>>> export(UNet(), "model.ptl")  # the skeleton, which contains everything but the weights; these are in model.frz
>>> export(trained, "complete.ptl", with_weights=True)
>>> export(UNet(), "model.ptl", factored=True, example=image, weights="unet.frz")  # runs on coefficients

The extension selects the runtime. A **skeleton** is a file in the runtime's own format whose weights have names, shapes
and dtypes, but no elements; for LiteRT and ExecuTorch, it is a template (:mod:`frformat.runtimes.template`). A loader
decodes ``model.frz`` and passes the weights to the network. It passes rebuilt tensors or, for a **factored** network,
coefficients, so that the full tensors never exist. :mod:`frformat.runtimes.contract` defines what a skeleton and a file
must agree on. Each package defines how its runtime receives weights.

A model that is traced contains only one branch of each decision that its code makes. Exporters find out for which
lengths of the inputs the trace is valid, and skeletons fail for others, for example with :class:`LengthError`.
"""

from frformat.errors import LengthError, LoadError
from frformat.runtimes.errors import ExportError
from frformat.runtimes.exporting import export
from frformat.runtimes.written import Export

__all__ = ["Export", "ExportError", "LengthError", "LoadError", "export"]
