"""Models → files for PyTorch Mobile.

A **skeleton** is a TorchScript module that has the model's code and none of its parameters and persistent buffers.
Who loads it on the phone decodes ``model.frz`` and hands the weights over: rebuilt, but for those of a **factored**
network, which wants coefficients and never sees the tensors. This is what both sides rely on:

``coefficients_wanted() -> Dict[str, List[int]]``
    Names of the weights that are to be given as coefficients, and the shape in which the spectrum of each is taken: the
    tensor's view in ``model.frz`` if it has one, else its shape. Empty for a network that is not factored. A loader
    asks once, and refuses a file that stores such a tensor in another way or with another spectrum.

``load_weights(weights: Dict[str, Tensor]) -> None``
    Takes all weights or a part of them, in any order, and may be called as often as there are parts. Names are those
    of the state dict. Each tensor has the full shape of the model's; of a weight that is wanted as coefficients, it has
    these alone, in zigzag order: (k,). How many depends on the file, and on its tier. Floating-point tensors of any
    precision are converted to the model's dtype, and integers and bools to the model's integer dtype if no value
    changes, so that float16 and bfloat16 can be given as float32, bool as uint8 and int16 as int32. Tensors are copied:
    their memory is the caller's again when the call returns. Of a tensor with several names (tied weights) one is
    enough; if more are given, their values must be equal. Giving a name anew replaces the weights.

    Raises one error that starts with ``frz:`` and names every weight that is left over, of another shape, of another
    kind, with another number of coefficients, or out of range. No tensor of that call is then taken over.

``weights_missing() -> List[str]``
    Names that were not given yet; empty if the module can run. Of a tensor with several names, none is missing once
    one of them was given.

``forward(…)`` and the model's other exported methods
    As the model has them, in evaluation mode. The elements of tensors that they return, also in lists, dicts and
    tuples, are in row-major order in memory: PyTorch Mobile hands out memory as it is. As long as weights are missing
    they raise an error that starts with ``frz:``, says to call ``load_weights`` and names up to 20 of the missing
    weights.

A ``.ptl`` skeleton is for the lite interpreter of PyTorch Mobile 1.12 and later, and ends with a checksum, see
:mod:`frformat.runtimes.seal`. Skeletons named ``.pt`` are ordinary TorchScript, without that checksum.
"""
