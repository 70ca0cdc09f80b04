"""The kinds of basis, one per file. A basis is the matrix that a core is multiplied by along one axis."""

from frformat.spectral.bases.base import Basis
from frformat.spectral.bases.dct import Dct
from frformat.spectral.bases.identity import Identity
from frformat.spectral.bases.kronecker import Kronecker
from frformat.spectral.bases.seeded import Seeded
from frformat.spectral.bases.stored import Stored

__all__ = ["Basis", "Dct", "Identity", "Kronecker", "Seeded", "Stored"]
