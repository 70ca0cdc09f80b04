"""Check that ONNX Runtime computes what PyTorch computes, on the example.

PyTorch's exporter translates some operators wrongly, and some code makes other decisions while it is traced.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from frformat.checkpoints.torch_tensors import to_numpy
from frformat.runtimes.copies import state
from frformat.runtimes.onnxruntime.skeleton import Needs
from frformat.torch import copying

CLOSE: Final = 0.05
"""By how much results can differ, in units of their norm. Rounding errors are much smaller, wrong results larger."""

RANDOM: Final = ("Random", "Bernoulli", "Multinomial", "Dropout")
"""How the names of operators begin whose results are random."""


def difference(data: bytes, needed: Needs, model: nn.Module, example: tuple[Any, ...], operators: Any) -> str:
    """Describe how the results of ONNX Runtime differ from those of PyTorch; empty if they agree or cannot be compared.

    Args:
        data: the ONNX file.
        needed: the weights that it needs.
        model: the model, which is not modified.
        example: all inputs.
        operators: names of the operators in the file.
    """
    weights = state(model)
    if any(name.startswith(RANDOM) for name in operators) or any(each.is_meta for each in weights.values()):
        return ""
    try:
        found = _found(data, needed, weights, example)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            expected = tree_leaves(copying.copied(model).eval()(*copy.deepcopy(example)))
    except Exception:  # the runtime may lack an operator on this computer, or a package may be missing
        return ""
    tensors = [each for each in expected if isinstance(each, Tensor)]
    if len(tensors) != len(expected) or len(found) != len(tensors):
        return ""
    return next(filter(None, map(_difference, found, tensors)), "")


def _found(data: bytes, needed: Needs, weights: Mapping[str, Tensor], example: tuple[Any, ...]) -> list[Tensor]:
    import onnxruntime

    from frformat.runtimes.onnxruntime.loading import value

    arrays: dict[str, Any] = {name: to_numpy(weights[name].detach()) for name in needed.contract.wanted}
    values = {name: value(arrays[name], want) for name, want in needed.contract.wanted.items()}
    inputs = {name: values.pop(name) for name in needed.inputs}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if values:
        options.add_external_initializers(list(values), list(values.values()))
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs() if each.name not in inputs]
    tensors = [each.detach().numpy() for each in tree_leaves(copy.deepcopy(example)) if isinstance(each, Tensor)]
    return [torch.from_numpy(each) for each in session.run(None, {**inputs, **dict(zip(names, tensors, strict=True))})]


def _difference(found: Tensor, expected: Tensor) -> str:
    if found.shape != expected.shape:
        return f"shape {list(found.shape)} instead of {list(expected.shape)}"
    if found.dtype != expected.dtype:
        return f"{found.dtype} instead of {expected.dtype}"
    one, other = found.double(), expected.double()
    both = one.isfinite() & other.isfinite()
    if found.is_floating_point() and float((one - other)[both].norm()) > CLOSE * float(other[both].norm()):
        return "other numbers"
    return ""
