"""Small files that demand a lot of memory: a reader must check sizes before allocating."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors import deflate, frz, msgpack, zstd
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import RAW, stream, with_directory
from tests.vectors.frz import File, Group, Tensor
from tests.vectors.msgpack import Map, Raw
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
        "bomb-directory-of-zeros", "a directory that inflates to 8 MiB of zeros, as it claims", honest, "DIRECTORY"
    )
    lying = with_directory(RAW, tree, deflated=deflate.bomb(16 * MIB))
    about = f"a directory that claims {len(tree)} bytes and inflates to 16 MiB"
    yield faulty("bomb-directory-that-lies", about, lying, "STREAM")


def _streams() -> Iterator[Vector]:
    file = stream("deflate", 100, deflate.bomb(8 * MIB))
    yield faulty("bomb-deflate-segment", "100 values whose stream inflates to 8 MiB", file, "STREAM", load="x")
    file = stream("zstd", 100, zstd.run(0, 256 * MIB))
    yield faulty("bomb-zstd-segment", "100 values whose stream decompresses to 256 MiB", file, "STREAM", load="x")
    file = stream("zstd", 100, zstd.run(0, 100, content=1 << 60))
    yield faulty("bomb-zstd-content-size", "100 values in a frame that claims 2^60 bytes", file, "STREAM", load="x")


def _weights() -> Iterator[Vector]:
    tera = (1 << 20, 1 << 20)
    file = File([frz.dct("w", "f32", tera, f32(1.0))]).bytes()
    about = f"4 TiB of weights from one coefficient, in {len(file)} bytes"
    yield faulty("bomb-terabytes", about, file, "BUDGET", load="w")
    largest = File([frz.dct("w", "f32", (1 << 16, 1 << 16, 1 << 16), ())]).bytes()
    about = f"a pebibyte of zeros without any coefficients, in {len(largest)} bytes"
    yield faulty("bomb-pebibyte-of-zeros", about, largest, "BUDGET", load="w")
    group = [Tensor("small", (2,), f32(1.0), kept=(1,)), Tensor("large", tera, f32(1.0), kept=(1,))]
    yield faulty(
        "bomb-beside-small",
        "a tensor of 4 TiB in a group",
        File([frz.spectral(group, "f32")]).bytes(),
        "BUDGET",
        load="large",
        sound=["small"],
    )
    aliased = File([frz.dct("w", "f32", tera, f32(1.0))], aliases=[("a", "w")]).bytes()
    yield faulty("bomb-by-alias", "an alias of a tensor of 4 TiB", aliased, "BUDGET", load="a")
    for coder, data in (("deflate", deflate.fixed(b"")), ("zstd", zstd.raw(b""))):
        raw = Group([Tensor("x", tera)], "u8", coder=coder, streams=[data])
        about = f"a TiB of plain elements in {len(data)} bytes"
        yield faulty(f"bomb-raw-{coder}", about, _with(raw), "BUDGET", load="x")
    raw = Group([Tensor("x", tera)], "u8", per_tier=True, coder="deflate", streams=[deflate.fixed(b"")])
    yield faulty("bomb-per-tier", "a TiB of elements that every tier stores again", _with(raw), "BUDGET", load="x")
    yield faulty("bomb-coefficients", "2^30 coefficients in a few bytes", _spectrum(1 << 30), "BUDGET", load="w")
    seeded = Group([Tensor("w", (1 << 40,), f32(0.5), view=(1 << 20, 1 << 20), corners=[(1, 1)], seeds=(1, 2))], "f32",
                   ["seeded"])  # fmt: skip
    seeded.tensors[0].shape = (1 << 20, 1 << 20)
    yield faulty("bomb-seeded", "4 TiB of pseudo-random numbers", File([seeded]).bytes(), "BUDGET", load="w")
    corner = Group([Tensor("w", tera, (1, 2, 3, 4, 5, 6), corners=[(2, 3)])], "u8")
    yield faulty("bomb-corner", "a TiB of zeros except for six elements", File([corner]).bytes(), "BUDGET", load="w")
    factors = Group([Tensor("", (1 << 14, 1 << 24))], coder="deflate", streams=[deflate.fixed(b"")])
    core = Group([Tensor("w", (1 << 24,), f32(1.0), corners=[(1,)], factors=(0,))], "f32", ["stored"])
    about = "a tensor of 64 MiB that uses a factor of a TiB"
    yield faulty("bomb-factor", about, _with(factors, core), "BUDGET", load="w")
    box = File([frz.dct("w", "f32", (1,) * 7 + (1 << 20,), f32(1.0))]).bytes()
    yield faulty("bomb-small-budget", "4 MiB of weights with a budget of 1 MiB", box, "BUDGET", load="w", budget=MIB)
    tree = Map([*RAW.tree(), (9, Raw(b"\xc6" + (8 * MIB).to_bytes(4, "big") + bytes(8 * MIB)))])
    directory = msgpack.pack(tree)
    zeros = [*directory[: -8 * MIB], 0, *[(258, 1)] * ((8 * MIB - 1) // 258), *[0] * ((8 * MIB - 1) % 258)]
    data = frz.head(directory, deflated=deflate.blocks([zeros], dynamic=True)) + b"".join(
        b"".join(p) for p in RAW.parts()
    )
    about = "a directory of 8 MiB with a budget of 1 MiB: opening fails"
    yield faulty("bomb-opening", about, data, "BUDGET", budget=MIB)


def _with(*groups: Group) -> bytes:
    """Return a file with the given stream for its first group, whose values are never computed."""
    file = File(groups)
    directory = msgpack.pack(file.tree())
    streams = groups[0].streams
    assert streams is not None
    rest = File(groups[1:]).parts()[0]
    return frz.head(directory) + frz.segment(streams[0]) + b"".join(rest)


def _spectrum(k: int) -> bytes:
    """Return a file with a spectrum of ``k`` coefficients, and a stream of a few bytes for them."""
    stream = deflate.fixed(b"")
    group = Group([Tensor("w", (1 << 24, 1 << 24), (), kept=(k,))], "f32", ["dct"], coder="deflate", streams=[stream])
    return frz.head(msgpack.pack(File([group]).tree())) + frz.segment(stream)
