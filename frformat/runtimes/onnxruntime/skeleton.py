"""Convert ONNX graphs to files without the elements of weights, and determine what such a file needs."""

from __future__ import annotations

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


def hollow(model: onnx.ModelProto, contract: Contract) -> bytes:
    """Serialize a model without the elements of the weights that ``contract`` names.

    Args:
        model: the model, whose weights are initializers; their elements do not matter. It is modified in place.
        contract: the weights that the skeleton needs.
    """
    for tensor in model.graph.initializer:
        if tensor.name in contract.wanted:
            form = contract.wanted[tensor.name].form
            tensor.ClearField("raw_data")
            del tensor.external_data[:]
            tensor.data_location = tensor.EXTERNAL
            tensor.external_data.add(key="location", value=PLACE)
            if form:
                tensor.external_data.add(key=FORM, value=",".join(map(str, form)))
    ties = [name for pair in contract.ties.items() for name in pair]
    for key, names in ((TIES, ties), (UNUSED, list(contract.unused))):
        if names:
            model.metadata_props.add(key=key, value="\n".join(names))
    return sealed(model.SerializeToString(deterministic=True) + SEAL)


def wanted(data: bytes) -> Contract:
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
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise LoadError("SKELETON_UNSUPPORTED", f"this is not an ONNX model: {error}") from error
    found: dict[str, Wanted] = {}
    for tensor in model.graph.initializer:
        if tensor.data_location != tensor.EXTERNAL:
            continue
        if tensor.data_type not in DTYPES:
            kind = f"{tensor.name} has a dtype ({tensor.data_type}) that .frz files do not support"
            raise LoadError("SKELETON_UNSUPPORTED", f"{kind}; export it again with `frformat export`")
        facts = {entry.key: entry.value for entry in tensor.external_data}
        form = tuple(map(int, facts[FORM].split(","))) if FORM in facts else ()
        found[tensor.name] = Wanted(tuple(tensor.dims), DTYPES[tensor.data_type], form)
    listed = {entry.key: entry.value.split("\n") for entry in model.metadata_props}
    ties = listed.get(TIES, [])
    return Contract(found, dict(zip(ties[::2], ties[1::2], strict=True)), listed.get(UNUSED, ()))
