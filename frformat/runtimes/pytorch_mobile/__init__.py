"""Export models for PyTorch Mobile.

A **skeleton** is a TorchScript module with the model's code, but without its parameters and persistent buffers. A
loader on the phone decodes ``model.frz`` and passes the weights to the module. It passes rebuilt tensors or, for a
**factored** network, coefficients, so that the full tensors never exist. This is the contract between skeletons and
loaders:

``coefficients_wanted() -> Dict[str, List[int]]``
    Returns the names of the weights to pass as coefficients (:meth:`frformat.FrzFile.coefficients`), each with its form
    (:meth:`frformat.TensorInfo.form`). The result is empty for a network that is not factored. A loader calls this
    once, and rejects a file that stores such a tensor in another form.

``check_weights(shapes: Dict[str, List[int]], partial: bool) -> None``
    Checks the names and shapes of all weights of a file, so that a loader can do so before it passes the first one.
    Raises one error that starts with ``frz:`` and names every weight that is unknown, has the wrong shape or number of
    coefficients or, unless ``partial``, is missing. One name is enough for a tensor with several names. Changes
    nothing.

``load_weights(weights: Dict[str, Tensor]) -> None``
    Accepts all or some of the weights, in any order, and can be called repeatedly. Names are those of the state dict.
    Each tensor must have the full shape of the model's tensor. A weight that is needed as coefficients must have the
    shape (k,), where k is that of the file and tier for which the skeleton was exported. Floating-point tensors of any
    precision are converted to the model's dtype. Integers and bools are converted to the model's integer dtype if no
    value changes. float16 and bfloat16 can thus be passed as float32, bool as uint8, and int16 as int32. Tensors are
    copied, so the caller can reuse their memory after the call. For a tensor with several names (tied weights), one
    name is enough; if more are passed, their values must be equal. Passing a name again replaces the tensor's values.

    Raises one error that starts with ``frz:`` and names every weight that is unknown, is out of range, or has the wrong
    shape, kind or number of coefficients. In that case, no tensor of the call is loaded.

``weights_missing() -> List[str]``
    Returns the names that have not been passed yet; the result is empty if the module can run. A tensor with several
    names does not count as missing once one of them has been passed.

``forward(…)`` and the model's other exported methods
    The model's methods, in evaluation mode. All tensors that they return, even in lists, dicts and tuples, are in
    row-major order in memory, because PyTorch Mobile exposes their memory directly. While weights are missing, these
    methods raise an error that starts with ``frz:``, says to call ``load_weights``, and names up to 20 of the missing
    weights.

    If the model was traced, they also raise an error on inputs for which its code would decide otherwise than for the
    example, or compute other numbers in Python: for example, if it compares a length, converts it to a float, or passes
    it to a function of PyTorch that makes it a constant of the trace, such as the kernel size of pooling. The error
    starts with ``frz:`` and quotes the line of code and its result for the example, or says that a tensor has another
    number of parts (``Expected 4 elements in a list but found 3``). A traced model only takes inputs with as many axes
    as those of the example. Scripted models decide on every run.

A ``.ptl`` skeleton runs in the lite interpreter of PyTorch Mobile 1.12 and later, and ends with a checksum; see
:mod:`frformat.runtimes.seal`. Skeletons named ``.pt`` are ordinary TorchScript, without that checksum.
"""
