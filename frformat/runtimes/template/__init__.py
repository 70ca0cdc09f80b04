"""Templates: a runtime's own file with the weights cut out, and a map of where to put them.

>>> fill("model.tflite.frt", "model.frz")  # the complete model.tflite, as a bytearray

Some runtimes, such as LiteRT and ExecuTorch, accept weights only as part of their model file. For these, a skeleton is
a template (``.frt``). The file's format is specified in ``spec/template.md`` and is independent of the runtime: a
template consists of all bytes that are not weights, compressed, and a map that states which elements of which tensor
belong in each of the gaps.

:mod:`~frformat.runtimes.template.places` finds the places. It does not need to know the runtime's format: the model is
exported with numbered elements instead of weights, and the file is searched for these numbers. If the numbers of a
weight are not found, the exporter has changed the weight, so the export is refused. Normalizations, which exporters
merge into convolutions, are merged beforehand by :mod:`~frformat.runtimes.template.merging`, and the map says how to
scale the weights when the template is filled. :mod:`~frformat.runtimes.template.static` makes the bases and cores of
factored networks constants, which the template describes in the same way.
"""

from frformat.runtimes.template.filling import fill, fill_file

__all__ = ["fill", "fill_file"]
