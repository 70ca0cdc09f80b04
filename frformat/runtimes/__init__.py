"""Networks without weights for the runtimes of phones, one package each; the weights come from an ``.frz`` file.

>>> export(UNet(), "model.ptl")  # the skeleton: all but the weights, which are in model.frz
>>> export(trained, "complete.ptl", with_weights=True)
>>> export(UNet(), "model.ptl", factored=True, example=image, weights="unet.frz")  # runs on coefficients

The extension chooses the runtime. Whatever it is, a **skeleton** is the runtime's own file, whose weights have names,
shapes and dtypes, but no elements. Who loads it decodes ``model.frz`` and hands the weights over: rebuilt, but for
those of a **factored** network, which wants coefficients and never sees the tensors. What the two must agree in is in
:mod:`frformat.runtimes.contract`; how a runtime is handed weights, each package says.
"""

from frformat.runtimes.errors import ExportError, LoadError
from frformat.runtimes.exporting import export
from frformat.runtimes.written import Export

__all__ = ["Export", "ExportError", "LoadError", "export"]
