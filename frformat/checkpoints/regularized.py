"""Regularized tensors in state dicts. The extra state of a parametrization describes the tensor it regularizes.

PyTorch stores the tensor ``fc.weight`` as ``fc.parametrizations.weight.original``, a vector of coefficients, and the
result of :meth:`Facts.pack`, a short JSON text as uint8 elements, as ``fc.parametrizations.weight.0._extra_state``.

A factored layer stores a vector of coefficients as ``fc.weight``. Nothing in the tensors reveals that, so the layer
describes its weight in the metadata that PyTorch attaches to a state dict and that ``torch.save`` writes with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from frformat.checkpoints import torch_tensors
from frformat.checkpoints.precision import overflow, vanishing
from frformat.errors import EncodeError
from frformat.format import limits
from frformat.spectral.spectrum import Spectrum
from frformat.wording import count

FACTS: Final = re.compile(r"((?:.*\.)?parametrizations\.([^.]+)\.)0\._extra_state")
"""Matches names of extra states. Groups: the prefix of all names that belong to the tensor, and the name of the
tensor's attribute."""


BEGIN: Final = b'{"kind": '
"""The text with which packed facts always begin."""

FACTORED: Final = "factored"
"""Key in a module's metadata. Its value is a dict: for each parameter that consists of coefficients, the facts as
text."""

KINDS: Final = ("spectral", "statistics", "tucker", "corner", "quantized")
"""The kinds of tensors; see :class:`Facts`."""

HIDDEN: Final = {"tucker": "in Tucker form", "quantized": "quantized"}
"""Kinds of tensors that a state dict does not describe completely, and how to call them."""

LEVEL: Final = "level"
"""Name of a parametrization's learned quantization step, which its facts contain as the number format."""


@dataclass(frozen=True)
class Facts:
    """A parametrization's description of itself.

    Attributes:
        kind: ``spectral`` for coefficients of a tensor, ``statistics`` for a tensor that differs from tier to tier,
            ``tucker`` for a core and factors, ``corner`` for a weight whose smaller tiers are its corners,
            ``quantized`` for coefficients that are rounded as a file stores them.
        shape: shape of the tensor.
        view: shape in which the spectrum is taken; None means the tensor's own.
        format: number format for which the coefficients were trained.
        tiers: number of tiers.
        alone: whether this is the tensor's only parametrization.
        coding: of a quantized tensor, the bases, steps and types that its coefficients refer to.
    """

    kind: str
    shape: tuple[int, ...]
    view: tuple[int, ...] | None = None
    format: str | None = None
    tiers: int = 1
    alone: bool = True
    coding: Mapping[str, Any] | None = None

    def text(self) -> str:
        """Encode as JSON."""
        return json.dumps({key: value for key, value in asdict(self).items() if value is not None})

    def pack(self) -> Tensor:
        """Encode as a tensor, which every checkpoint format can store."""
        return torch.frombuffer(bytearray(self.text().encode()), dtype=torch.uint8)

    @classmethod
    def parse(cls, packed: object) -> Facts | None:
        """Parse the facts from a tensor or a string; None if it does not contain any."""
        text = _text(packed)
        try:
            found: dict[str, Any] = json.loads(text)
            lengths = {key: tuple(found[key]) for key in ("shape", "view") if found.get(key) is not None}
            facts = cls(**{**found, **lengths})
        except (ValueError, TypeError, AttributeError, RecursionError):
            return None
        known = facts.kind in KINDS and isinstance(facts.format, str | None)
        known = known and isinstance(facts.coding, Mapping | None)
        lawful = all(len(shape) <= limits.RANK and all(map(_is_length, shape)) for shape in lengths.values())
        return facts if known and lawful and isinstance(facts.tiers, int) and facts.tiers > 0 else None


def _text(packed: object) -> bytes:
    """Return the text of an extra state or of metadata; empty if it has none."""
    if isinstance(packed, str):
        return packed.encode(errors="replace")
    if not (isinstance(packed, Tensor) and packed.dtype == torch.uint8 and packed.dim() == 1):
        return b""
    return packed.cpu().numpy().tobytes()


def _is_length(value: object) -> bool:
    return type(value) is int and 0 <= value <= limits.AXIS


