"""Export models for PyTorch Mobile.

A **skeleton** is a TorchScript module with the model's code, but without its parameters and persistent buffers. A
loader on the phone decodes ``model.frz`` and hands the weights over: rebuilt ones, or, to a **factored** network,
coefficients, so that the tensors themselves never exist. This is the contract between skeletons and loaders:

``coefficients_wanted() -> Dict[str, List[int]]``
    The names of the weights to pass as coefficients, and the shape in which each spectrum is taken: the tensor's view
    in ``model.frz`` if it has one, or else its shape. Empty for a network that is not factored. A loader calls this
    once, and refuses a file that stores such a tensor in another way or with another spectrum.

``load_weights(weights: Dict[str, Tensor]) -> None``
    Takes all weights or some of them, in any order, and may be called repeatedly. Names are those of the state dict.
    Each tensor has the full shape of the model's; a weight that is needed as coefficients has the shape (k,), in zigzag
    order, where k depends on the file and its tier. Floating-point tensors of any precision are converted to the
    model's dtype, and integers and bools to the model's integer dtype if no value changes, so float16 and bfloat16 can
    be passed as float32, bool as uint8, and int16 as int32. Tensors are copied: the caller can reuse their memory after
    the call. For a tensor with several names (tied weights), one is enough; if more are passed, their values must be
    equal. Passing a name again replaces the weights.

    Raises one error that starts with ``frz:`` and names every weight that is unknown, has another shape, kind or number
    of coefficients, or is out of range. No tensor of that call is loaded then.

``weights_missing() -> List[str]``
    The names that have not been passed yet; empty if the module can run. A tensor with several names does not count as
    missing once one of them has been passed.

``forward(…)`` and the model's other exported methods
    The model's methods, in evaluation mode. The elements of tensors that they return, also in lists, dicts and tuples,
    are in row-major order in memory, because PyTorch Mobile exposes the memory as it is. While weights are missing,
    these methods raise an error that starts with ``frz:``, says to call ``load_weights``, and names up to 20 of the
    missing weights.

A ``.ptl`` skeleton is for the lite interpreter of PyTorch Mobile 1.12 and later, and ends with a checksum, see
:mod:`frformat.runtimes.seal`. Skeletons named ``.pt`` are ordinary TorchScript, without that checksum.
"""
