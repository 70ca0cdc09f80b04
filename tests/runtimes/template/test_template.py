"""Templates of synthetic files: finding places, the file format, filling, and hostile input."""

from __future__ import annotations

import dataclasses
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frformat
from frformat import PerTier, Spectrum
from frformat.errors import FrzError, LoadError
from frformat.runtimes.errors import ExportError
from frformat.runtimes.seal import LENGTH, MARK, sealed
from frformat.runtimes.template import fill, fill_file
from frformat.runtimes.template.files import HEADER, MAP_BYTES, pack, parse
from frformat.runtimes.template.layout import Layout, Place, Plain
from frformat.runtimes.template.places import SERIES, find, loops, numbered
from tests.runtimes.template import synthetic
from tests.runtimes.template.test_recorded import RECORDED

TEMPLATE = synthetic.template()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return synthetic.save(tmp_path / "model.frz", synthetic.tensors())


def test_the_filled_file_equals_the_exported_one(weights: Path, tmp_path: Path):
    expected = synthetic.runtime_file(synthetic.merged(synthetic.tensors()))
    assert fill(TEMPLATE, weights) == expected
    (tmp_path / "a.frt").write_bytes(TEMPLATE)
    assert fill_file(tmp_path / "a.frt", weights, tmp_path / "a.bin") == len(expected)
    assert (tmp_path / "a.bin").read_bytes() == expected
    other = synthetic.save(tmp_path / "other.frz", synthetic.tensors(1))
    assert fill(TEMPLATE, other) == synthetic.runtime_file(synthetic.merged(synthetic.tensors(1)))


@pytest.mark.parametrize("number_format", ["f16", "bf16", "q8"])
def test_each_tier_is_filled_in_every_number_format(number_format: str, tmp_path: Path):
    path, own = tmp_path / "model.frz", synthetic.tensors(1)
    tensors: dict[str, object] = {}
    for name, array in synthetic.tensors().items():
        if array.ndim > 1:
            tensors[name] = Spectrum.of(array, k=array.size)
        else:
            tensors[name] = PerTier([own[name].astype(np.float16), array.astype(np.float16)])
    formats = {name: number_format for name, each in tensors.items() if isinstance(each, Spectrum)}
    frformat.save_file(tensors, path, tiers=[4], format=formats)
    filled = []
    for tier in (0, 1):
        weights = frformat.load_file(path, tier=tier)
        filled.append(bytes(fill(TEMPLATE, path, tier=tier)))
        assert filled[-1] == synthetic.runtime_file(synthetic.merged(weights))
    assert filled[0] != filled[1]


def test_the_memory_budget_counts_decoding(weights: Path):
    needed = next(budget for budget in range(0, 1 << 24, 500) if _fills(weights, budget))
    size = len(synthetic.runtime_file(synthetic.merged(synthetic.tensors())))
    with frformat.open(weights) as file:
        decoding = next(budget for budget in range(0, 1 << 24, 100) if _loads(file, budget))
    assert needed >= size + decoding


def _fills(weights: Path, budget: int) -> bool:
    try:
        fill(TEMPLATE, weights, memory_budget=budget)
    except FrzError as error:
        if error.code == "BUDGET":
            return False
        raise
    return True


def _loads(file: frformat.FrzFile, budget: int) -> bool:
    file.set_memory_budget(budget)
    try:
        for name in file:
            file[name]
    except FrzError as error:
        if error.code == "BUDGET":
            return False
        raise
    return True


@given(st.data())
@settings(max_examples=20, deadline=None)
def test_elements_in_any_order_are_found(data: st.DataObject):
    shapes = data.draw(st.lists(st.lists(st.integers(1, 5), max_size=4), min_size=1, max_size=4))
    lengths = [int(np.prod(shape)) for shape in shapes]
    gaps = data.draw(st.lists(st.binary(min_size=1, max_size=9), min_size=len(shapes), max_size=len(shapes)))
    orders = [data.draw(st.permutations(range(len(shape)))) for shape in shapes]
    flips = [[axis for axis in range(len(shape)) if data.draw(st.booleans())] for shape in shapes]

    def file(values: list[np.ndarray]) -> bytes:
        parts = []
        for gap, value, shape, order, flip in zip(gaps, values, shapes, orders, flips, strict=True):
            parts += [gap, np.flip(value.reshape(shape), flip).transpose(order).tobytes()]
        return b"".join(parts)

    files = [file(numbered(lengths, series)) for series in SERIES]
    places, digests, lost = find(files, lengths)
    assert not lost
    assert not digests
    layout = Layout(
        "Synthetic", "tests", len(files[0]), {f"w{i}": tuple(shape) for i, shape in enumerate(shapes)}, (),
        tuple(Plain(f"w{i}") for i in range(len(shapes))), tuple(places),
    )  # fmt: skip
    parsed, literal = parse(pack(layout, b"".join(gaps)))
    assert parsed == layout
    assert literal.take(layout.literal) == b"".join(gaps)
    literal.finish()