@dataclass(frozen=True)
class Coefficients:
    """A regularized tensor in a state dict.

    Attributes:
        tensor: its coefficients, (k,).
        facts: the description of the tensor.
    """

    tensor: Tensor
    facts: Facts

    @property
    def dtype(self) -> str:
        """Element type of the tensor."""
        return torch_tensors.dtype_name(self.tensor.dtype)

    def spectrum(self) -> Spectrum:
        """Return the spectrum in the form that files store.

        Raises:
            EncodeError: the coefficients are damaged, not finite, or beyond the range of float32.
        """
        if self.tensor.dim() != 1:
            raise EncodeError(f"coefficients of shape {list(self.tensor.shape)} are not a vector; the file is damaged")
        fault = overflow(self.tensor, torch.float32) or vanishing(self.tensor, torch.float32)
        if fault:
            raise EncodeError(f"{fault}, the type of coefficients in files")
        values = torch_tensors.to_numpy(self.tensor.detach().to("cpu", torch.float32))
        assert isinstance(values, np.ndarray)
        return Spectrum(values.copy(), self.facts.shape, self.facts.view, self.dtype)


def describe(state: Mapping[str, Any], path: str, parameters: Mapping[str, Facts]) -> None:
    """Describe a factored layer's parameters in the metadata of a state dict, from which :func:`factored` reads it.

    Args:
        state: a state dict that contains the layer; a plain dict has no metadata and stays as it is.
        path: path of the layer; empty for the model itself.
        parameters: facts about the parameters that consist of coefficients, by name within the layer.
    """
    metadata = getattr(state, "_metadata", None)
    if metadata is not None and parameters:
        metadata[path][FACTORED] = {name: facts.text() for name, facts in parameters.items()}


def factored(state: Mapping[str, Any]) -> dict[str, Facts]:
    """Return the facts about parameters of factored layers, by name, from the metadata of a state dict.

    Raises:
        EncodeError: a description is damaged.
    """
    found = {}
    metadata = getattr(state, "_metadata", None)
    for path, own in metadata.items() if isinstance(metadata, Mapping) else ():
        described = own.get(FACTORED) if isinstance(own, Mapping) else None
        for parameter, text in described.items() if isinstance(described, Mapping) else ():
            name, facts = f"{path}.{parameter}" if path else f"{parameter}", Facts.parse(text)
            if facts is None:
                raise EncodeError(f"{name}: its description is damaged, or was written by a newer version of frformat")
            found[name] = facts
    return found


def gather(named: Mapping[str, Any], layers: Mapping[str, Facts]) -> tuple[dict[str, Any], list[str]]:
    """Return the state dict under the plain model's names, with :class:`Coefficients` for each regularized tensor.

    Args:
        named: tensors by name; returned unchanged if there are no regularized ones.
        layers: the result of :func:`factored` for the state dict that ``named`` comes from.

    Returns:
        The tensors, and notes for the user, one line each.

    Raises:
        EncodeError: a tensor is quantized or in Tucker form, has further parametrizations, whose code is not in the
            state dict, or has a damaged description.
    """
    found: dict[str, Any] = {}
    hidden: dict[str, str] = {}
    tiers = 1
    for name, own in layers.items():
        if isinstance(named.get(name), Tensor):
            _check_form(name, own)
            hidden[name] = name
            found[name] = Coefficients(named[name], own)
    for name in named:
        match = FACTS.fullmatch(name)
        if match is None:
            continue
        facts = Facts.parse(named[name])
        original = f"{match[1]}original"
        path = match[1].removesuffix(f"parametrizations.{match[2]}.") + match[2]
        if facts is None:
            if _text(named[name]).startswith(BEGIN):
                raise EncodeError(
                    f"{path}: the description in {name} is damaged, or was written by a newer version of frformat"
                )
            continue
        _check_form(path, facts)
        if original not in named:
            continue
        if not facts.alone:
            raise EncodeError(
                f"{path}: further parametrizations change this tensor, and a state dict does not contain their code; "
                "write the model with frformat.torch.save_model"
            )
        hidden |= {original: path, name: "", f"{match[1]}0.{LEVEL}": ""}
        tiers = max(tiers, facts.tiers)
        held = named[original]
        found[path] = _largest(held, facts)
    if not hidden:
        return dict(named), []
    plain = {}
    for name in named:
        path = hidden.get(name, name)
        if path:  # empty for facts and learned steps
            plain[path] = found[path] if name in hidden else named[name]
    spectra = sum(isinstance(value, Coefficients) for value in found.values())
    notes = [f"read the spectra of {count(spectra, 'regularized tensor')}"] if spectra else []
    if tiers > 1:
        notes.append(f"the largest of {tiers} tiers was read; frformat.torch.save_model writes all of them")
    return plain, notes


def _check_form(path: str, facts: Facts) -> None:
    if facts.kind in HIDDEN:
        raise EncodeError(f"{path}: it is {HIDDEN[facts.kind]}; write the model with frformat.torch.save_model")


def _largest(held: Tensor, facts: Facts) -> Any:
    """Return the largest tier of a tensor, as coefficients if it is regularized."""
    if facts.kind == "spectral":
        return Coefficients(held, facts)
    return held if facts.kind == "corner" else held[-1]
