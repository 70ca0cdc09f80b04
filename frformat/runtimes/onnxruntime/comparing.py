"""Check that ONNX Runtime computes what PyTorch computes, on the example.

PyTorch's exporter translates some operators wrongly, and some code makes other decisions while it is traced.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from frformat.checkpoints.torch_tensors import to_numpy
from frformat.runtimes.copies import state
from frformat.runtimes.errors import ExportError
from frformat.runtimes.exporters import reason
from frformat.runtimes.onnxruntime.skeleton import Needs
from frformat.runtimes.rounding import NOISE, NUMBERS, shaken
from frformat.torch import copying

CLOSE: Final = 0.05
"""By how much results can differ, in units of their norm, or as a share of their elements if these are integers.

Rounding errors are much smaller, and so is the number of classes that they change, unless the terms of sums cancel each
other. Wrong results are larger."""

RANDOM: Final = ("Random", "Bernoulli", "Multinomial", "Dropout")
"""How the names of operators begin whose results are random."""


class Compared(NamedTuple):
    """The result of a comparison.

    Attributes:
        fault: how the results of ONNX Runtime differ from those of PyTorch; empty if they agree.
        skipped: why they were not compared; empty if they were.
    """

    fault: str = ""
    skipped: str = ""


def compare(data: bytes, needed: Needs, model: nn.Module, example: tuple[Any, ...], operators: Any) -> Compared:
    """Compare the results of ONNX Runtime with those of PyTorch.

    Args:
        data: the ONNX file.
        needed: the weights that it needs.
        model: the model, which is not modified.
        example: all inputs. Random numbers replace tensors of zeros.
        operators: names of the operators in the file.

    Raises:
        ExportError: the model cannot run on the example.
    """
    weights = state(model)
    if any(name.startswith(RANDOM) for name in operators):
        return Compared(skipped="the results are random")
    if any(each.is_meta for each in weights.values()):
        return Compared(skipped="the model has no weights")
    filled = tree_map_only(Tensor, _filled, example)
    try:
        expected = _expected(model, filled)
    except Exception:  # such as an index that is valid only if it is 0
        filled = example
        try:
            expected = _expected(model, filled)
        except Exception as error:  # the model can raise anything
            raise ExportError(f"{type(model).__name__} cannot run on the example: {reason(error)}") from error
    tensors = [each for each in expected if isinstance(each, Tensor)]
    if any(each is not None and not isinstance(each, Tensor) for each in expected):
        return Compared(skipped="the model also returns objects that are not tensors")
    if tensors and not any(each.isfinite().any() for each in tensors):
        return Compared(skipped="all results for the example are infinite or not a number")
    try:
        found = _found(data, needed, weights, filled)
    except Exception as error:  # the runtime may lack an operator on this computer, or a package may be missing
        return Compared(skipped=f"ONNX Runtime cannot run the example here: {reason(error)}")
    if len(found) != len(tensors):
        return Compared(fault=f"{len(found)} tensors instead of {len(tensors)}")
    faults = [fault for one, other in zip(found, tensors, strict=True) if (fault := _difference(one, other))]
    if NUMBERS in faults:
        changed = shaken(model, filled, tensors)
        faults = [fault for each in zip(found, tensors, changed, strict=True) if (fault := _difference(*each))]
    return Compared(fault=next(iter(faults), ""))


def _filled(tensor: Tensor) -> Tensor:
    """Return random numbers instead of zeros only, for which wrong operations can have the right results.

    Returns:
        The tensor if any element is not 0; otherwise, numbers of the same shape and dtype: between 0 and 1 if these are
        floating-point numbers, otherwise 0 or 1.
    """
    if not tensor.numel() or tensor.any():
        return tensor
    numbers = torch.rand(tensor.shape, generator=torch.Generator().manual_seed(0))
    return (numbers if tensor.is_floating_point() else numbers.round()).to(tensor.dtype)


def _expected(model: nn.Module, inputs: tuple[Any, ...]) -> list[Any]:
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        return tree_leaves(copying.copied(model).eval()(*copy.deepcopy(inputs)))


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


def _difference(found: Tensor, expected: Tensor, changed: Tensor | None = None) -> str:
    """Describe how a result differs from that of PyTorch; empty if they agree.

    Args:
        found: the result.
        expected: that of PyTorch.
        changed: see :func:`frformat.runtimes.rounding.shaken`; by default, the same as ``expected``.
    """
    if found.shape != expected.shape:
        return f"shape {list(found.shape)} instead of {list(expected.shape)}"
    if found.dtype != expected.dtype:
        return f"{found.dtype} instead of {expected.dtype}"
    if found.is_floating_point():
        one, other = found.double(), expected.double()
        both = one.isfinite() & other.isfinite()
        other_places = float((one.isfinite() != other.isfinite()).sum()) > CLOSE * one.numel()
        slack = CLOSE * float(other[both].norm())
        if changed is not None:
            slack += NOISE * float((changed.double() - other)[both].nan_to_num(0, 0, 0).norm())
        differs = other_places or float((one - other)[both].norm()) > slack
    else:
        slack = CLOSE * found.numel()
        if changed is not None:
            slack += NOISE * float((changed != expected).sum())
        differs = float((found != expected).sum()) > slack
    return NUMBERS if differs else ""
