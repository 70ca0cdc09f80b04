"""Decide how to store each tensor of a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from frformat.checkpoints import Entry
from frformat.encoding.detection import is_matrix
from frformat.encoding.rules import Rule
from frformat.encoding.selection import Everything, Selection
from frformat.errors import EncodeError


@dataclass(frozen=True)
class Decision:
    """The chosen form in which to store one tensor.

    Attributes:
        spectral: whether its elements are a spectrum, not weights.
        selection: how much of the spectrum to keep; None stores the weights without a transform.
        view: shape in which the spectrum is taken; None means the tensor's own.
        format: number format of the coefficients or of plain weights; ``auto`` leaves plain weights unchanged.
    """

    spectral: bool
    selection: Selection | None = None
    view: tuple[int, ...] | None = None
    format: str = "auto"


@dataclass(frozen=True)
class Policy:
    """Rules for storing the tensors of a checkpoint.

    Attributes:
        rules: rules for tensors by name; the first that matches applies.
        default: the rule for spectra and matrices (floats of rank 2 or more) that no other rule matches. It also
            decides whatever a matching rule leaves open.
        spectral: whether matrices and sparse tensors already are spectra; None detects it and adds a note.

    Raises:
        EncodeError: a rule is text, or the default says more than how much to keep and in which number format.
    """

    rules: Sequence[Rule] = ()
    default: Rule = field(default_factory=Rule)
    spectral: bool | None = None

    def __post_init__(self) -> None:
        text = next((rule for rule in (*self.rules, self.default) if not isinstance(rule, Rule)), None)
        if text is not None:
            raise EncodeError(f"{text!r} is not a Rule; Rule.parse returns one for text such as '*.weight: keep=300'")
        if self.default != Rule(selection=self.default.selection, format=self.default.format):
            raise EncodeError("the default rule sets only selection and format: set the rest in a rule with a pattern")

    def decide(self, names: Sequence[str], entry: Entry, spectra: Set[str]) -> Decision:
        """Decide how to store one tensor.

        Args:
            names: its names. Tied tensors have several, and a rule applies if it matches any of them.
            entry: the tensor.
            spectra: names of the tensors that are treated as spectra unless a rule says otherwise.

        Raises:
            EncodeError: a rule requests a tensor's spectrum, but nothing specifies how much of it to keep.
        """
        name = names[0]
        said = next((rule for rule in self.rules if any(map(rule.matches, names))), Rule(name))
        spectral = name in spectra or said.spectral
        if said.raw:
            return Decision(spectral)
        selection = said.selection
        if selection is None and (spectral or is_matrix(entry)):
            selection = self.default.selection or (Everything() if spectral else None)
        if selection is None and said.view:
            raise EncodeError(f"tensor {name!r}: its rule does not say how much to keep: add keep, energy or max-error")
        wanted = said.format or (self.default.format if selection or is_matrix(entry) else None) or "auto"
        return Decision(spectral, selection, said.view, entry.format if wanted == "auto" else wanted)