def test_loops():
    assert loops(np.array([7])) == ()
    assert loops(np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1).ravel()) == ((4, 1), (6, 4))
    assert loops(np.array([0, 1, 2, 5, 6])) is None
    assert loops(np.array([3, 3, 2, 2])) == ((2, -1), (2, 0))


def test_changed_weights_are_named():
    def file(values: list[np.ndarray]) -> bytes:
        return values[0].tobytes() + (2 * values[1]).tobytes()

    assert find([file(numbered([4, 3], series)) for series in SERIES], [4, 3]).lost == [1]


def test_constants_derived_from_weights_are_refused():
    def file(values: list[np.ndarray]) -> bytes:
        return b"abcd" + values[0].tobytes() + values[0].sum().tobytes()

    with pytest.raises(ExportError, match="other constants that depend on the weights, for example at byte 20"):
        find([file(numbered([4], series)) for series in SERIES], [4])
    with pytest.raises(ExportError, match="size of the exported file depends on the weights"):
        find([b"abc", b"abcd"], [])


FUNCTIONS = {
    "abs": np.abs,
    "relu": lambda w: np.maximum(w, 0),
    "minimum": lambda w: np.minimum(w, 1),
    "maximum": lambda w: np.maximum(w, -1),
    "floor": np.floor,
    "round": np.round,
    "threshold": lambda w: np.where(np.abs(w) > 1e-3, w, 0),
    "half precision": lambda w: np.clip(w, -65504, 65504).astype(np.float16),
}


@pytest.mark.parametrize("length", [1, 40])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_that_keep_some_weights_are_noticed(name: str, length: int):
    function = FUNCTIONS[name]

    def file(values: list[np.ndarray]) -> bytes:
        return b"abcd" + function(values[0]).astype(np.float32).tobytes()

    assert find([file(numbered([length], series)) for series in SERIES], [length]).lost == [0]


def test_sorted_weights_are_noticed():
    files = [np.sort(numbered([40], series)[0]).tobytes() for series in SERIES]
    assert find(files, [40]).lost == [0]


def test_constants_that_look_like_a_weight_are_kept():
    lookalike = np.array([SERIES[0]], np.uint32).tobytes()
    found = find([lookalike + b"a" + numbered([1], series)[0].tobytes() for series in SERIES], [1])
    assert found == ([Place(5, 0, 0, ())], [], [])


def test_weights_must_fit(tmp_path: Path):
    tensors = synthetic.tensors()
    missing = {name: each for name, each in tensors.items() if name != "fc.weight"}
    for faulty, problem in [
        (missing, "missing from the file: fc.weight"),
        (tensors | {"extra": tensors["fc.weight"]}, "not in the model: extra"),
        (tensors | {"fc.weight": tensors["fc.weight"].T.copy()}, r"fc.weight: shape \[4, 5\] in the file"),
        (tensors | {"fc.weight": np.ones((5, 4), np.int32)}, "fc.weight: i32 in the file, f32 in the model"),
        (tensors | {"fc.weight": np.full((5, 4), 1e300)}, "fc.weight has elements that do not fit into f32"),
        (tensors | {"norm.running_var": -(tensors["norm.bias"] ** 2)}, "of norm.running_var yields weights"),
        (tensors | {"head.weight": tensors["fc.weight"] + 1}, "fc.weight and head.weight are one tensor"),
    ]:
        path = synthetic.save(tmp_path / "faulty.frz", faulty)
        with pytest.raises(LoadError, match=f"MISMATCH: .*faulty.frz: .* does not fit this skeleton: .*{problem}"):
            fill(TEMPLATE, path)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("scale", "the normalization of norm.running_var yields weights that do not fit into f32"),
        ("large", "fc.weight has elements that do not fit into f32"),
        ("tied", "fc.weight and head.weight are one tensor in the model, but differ in the file"),
        ("bits", "fc.weight and head.weight are one tensor in the model, but differ in the file"),
    ],
)
def test_elements_without_a_place_must_fit_too(name: str, problem: str):
    with frformat.open(RECORDED / "unplaced" / f"{name}.frz") as file:
        for tensor, expected in synthetic.unplaced()[name].items():
            np.testing.assert_array_equal(file[tensor], expected)
    assert (RECORDED / "partial.frt").read_bytes() == synthetic.partial()
    with pytest.raises(LoadError, match=problem) as error:
        fill(synthetic.partial(), RECORDED / "unplaced" / f"{name}.frz")
    assert error.value.kind == "MISMATCH"


