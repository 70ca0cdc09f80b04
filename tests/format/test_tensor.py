from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given

import frformat
from frformat import Axis, CodedTensor, EncodeError, FrzError, PerTier, Spectrum
from frformat.dtypes import DTYPES
from frformat.format.quantization import step
from frformat.spectral import zigzag
from tests import strategies

FACTOR = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)


def canonical(tensor: CodedTensor) -> np.ndarray:
    """Compute the canonical values one by one, as the specification defines them."""
    if tensor.step is None:
        return tensor.values if tensor.exact else tensor.values.astype(np.float32)
    out = np.empty(tensor.values.shape, np.float32)
    for index in np.ndindex(out.shape):
        code = tensor.step + sum(int(found[index[axis]]) for axis, found in tensor.offsets.items())
        out[index] = np.float32(float(tensor.values[index]) * step(code))
    return out


def naive(tensor: CodedTensor) -> tuple[np.ndarray, np.ndarray]:
    """Compute the tensor in float64 by the formula of section 8, and the sums of the magnitudes of its terms."""
    values = canonical(tensor).astype(np.float64)
    if 0 in tensor.shape:
        return np.zeros(tensor.shape), np.zeros(tensor.shape)
    if tensor.ordered:
        core = np.zeros(tensor.corner)
        for index, value in zip(zigzag.prefix(tensor.meant, len(values)).tolist(), values, strict=True):
            core[tuple(index)] = value
    else:
        core = values
    terms = np.abs(core)
    for axis, (each, n, r) in enumerate(zip(tensor.axes, tensor.meant, core.shape, strict=True)):
        u = each.basis(n, r).rows(0, n)
        core = np.moveaxis(np.tensordot(u, core, (1, axis)), 0, axis)
        terms = np.moveaxis(np.tensordot(np.abs(u), terms, (1, axis)), 0, axis)
    return core.reshape(tensor.shape), terms.reshape(tensor.shape)


@given(strategies.coded())
def test_rebuild_is_the_formula(tensor: CodedTensor) -> None:
    found = tensor.rebuild()
    assert found.shape == tensor.shape
    assert found.dtype == DTYPES[tensor.dtype]
    weights, terms = naive(tensor)
    delta = 1e-6 * terms.max(initial=0) + 2.0**-126
    with np.errstate(over="ignore"):
        low, high = (weights - delta).astype(found.dtype), (weights + delta).astype(found.dtype)
    assert ((low <= found) & (found <= high)).all()


