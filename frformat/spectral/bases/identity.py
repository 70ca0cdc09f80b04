"""``identity``: all elements of the axis unchanged, or only the first ones."""

from __future__ import annotations

import numpy as np

from frformat.spectral.bases.base import Basis, Floats


class Identity(Basis):
    """Ones on the diagonal; elements of the axis from ``count`` on are zero."""

    selects = True

    @property
    def changes_nothing(self) -> bool:
        """See :class:`Basis`."""
        return self.length == self.count == 1

    def rows(self, start: int, stop: int) -> Floats:
        """See :class:`Basis`."""
        return np.eye(stop - start, self.count, start)