def test_other_names_and_precisions_fit(tmp_path: Path):
    tensors = synthetic.tensors()
    tensors["head.weight"] = tensors.pop("fc.weight").astype(np.float64)
    tensors["norm.num_batches_tracked"] = np.array(7)
    path = synthetic.save(tmp_path / "model.frz", tensors)
    assert fill(TEMPLATE, path) == synthetic.runtime_file(synthetic.merged(synthetic.tensors()))


def test_every_flipped_bit_and_every_truncation_is_found(weights: Path):
    for i in range(0, 8 * len(TEMPLATE), 7):
        with pytest.raises(LoadError, match="SKELETON_DAMAGED"):
            parse(TEMPLATE[: i // 8] + bytes([TEMPLATE[i // 8] ^ 1 << i % 8]) + TEMPLATE[i // 8 + 1 :])
    for size in range(len(TEMPLATE)):
        with pytest.raises(LoadError, match="SKELETON_DAMAGED"):
            parse(TEMPLATE[:size])


def resealed(change: bytes = b"", *, header: bytes | None = None, literal: bytes | None = None) -> bytes:
    """Return the template with another map, header or literal bytes, and a valid checksum."""
    size = HEADER.unpack_from(TEMPLATE)[2]
    inflated = zlib.decompress(TEMPLATE[HEADER.size : -LENGTH], -15)
    body, rest = change or inflated[:size], inflated[size:] if literal is None else literal
    deflate = zlib.compressobj(wbits=-15)
    stream = deflate.compress(body + rest) + deflate.flush()
    return sealed((header or HEADER.pack(b"\x89FRT", 1, len(body))) + stream + MARK)


def parsed(data: bytes) -> Layout | None:
    """Return the map of a template, or None if it is damaged."""
    try:
        return parse(data)[0]
    except LoadError as error:
        if error.kind != "SKELETON_DAMAGED":
            raise
        return None


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_malformed_maps_are_refused(data: st.DataObject):
    size = HEADER.unpack_from(TEMPLATE)[2]
    body = bytearray(zlib.decompress(TEMPLATE[HEADER.size : -LENGTH], -15)[:size])
    at = data.draw(st.integers(0, size - 1))
    body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    layout = parsed(resealed(bytes(body)))
    if layout is None:
        return
    end = 0
    for place in layout.places:
        low, high = place.range
        assert 0 <= low <= high < np.prod(layout.shape(layout.values[place.value]), dtype=object)
        assert end <= place.offset
        end = place.offset + 4 * place.elements
    assert end <= layout.size


def test_malformed_streams_are_refused(weights: Path):
    literal = zlib.decompress(TEMPLATE[HEADER.size : -LENGTH], -15)[HEADER.unpack_from(TEMPLATE)[2] :]
    assert fill(resealed(), weights) == fill(TEMPLATE, weights)
    for faulty, problem in [
        (resealed(literal=literal[:-1]), "its stream ends too early"),
        (resealed(literal=literal + b"a"), "its stream does not end where it should"),
        (sealed(TEMPLATE[:-LENGTH] + b"a" + MARK), "its stream does not end where it should"),
        (sealed(TEMPLATE[: HEADER.size] + b"\xff" * 40 + MARK), "its stream is malformed"),
        (resealed(header=HEADER.pack(b"\x89FRT", 1, MAP_BYTES + 1)), "its map has"),
    ]:
        with pytest.raises(LoadError, match=f"SKELETON_DAMAGED: .*{problem}"):
            fill(faulty, weights)
    with pytest.raises(LoadError, match="SKELETON_UNSUPPORTED: the template has version 2, not 1"):
        parse(resealed(header=struct.pack("<4sBI", b"\x89FRT", 2, 0)))
    with pytest.raises(LoadError, match="SKELETON_UNSUPPORTED: this is not a template"):
        parse(sealed(b"another skeleton" + MARK))


def test_a_huge_file_takes_no_memory(weights: Path):
    layout, _ = parse(TEMPLATE)
    huge = dataclasses.replace(layout, size=1 << 40, places=(), digests=())
    body = pack(dataclasses.replace(huge, size=0), b"")
    size = HEADER.unpack_from(body)[2]
    changed = zlib.decompress(body[HEADER.size : -LENGTH], -15)[:size]
    start = 2 + len(layout.runtime) + len(layout.exporter)
    hostile = changed[:start] + bytes([0x80] * 5 + [0x20]) + changed[start + 1 :]
    with pytest.raises(FrzError, match="BUDGET: filling the template takes 1099511"):
        fill(resealed(hostile, literal=b""), weights)
