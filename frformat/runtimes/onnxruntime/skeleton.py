"""Convert ONNX graphs to files without the elements of weights, and determine what such a file needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from frformat.errors import LoadError
from frformat.runtimes.contract import Contract, Wanted
from frformat.runtimes.seal import LENGTH, MARK, is_whole, sealed

if TYPE_CHECKING:
    import onnx

PLACE: Final = "model.frz"
FORM: Final = "frz.form"
TIES: Final = "frz.ties"
UNUSED: Final = "frz.unused"
INPUTS: Final = "frz.inputs"

SEAL: Final = bytes([0xFA, 0xFF, 0x03, LENGTH]) + MARK
"""Field 8191 of a protobuf message, which ONNX ignores: its tag, its length, and its first bytes."""

DTYPES: Final = {
    1: "f32",
    2: "u8",
    3: "i8",
    4: "u16",
    5: "i16",
    6: "i32",
    7: "i64",
    9: "bool",
    10: "f16",
    11: "f64",
    12: "u32",
    13: "u64",
    16: "bf16",
}
"""Names of the ONNX element types that the ``.frz`` format supports, too."""


@dataclass(frozen=True)
class Needs:
    """The weights that a skeleton needs, and how it takes them.

    Attributes:
        contract: the weights that it needs.
        inputs: names of those weights that are inputs of the graph. The others are external initializers.
    """

    contract: Contract
    inputs: Collection[str] = ()


def hollow(model: onnx.ModelProto, needed: Needs) -> bytes:
    """Serialize a model as a skeleton, without the elements of its weights.

    Args:
        model: the model, whose weights are initializers; their elements do not matter. It is modified in place.
        needed: what the skeleton will need. A weight that is passed as coefficients must not be an input.
    """
    import onnx

    contract = needed.contract
    for tensor in list(model.graph.initializer):
        if tensor.name in needed.inputs:
            assert not contract.wanted[tensor.name].form
            value = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            model.graph.input.append(value)
            model.graph.initializer.remove(tensor)
        elif tensor.name in contract.wanted:
            form = contract.wanted[tensor.name].form
            tensor.ClearField("raw_data")
            del tensor.external_data[:]
            tensor.data_location = tensor.EXTERNAL
            tensor.external_data.add(key="location", value=PLACE)
            if form:
                tensor.external_data.add(key=FORM, value=",".join(map(str, form)))
    ties = [name for pair in contract.ties.items() for name in pair]
    for key, names in ((TIES, ties), (UNUSED, list(contract.unused)), (INPUTS, list(needed.inputs))):
        if names:
            model.metadata_props.add(key=key, value="\n".join(names))
    return sealed(model.SerializeToString(deterministic=True) + SEAL)


def needs(data: bytes) -> Needs:
    """Return what a skeleton needs.

    Raises:
        LoadError: the data is damaged, is not a skeleton, or needs something that ``.frz`` files cannot contain.
        ModuleNotFoundError: the package ``onnx`` is not installed.
    """
    import onnx
    from google.protobuf.message import DecodeError

    whole = is_whole(data)
    if not whole:
        what = "its bytes do not match their checksum" if whole is False else "it does not end like a skeleton"
        raise LoadError(
            "SKELETON_DAMAGED", f"this is not an intact skeleton: {what}; export it again with `frformat export`"
        )
    try:
        return _read(onnx.ModelProto.FromString(data))
    except LoadError:
        raise
    except (DecodeError, KeyError, ValueError) as error:
        raise LoadError("SKELETON_UNSUPPORTED", f"this is not a skeleton for ONNX Runtime: {error}") from error


def _read(model: onnx.ModelProto) -> Needs:
    listed = {entry.key: entry.value.split("\n") for entry in model.metadata_props}
    found: dict[str, Wanted] = {}
    for tensor in model.graph.initializer:
        if tensor.data_location == tensor.EXTERNAL:
            facts = {entry.key: entry.value for entry in tensor.external_data}
            form = tuple(map(int, facts[FORM].split(","))) if FORM in facts else ()
            found[tensor.name] = Wanted(tuple(tensor.dims), _dtype(tensor.name, tensor.data_type), form)
    values = {value.name: value.type.tensor_type for value in model.graph.input}
    inputs = listed.get(INPUTS, [])
    for name in inputs:
        shape = tuple(axis.dim_value for axis in values[name].shape.dim)
        found[name] = Wanted(shape, _dtype(name, values[name].elem_type))
    ties = listed.get(TIES, [])
    contract = Contract(found, dict(zip(ties[::2], ties[1::2], strict=True)), listed.get(UNUSED, ()))
    return Needs(contract, inputs)


def _dtype(name: str, number: int) -> str:
    """Return the name of an ONNX element type."""
    if number not in DTYPES:
        kind = f"{name} has a dtype ({number}) that .frz files do not support"
        raise LoadError("SKELETON_UNSUPPORTED", f"{kind}; export it again with `frformat export`")
    return DTYPES[number]
