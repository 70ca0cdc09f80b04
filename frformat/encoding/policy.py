"""What is done with which tensor of a checkpoint."""

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
    """What becomes of one tensor.

    Attributes:
        spectral: whether its numbers are a spectrum, not weights.
        selection: how much of the spectrum is kept; None if the weights are stored plainly.
        view: shape in which the spectrum is taken; None for the tensor's own.
        format: number format of the coefficients, or of plain weights, which ``auto`` leaves as they are.
    """

    spectral: bool
    selection: Selection | None = None
    view: tuple[int, ...] | None = None
    format: str = "auto"


@dataclass(frozen=True)
class Policy:
    """How a checkpoint is coded.

    Attributes:
        rules: for tensors by name; the first that matches wins.
        default: for spectra and for matrices (floats of rank 2 or more) that no rule matches, and for what rules leave
            open.
        spectral: whether matrices and sparse tensors are spectra already; None to detect it, which is noted.
    """

    rules: Sequence[Rule] = ()
    default: Rule = field(default_factory=Rule)
    spectral: bool | None = None

    def decide(self, name: str, entry: Entry, spectra: Set[str]) -> Decision:
        """What becomes of one tensor.

        Args:
            name: its name.
            entry: the tensor.
            spectra: names of the tensors that are taken for spectra unless a rule says otherwise.

        Raises:
            EncodeError: a rule says how a tensor's spectrum is taken, but nothing says how much of it is kept.
        """
        said = next((rule for rule in self.rules if rule.matches(name)), Rule(name))
        spectral = name in spectra or said.spectral
        if said.raw:
            return Decision(spectral)
        selection = said.selection
        if selection is None and (spectral or is_matrix(entry)):
            selection = self.default.selection or (Everything() if spectral else None)
        if selection is None and said.view:
            raise EncodeError(f"tensor {name!r}: its rule does not say what to keep: add keep, energy or max-error")
        wanted = said.format or (self.default.format if selection or is_matrix(entry) else None) or "auto"
        return Decision(spectral, selection, said.view, entry.format if wanted == "auto" else wanted)
