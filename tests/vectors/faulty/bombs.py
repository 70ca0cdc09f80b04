"""Small files that ask for much: what a reader must not do is allocate first and look later."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors import deflate, frz, msgpack, zstd
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import RAW, stream, with_directory
from tests.vectors.frz import File, Group, Tensor
from tests.vectors.numbers import f32

MIB = 1 << 20


def vectors() -> Iterator[Vector]:
    yield from _directories()
    yield from _streams()
    yield from _weights()


def _directories() -> Iterator[Vector]:
    tree = msgpack.pack(RAW.tree())
    honest = with_directory(RAW, tree, deflated=deflate.bomb(8 * MIB), length=8 * MIB)
    yield faulty(
        "bomb-directory-of-zeros", "a directory that inflates to 8 MiB of zeros, as it says", honest, "DIRECTORY"
    )
    lying = with_directory(RAW, tree, deflated=deflate.bomb(16 * MIB))
    about = f"a directory that says {len(tree)} bytes and inflates to 16 MiB"
    yield faulty("bomb-directory-that-lies", about, lying, "STREAM")


def _streams() -> Iterator[Vector]:
    file = stream("deflate", 100, deflate.bomb(8 * MIB))
    yield faulty("bomb-deflate-segment", "100 values whose stream inflates to 8 MiB", file, "STREAM", load="x")
    file = stream("zstd", 100, zstd.run(0, 256 * MIB))
    yield faulty("bomb-zstd-segment", "100 values whose stream decompresses to 256 MiB", file, "STREAM", load="x")
    file = stream("zstd", 100, zstd.run(0, 100, content=1 << 60))
    yield faulty("bomb-zstd-content-size", "100 values in a frame that says 2^60 bytes", file, "STREAM", load="x")


def _weights() -> Iterator[Vector]:
    tera = (1 << 20, 1 << 20)
    file = File([frz.dct("w", "f32", tera, f32(1.0))]).bytes()
    about = f"4 TiB of weights from one coefficient, in {len(file)} bytes"
    yield faulty("bomb-terabytes", about, file, "BUDGET", load="w")
    largest = File([frz.dct("w", "f32", (1 << 16, 1 << 16, 1 << 16), ())]).bytes()
    about = f"a pebibyte of zeros from no coefficient, in {len(largest)} bytes"
    yield faulty("bomb-pebibyte-of-zeros", about, largest, "BUDGET", load="w")
    group = [Tensor("small", (2,), f32(1.0)), Tensor("large", tera, f32(1.0))]
    yield faulty(
        "bomb-beside-small",
        "a tensor of 4 TiB in a group",
        File([Group(group, "f32", "f32")]).bytes(),
        "BUDGET",
        load="large",
    )
    aliased = File([frz.dct("w", "f32", tera, f32(1.0))], aliases=[("a", "w")]).bytes()
    yield faulty("bomb-by-alias", "an alias of a tensor of 4 TiB", aliased, "BUDGET", load="a")
    for coder, data in (("deflate", deflate.fixed(b"")), ("zstd", zstd.raw(b""))):
        raw = Group([Tensor("x", tera, (0,))], "u8", coder=coder, streams=[data])
        yield faulty(
            f"bomb-raw-{coder}", f"a TiB of raw elements in {len(data)} bytes", File([raw]).bytes(), "BUDGET", load="x"
        )
    stream = [deflate.fixed(b"")]
    rows = [
        Group([Tensor(name, shape, (0,))], "u8", coder="deflate", streams=stream)
        for name, shape in (("x", tera), ("x@tiers", (1, *tera)))
    ]
    about = "a TiB of raw elements, and as many that tier 0 has in their place"
    yield faulty("bomb-raw-rows", about, File(rows, tiers=2).bytes(), "BUDGET", load="x", tier=0)
    spectrum = _spectrum(1 << 30)
    yield faulty("bomb-coefficients", "2^30 coefficients in a few bytes", spectrum, "BUDGET", load="w")
    box = File([frz.dct("w", "f32", (1,) * 7 + (1 << 20,), f32(1.0))]).bytes()
    yield faulty(
        "bomb-small-budget", "4 MiB of weights, of which the budget allows 1", box, "BUDGET", load="w", budget=MIB
    )


def _spectrum(k: int) -> bytes:
    """A file whose spectrum has ``k`` coefficients for which there is a stream of a few bytes."""
    group = Group([Tensor("w", (1 << 24, 1 << 24), (0,))], "f32", "f32", "deflate", streams=[deflate.fixed(b"")])
    tree = File([group]).tree()
    tree.get(frz.GROUPS)[0].set(frz.KEPT, [[k]])
    return frz.head(msgpack.pack(tree)) + frz.segment(deflate.fixed(b""))
