from tests.reproducible import reproducible

__all__ = ["reproducible"]
