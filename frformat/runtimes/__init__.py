"""Export networks without weights for phone runtimes, one package per runtime; weights come from an ``.frz`` file.

>>> export(UNet(), "model.ptl")  # the skeleton: everything but the weights, which are in model.frz
>>> export(trained, "complete.ptl", with_weights=True)
>>> export(UNet(), "model.ptl", factored=True, example=image, weights="unet.frz")  # runs on coefficients

The extension selects the runtime. In every case, a **skeleton** is a file in the runtime's own format whose weights
have names, shapes and dtypes, but no elements. A loader decodes ``model.frz`` and hands the weights over: rebuilt ones,
or, to a **factored** network, coefficients, so that the tensors themselves never exist.
:mod:`frformat.runtimes.contract` defines what skeleton and file must agree on; each package defines how its runtime
receives weights.
"""

from frformat.runtimes.errors import ExportError, LoadError
from frformat.runtimes.exporting import export
from frformat.runtimes.written import Export

__all__ = ["Export", "ExportError", "LoadError", "export"]