@given(strategies.coded())
def test_parts_of_the_canonical_values_equal_slices_of_the_whole(tensor: CodedTensor) -> None:
    whole = tensor.canonical()
    assert whole.tobytes() == canonical(tensor).tobytes()
    for axis, n in enumerate(whole.shape):
        part = (
            *(slice(0, m) for m in whole.shape[:axis]),
            slice(n // 2, n),
            *(slice(0, m) for m in whole.shape[axis + 1 :]),
        )
        assert tensor.numbers(part).tobytes() == whole[part].tobytes()


@given(strategies.spectra(), strategies.number_formats)
def test_a_spectrum_survives_as_a_coded_tensor(spectrum: Spectrum, format: str) -> None:
    tensor = CodedTensor.of_spectrum(spectrum, format)
    back = tensor.spectrum()
    assert back is not None
    assert (back.shape, back.view, back.dtype, back.kept) == (
        spectrum.shape,
        spectrum.view,
        spectrum.dtype,
        spectrum.kept,
    )
    assert tensor.rebuild().tobytes() == back.weights().tobytes()
    if format == "auto":
        assert back.coefficients.tobytes() == spectrum.coefficients.tobytes()


def test_other_tensors_are_not_spectra() -> None:
    assert CodedTensor(np.ones((2, 2), np.float32), (4, 4), "f32", (Axis("dct"), Axis("dct"))).spectrum() is None
    assert CodedTensor(np.ones(2, np.float32), (4, 4), "f32", (Axis(), Axis("dct")), ordered=True).spectrum() is None
    assert CodedTensor.of_array(np.ones(3)).spectrum() is None


@given(strategies.arrays())
def test_exact_elements_are_the_array_itself(array: np.ndarray) -> None:
    tensor = CodedTensor.of_array(array)
    assert tensor.exact
    assert tensor.rebuild().tobytes() == array.tobytes()
    assert np.shares_memory(tensor.values, array) or array.size == 0


def test_tucker() -> None:
    core = np.random.default_rng(1).standard_normal((3, 2)).astype(np.float32)
    other = np.random.default_rng(2).standard_normal((2, 4)).astype(np.float32)
    tensor = CodedTensor(core, (5, 4), "f32", (Axis("stored", FACTOR), Axis("stored", other)))
    assert np.allclose(tensor.rebuild(), FACTOR.T @ core @ other, atol=1e-5)


def test_a_factor_can_have_more_rows_than_are_used() -> None:
    tensor = CodedTensor(np.ones((1, 4), np.float32), (5, 4), "f64", (Axis("stored", FACTOR), Axis()))
    assert np.array_equal(tensor.rebuild(), np.tile(FACTOR[0].astype(np.float64)[:, None], (1, 4)))


def test_a_corner_of_elements_leaves_zeros() -> None:
    values = np.array([[1, 2]], np.complex128)
    found = CodedTensor(values, (2, 3), "c128").rebuild()
    assert found.tolist() == [[1, 2, 0], [0, 0, 0]]
    assert CodedTensor(np.array([7, 8, 9], np.int16), (2, 2), "i16", ordered=True).rebuild().tolist() == [
        [7, 8],
        [9, 0],
    ]


class TestRefusals:
    @pytest.mark.parametrize(
        ("kind", "argument", "message"),
        [
            ("fft", None, "basis 'fft' is not one of identity, dct, stored, seeded"),
            ("stored", None, "needs a factor"),
            ("stored", 7, "needs a factor"),
            ("seeded", None, "needs a seed"),
            ("seeded", -1, "needs a seed of 64 bits"),
            ("seeded", 1 << 64, "needs a seed of 64 bits"),
            ("dct", 3, "takes no argument, but got 3"),
            ("identity", FACTOR, "takes no"),
        ],
    )
    def test_axes(self, kind: str, argument: object, message: str) -> None:
        with pytest.raises(EncodeError, match=message):
            Axis(kind, argument)

    @pytest.mark.parametrize(
        ("values", "shape", "options", "message"),
        [
            (np.ones(3, np.float32), (2, 2), {}, r"core has shape \(3,\), not a corner"),
            (np.ones((3, 2), np.float32), (2, 2), {}, "not a corner of"),
            (np.ones(5, np.float32), (2, 2), {"ordered": True}, "k at most 4"),
            (np.ones((2, 2), np.float32), (2, 2), {"ordered": True}, "k at most 4"),
            (np.ones(4, np.float32), (2, 2), {"view": (5,)}, "view"),
            (np.ones((2, 2), np.float32), (2, 2), {"axes": (Axis(),)}, "bases for 1 axes, but the shape has 2"),
            (
                np.ones(2, np.float32),
                (4,),
                {"axes": (Axis("seeded", 1),), "ordered": True},
                "allows only identity and dct axes",
            ),
            (
                np.ones(4, np.float32),
                (5,),
                {"axes": (Axis("stored", FACTOR),)},
                "does not fit 4 entries on an axis of 5",
            ),
            (np.ones(3, np.float32), (4,), {"axes": (Axis("stored", FACTOR),)}, "on an axis of 4"),
            (np.ones(20_000, np.float32), (20_000,), {"axes": (Axis("seeded", 1),)}, "at most 16384"),
            (np.ones(2, np.float32), (2,), {"step": 0}, "multiples of steps are int32"),
            (np.ones(2, np.int32), (2,), {"step": 2032}, "step code 2032"),
            (np.ones(2, np.int32), (2,), {}, "values of i32"),
            (np.ones(2), (2,), {}, "values of f64"),
            (np.ones(2, np.float32), (2,), {"offsets": {0: np.zeros(2)}}, "offsets need a corner of multiples"),
            (
                np.ones(2, np.int32),
                (2,),
                {"step": 0, "offsets": {0: np.zeros(3)}},
                "step offsets of axis 0 cannot have",
            ),
            (
                np.ones(2, np.int32),
                (2,),
                {"step": 0, "offsets": {1: np.zeros(2)}},
                "step offsets of axis 1 cannot have",
            ),
            (np.ones(2, np.int32), (2,), {"step": 0, "ordered": True, "offsets": {0: np.zeros(2)}}, "need a corner"),
        ],
    )
    def test_mismatched_parts(self, values: np.ndarray, shape: tuple, options: dict, message: str) -> None:
        with pytest.raises(EncodeError, match=message):
            CodedTensor(values, shape, "f32", **options)

    @pytest.mark.parametrize(
        ("dtype", "values", "axes"),
        [
            ("i8", np.ones(2, np.float32), (Axis("dct"),)),
            ("i8", np.ones(2, np.float32), ()),
            ("c64", np.ones(2, np.complex64), (Axis("dct"),)),
            ("f64", np.ones(2), (Axis("dct"),)),
            ("f99", np.ones(2, np.float32), ()),
        ],
    )
    def test_types_that_cannot_be_computed(self, dtype: str, values: np.ndarray, axes: tuple[Axis, ...]) -> None:
        with pytest.raises(EncodeError, match=r"dtype|values of"):
            CodedTensor(values, (2,), dtype, axes)

    @pytest.mark.parametrize(
        "factor",
        [
            CodedTensor(np.ones(5, np.float32), (2, 5), "f32", ordered=True),
            CodedTensor(np.ones((2, 5), np.float32), (2, 5), "f32", (Axis("dct"), Axis())),
            CodedTensor.of_array(np.ones((2, 5))),
            CodedTensor.of_array(np.ones(5, np.float32)),
            CodedTensor(np.ones((2, 5), np.float32), (10,), "f32", view=(2, 5)),
        ],
    )
    def test_factors_are_plain_f32_matrices(self, factor: CodedTensor) -> None:
        with pytest.raises(EncodeError, match="a factor must be a plain matrix of f32"):
            CodedTensor(np.ones(1, np.float32), (5,), "f32", (Axis("stored", factor),))


class TestValues:
    @pytest.mark.parametrize(
        "tensor",
        [
            CodedTensor(np.array([np.nan], np.float32), (1,), "f32", (Axis("dct"),)),
            CodedTensor(np.array([np.inf], np.float16), (1,), "f32"),
            CodedTensor(np.array([1], np.int32), (1,), "f32", step=2031, offsets={0: np.array([1])}),
            CodedTensor(np.array([1], np.int32), (1,), "f32", step=-2016, offsets={0: np.array([-1])}),
            CodedTensor(np.array([1], np.int32), (1,), "f32", step=0, offsets={0: np.array([2**31 - 1])}),
            CodedTensor(np.array([2**31 - 1], np.int32), (1,), "f32", step=2000),
            CodedTensor.of_array(np.array([2], np.uint8).view(np.bool_)),
        ],
    )
    def test_invalid_values_are_refused(self, tensor: CodedTensor) -> None:
        with pytest.raises(FrzError) as error:
            tensor.check_values()
        assert error.value.code == "VALUE"

    @pytest.mark.parametrize(
        "tensor",
        [
            CodedTensor.of_array(np.array([np.nan, np.inf])),
            CodedTensor(np.zeros((0, 2), np.int32), (0, 2), "f32", step=0, offsets={1: np.array([9999, 0])}),
            CodedTensor(np.array([[1, 1]], np.int32), (1, 2), "f32", step=2031, offsets={0: [5], 1: [-5, -6]}),
            CodedTensor(np.array([2**31 - 1], np.int32), (1,), "f32", step=1519),
        ],
    )
    def test_valid_values_are_accepted(self, tensor: CodedTensor) -> None:
        tensor.check_values()

    def test_factors_are_finite(self) -> None:
        tensor = CodedTensor.of_array(np.array([[np.inf]], np.float32))
        tensor.check_values()
        with pytest.raises(FrzError):
            tensor.check_values(finite=True)


class TestPerTier:
    def test_takes_arrays_and_coded_tensors(self) -> None:
        assert [each.rebuild().tolist() for each in PerTier([np.zeros(2), np.ones(2)]).tensors] == [[0, 0], [1, 1]]

    @pytest.mark.parametrize(
        "tensors",
        [
            [],
            [np.zeros(2), np.zeros(2, np.float32)],
            [CodedTensor(np.zeros(2), (2,), "f64"), CodedTensor(np.zeros(2), (3,), "f64")],
            [CodedTensor(np.zeros(2), (2,), "f64", ordered=True)] * 2,
            [CodedTensor(np.zeros(2, np.int32), (2,), "f32", step=code) for code in (0, 1)],
            [CodedTensor(np.zeros(2, np.float32), (2,), "f32", (Axis("seeded", seed),)) for seed in (0, 1)],
        ],
    )
    def test_refuses_tensors_that_differ_in_more_than_values(self, tensors: list) -> None:
        with pytest.raises(
            EncodeError, match=r"at least one tensor|a zigzag prefix|in more than its values and corner"
        ):
            PerTier(tensors)

    def test_smaller_tiers_can_have_fewer_values(self) -> None:
        coded = [CodedTensor(np.ones((r, 2), np.float32), (3, 4), "f32", (Axis(), Axis("dct"))) for r in (1, 1, 3)]
        assert [each.corner for each in PerTier(coded).tensors] == [(1, 2), (1, 2), (3, 2)]
        given = PerTier([np.ones(1), np.full(3, 2.0), np.full(4, 3.0)])
        assert [each.rebuild().tolist() for each in given.tensors] == [[1, 0, 0, 0], [2, 2, 2, 0], [3, 3, 3, 3]]
        data = frformat.save({"b": given}, tiers=[1, 1])
        for tier, each in enumerate(given.tensors):
            with frformat.open(data, tier=tier) as file:
                assert file["b"].tolist() == each.rebuild().tolist()
                assert (file.info("b").corners, file.info("b").per_tier) == (((1,), (3,), (4,)), True)
                assert file.info("b").numbers(tier) == each.values.size

    @pytest.mark.parametrize(
        ("shapes", "message"),
        [
            ([(2,), (1,)], "the core has shape"),
            ([(2,), (2, 2)], "bases for 1 axes, but the shape has 2"),
            ([(2, 1), (1, 2), (2, 2)], r"shape \[1, 2\], which does not contain that of the tier before, \[2, 1\]"),
        ],
    )
    def test_a_tier_contains_the_corner_of_the_tier_before(self, shapes: list, message: str) -> None:
        with pytest.raises(EncodeError, match=message):
            PerTier([np.zeros(shape) for shape in shapes])


@pytest.mark.parametrize("axis", [None, 0])
@pytest.mark.parametrize("format", ["q2", "q3", "q4", "bf16"])
def test_half_precision_elements_are_not_rounded_up_to_infinity(format: str, axis: int | None) -> None:
    saved = 0
    for largest in range(60_000, 65_505, 32):
        array = np.array([[largest, 1], [-largest, 3]], np.float16)
        with contextlib.suppress(EncodeError):
            coded = CodedTensor.of_array(array, format, axis=axis)
            saved += 1
            assert np.isfinite(coded.rebuild()).all()
    assert saved


@pytest.mark.parametrize("axis", [None, 0])
def test_values_too_small_for_any_step_are_refused(axis: int | None) -> None:
    with pytest.raises(EncodeError, match="too small"):
        CodedTensor.of_array(np.full((2, 3), 1e-45, np.float32), "q8", axis=axis)
    coded = CodedTensor.of_array(np.array([[1e-45, 0], [1, 2]], np.float32), "q8", axis=0)
    assert coded.rebuild()[0].tolist() == [0, 0]


@pytest.mark.parametrize("axis", [-1, 2, 5])
@pytest.mark.parametrize("format", ["q8", "step=0.1"])
def test_an_axis_that_does_not_exist_is_refused(format: str, axis: int) -> None:
    with pytest.raises(EncodeError, match=f"axis {axis} is not one of the 2 axes"):
        CodedTensor.of_array(np.ones((3, 4), np.float32), format, axis=axis)
