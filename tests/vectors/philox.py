"""Philox4x32-10, as described in section 7.4 of the specification."""

from __future__ import annotations

M = 2**32


def block(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the four words of a counter; the specification's counters end with two zeros."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p, q = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (q >> 32) ^ c1 ^ k0, q % M, (p >> 32) ^ c3 ^ k1, p % M
        k0, k1 = (k0 + 0x9E3779B9) % M, (k1 + 0xBB67AE85) % M
    return c0, c1, c2, c3


def word(seed: int, m: int) -> int:
    """Return word number ``m`` of a seed."""
    c = m >> 2
    return block((c % M, c >> 32, 0, 0), (seed % M, seed >> 32))[m % 4]


def u(seed: int, m: int) -> float:
    """Return element number ``m`` of a seed's sequence."""
    return (2 * (word(seed, m) >> 9) + 1 - 2**23) / 2**23
