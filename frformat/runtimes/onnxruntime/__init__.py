"""Models → files for ONNX Runtime, and sessions from a skeleton and an ``.frz`` file.

>>> export(LeNet5(), "model.onnx", example=image)
>>> session("model.onnx", "model.frz").run(None, {"x": image.numpy()})[0].shape
(1, 10)

A skeleton is an ordinary ONNX model whose weights are initializers with external data at ``model.frz``, a place that
is never opened: a loader gives all of them to ``add_external_initializers`` of the session's options before it makes
the session from the skeleton's bytes, and may free them afterwards, since ONNX Runtime keeps copies. ONNX Runtime
refuses names that are left over, other shapes and other dtypes, and says something misleading of names that are
missing, so a loader compares both sides first. This is what they rely on:

* Each initializer that is external is wanted, by a name of the state dict, with its ``dims`` and ``data_type``. If its
  ``external_data`` has the key ``frz.spectrum``, ``500,50,4,4`` for example, it is wanted as coefficients in zigzag
  order, (k,), of a spectrum of that shape; a file that stores the tensor otherwise, or more or fewer, does not fit.
* The metadata ``frz.ties`` lists further names of tensors, in pairs of lines: the name, and that of the initializer.
  Any of them will do; if a file has several, their values must be equal.
* The metadata ``frz.unused`` lists names of the state dict, one on each line, that the skeleton does without. A file
  may have these; it does not fit if it has others.
* The file ends with the checksum of :mod:`frformat.runtimes.seal`, which is field 8191 of the model, unknown to ONNX.
"""

from frformat.runtimes.onnxruntime.loading import session

__all__ = ["session"]
