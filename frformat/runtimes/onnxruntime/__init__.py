"""Export models for ONNX Runtime, and create sessions from a skeleton and an ``.frz`` file.

>>> export(LeNet5(), "model.onnx", example=image)
>>> session("model.onnx", "model.frz").run(None, {"x": image.numpy()})[0].shape
(1, 10)

A skeleton is an ordinary ONNX model whose weights are initializers with external data at ``model.frz``, a path that is
never opened. Before a loader creates the session from the skeleton's bytes, it passes all weights to
``add_external_initializers`` of the session's options. It may free them afterwards, because ONNX Runtime keeps copies.
ONNX Runtime refuses unknown names, other shapes and other dtypes, but its message for missing names is misleading, so a
loader compares both sides first. This is the contract between skeletons and loaders:

* Each external initializer is needed, under a name of the state dict, with its ``dims`` and ``data_type``. If its
  ``external_data`` has the key ``frz.spectrum``, for example ``500,50,4,4``, coefficients are needed instead: in zigzag
  order, (k,), of a spectrum of that shape. A file that stores the tensor otherwise, or another number, does not fit.
* The metadata ``frz.ties`` lists further names of tensors, in pairs of lines: the name, and that of the initializer.
  Any of them will do; if a file has several, their values must be equal.
* The metadata ``frz.unused`` lists names of the state dict that the skeleton does not need, one per line. A file may
  have these; it does not fit if it has others.
* The file ends with the checksum of :mod:`frformat.runtimes.seal`, stored in field 8191 of the model, which ONNX
  ignores.
"""

from frformat.runtimes.onnxruntime.loading import session

__all__ = ["session"]
