"""Export models for ONNX Runtime, and create sessions from a skeleton and an ``.frz`` file.

>>> export(LeNet5(), "model.onnx", example=image)
>>> session("model.onnx", "model.frz").run(None, {"x": image.numpy()})[0].shape
(1, 10)

A skeleton is an ordinary ONNX model whose weights are initializers with external data at ``model.frz``, a path that is
never opened. Before a loader creates the session from the skeleton's bytes, it passes all weights to
``add_external_initializers`` of the session's options. The loader can then free the weights, because ONNX Runtime keeps
copies. ONNX Runtime rejects unknown names, wrong shapes and wrong dtypes, but its message for missing names is
misleading, so a loader compares the skeleton and the file first. This is the contract between skeletons and loaders:

* Each external initializer is required, under a name of the state dict, with its ``dims`` and ``data_type``. If its
  ``external_data`` has the key ``frz.form``, coefficients are required instead, with shape (k,); see
  :meth:`frformat.FrzFile.coefficients`. The key's value is their form (:meth:`frformat.TensorInfo.form`): for example,
  ``500,50,4,4`` for a spectrum of that shape, or ``64,64,3,3,-12,-8,0,0`` for a core of shape (12, 8, 3, 3) with
  factors for the channels. A file does not fit if it stores the tensor in another form or has a different number of
  coefficients.
* The metadata ``frz.inputs`` lists the names of weights that are required as inputs of the graph, one per line. The
  shape and dtype of such a weight are those of the input. A loader keeps the weight in memory and passes it on every
  run. Weights that are required as coefficients are always initializers.
* The metadata ``frz.ties`` lists additional names of tensors, as pairs of lines: the name, and that of the
  initializer or input. Any of these names suffices. If a file contains several of them, their values must be equal.
* The metadata ``frz.unused`` lists names of the state dict that the skeleton does not need, one per line. A file may
  contain these. A file with any other names does not fit.
* Skeletons with coefficients run faster without ONNX Runtime's optimization ``NchwcTransformer``, so loaders disable
  it (``optimization.disable_specified_optimizers``).
* A graph is the trace of a model, and is valid only for lengths of its inputs for which the model's code makes the same
  decisions. For each condition that these lengths must satisfy, the graph contains a node that fails otherwise, whose
  name is ``frz: `` and the condition as a Python expression: ``frz: x.shape[2] % 32 == 0``. ONNX Runtime's message
  contains the name, so apps that use ONNX Runtime directly see it, too. Loaders turn it into their own exception. The
  check takes no time: it is a Reshape to the same shape. PyTorch's exporter takes for granted that no length is 0, so
  that is a condition as well. A node that looks up rows by the elements of an input, such as an embedding, has the
  range of valid elements as its name: ``frz: 0 <= tokens < 30522``.
* The graph computed the same as the model on the example, with random numbers in place of inputs that are zeros, unless
  :attr:`frformat.runtimes.Export.unchecked` said why the export did not compare their results: for example, because
  these are random.
* The file ends with the checksum of :mod:`frformat.runtimes.seal`, stored in field 8191 of the model, which ONNX
  ignores.
"""

from frformat.runtimes.onnxruntime.loading import session
from frformat.runtimes.onnxruntime.sessions import Session

__all__ = ["Session", "session"]
