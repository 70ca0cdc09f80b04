import pytest

from frformat.torch.factorization import candidates
from tests.reproducible import reproducible

__all__ = ["reproducible"]


@pytest.fixture
def always_factors(monkeypatch):
    """Use factors wherever possible, however small the network is."""
    choose = candidates.Candidate.choose

    def always(self, around, prefer):
        made = choose(self, around, prefer)
        modes = self.options[-1] if self.options else None
        return type(made)(**{**vars(made), "modes": modes})

    monkeypatch.setattr(candidates.Candidate, "choose", always)
