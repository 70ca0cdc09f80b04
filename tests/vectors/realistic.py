"""The vector of realistic size: three million weights, generated as ``spec/vectors/README.md`` describes.

It is computed with NumPy, for speed, but with the formulas of the specification.
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.vectors import frz, msgpack, transform
from tests.vectors.frz import CODER, CORNERS, DTYPE, FORMAT, GROUPS, KINDS, NAMES, SEEDS, SHAPES, SIZES, VIEWS
from tests.vectors.msgpack import Map
from tests.vectors.numbers import DTYPES, f32, store

NAME: Final = "three-million-weights"
EMBEDDING: Final = (1024, 1024)
CONVOLUTION: Final = (512, 256, 3, 3)
HIDDEN: Final = (2048, 512)
SCALE: Final = 0.03125
SAMPLE: Final = 64


def words(seed: int, count: int) -> NDArray[np.uint64]:
    """Return the first words of a seed (section 7.4)."""
    c0 = np.arange(-(-count // 4), dtype=np.uint64)
    c1, c2, c3 = (np.zeros_like(c0) for _ in range(3))
    k0, k1 = seed % 2**32, seed >> 32
    low, half = np.uint64(2**32 - 1), np.uint64(32)
    for _ in range(10):
        p, q = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1 = (q >> half) ^ c1 ^ np.uint64(k0), q & low
        c2, c3 = (p >> half) ^ c3 ^ np.uint64(k1), p & low
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.column_stack((c0, c1, c2, c3)).reshape(-1)[:count]


def uniform(seed: int, count: int) -> NDArray[np.float64]:
    """Return u(0), u(1), … of a seed (section 7.4)."""
    return (2.0 * (words(seed, count) >> np.uint64(9)).astype(np.float64) + 1 - 2**23) / 2**23


def embedding() -> NDArray[np.float32]:
    """Return the plain tensor."""
    return uniform(1, math.prod(EMBEDDING)).astype("<f4")


def kernels() -> NDArray[np.float16]:
    """Return the core of the convolution."""
    numbers = (words(2, math.prod(CONVOLUTION)) & np.uint64(2047)).astype(np.int64) - 1024
    return (numbers / 1024).astype("<f2")


@lru_cache(maxsize=1)
def file() -> bytes:
    """Return the bytes of the file."""
    plain, core = embedding().tobytes(), kernels().tobytes()
    scale = store("f32", f32(SCALE))
    groups = [
        [(DTYPE, 11), (NAMES, [0, "embedding.weight"]), (SHAPES, [EMBEDDING]), (CODER, 0), (SIZES, [len(plain)])],
        [(DTYPE, 11), (NAMES, [0, "conv.weight"]), (SHAPES, [CONVOLUTION]), (KINDS, [0, 0, 1]), (FORMAT, 9), (CODER, 0),
         (SIZES, [len(core)])],
        [(DTYPE, 11), (NAMES, [0, "hidden.weight"]), (SHAPES, [HIDDEN]), (VIEWS, [[math.prod(HIDDEN)]]), (KINDS, [3]),
         (SEEDS, [[3]]), (CORNERS, [[[1]]]), (CODER, 0), (SIZES, [4])],
    ]  # fmt: skip
    directory = msgpack.pack(Map([(GROUPS, [Map(fields) for fields in groups])]))
    return frz.head(directory) + frz.segment(plain) + frz.segment(core) + frz.segment(scale)


def entry() -> dict[str, Any]:
    """Return its entry in ``vectors.json``."""
    data = file()
    hidden = (SCALE * uniform(3, math.prod(HIDDEN))).astype("<f4")
    common = {"dtype": DTYPES[11], "coder": "none"}
    plain = _digest(embedding())
    tensors = [
        {"name": "embedding.weight", "shape": list(EMBEDDING), **common, "values": plain, "elements": plain},
        {"name": "conv.weight", "shape": list(CONVOLUTION), "bases": ["identity", "identity", "dct", "dct"],
         "format": "f16", **common, "values": _digest(kernels().astype("<f4")), "weights": _weights()},
        {"name": "hidden.weight", "shape": list(HIDDEN), "view": [math.prod(HIDDEN)], "bases": ["seeded"],
         "seeds": ["3"], "corners": [[1]], **common, "values": _digest(np.array([SCALE], "<f4")),
         "elements": _digest(hidden)},
    ]  # fmt: skip
    about = "3,276,800 weights in 6.6 MB, generated as README.md describes: plain, with a DCT of kernels, and random"
    sizes = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    facts = {"zstd": False, "tiers": 1, "tiersPresent": 1, "metadata": {}, "aliases": {}}
    return {"name": NAME, "about": about, **sizes, **facts, "tensors": tensors}


def _digest(array: NDArray[Any]) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def _weights() -> dict[str, Any]:
    """Return the reference of the convolution: samples in full precision, rounded maximum and sum in binary64."""
    core = kernels().astype(np.float64).reshape(-1, 3, 3)
    column = transform.cosines(3)
    u = np.array([[float(value) for value in column(i)] for i in range(3)])  # u[i, x]
    found = np.einsum("kij,ix,jy->kxy", core, u, u)
    places = sorted({0, found.size - 1, *(n * 1234577 % found.size for n in range(1, SAMPLE - 1))})
    sample = []
    for place in places:
        kernel, x, y = (int(i) for i in np.unravel_index(place, found.shape))
        entries = {(i, j): float(core[kernel, i, j]) for i in range(3) for j in range(3)}
        sample.append([place, float(transform.weights(entries, (3, 3), (column, column))[3 * x + y])])
    return {"max": _rounded(np.abs(found).max()), "sum": _rounded(found.sum()), "sample": sample}


def _rounded(number: float) -> float:
    """Return a number without its last digits, which depend on the order in which NumPy adds."""
    return float(f"{number:.12g}")
