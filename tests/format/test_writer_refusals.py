"""The writer refuses what readers would not accept, and options that apply to nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import frformat
from frformat import Axis, CodedTensor, EncodeError, PerTier, Spectrum


@pytest.mark.parametrize("name", ["", "a\nb", "\x7f", "x" * 1025, "\ud800", 7])
def test_names_that_are_not_allowed_are_refused(name: str) -> None:
    with pytest.raises(EncodeError):
        frformat.save({name: np.ones(2)})


def test_a_dtype_without_counterpart_is_refused() -> None:
    with pytest.raises(EncodeError, match="tensor 'x': dtype <U3 has no counterpart"):
        frformat.save({"x": np.array(["abc"])})


@pytest.mark.parametrize("metadata", [{"": "x"}, {"a": 1}, {1: "a"}, {"a": "\ud800"}])
def test_metadata_other_than_a_map_of_strings_is_refused(metadata: dict) -> None:
    with pytest.raises(EncodeError):
        frformat.save({}, metadata=metadata)


def test_values_that_no_reader_would_accept_are_refused() -> None:
    with pytest.raises(EncodeError, match="tensor 'x': an element of a bool tensor is neither 0 nor 1"):
        frformat.save({"x": np.array([2], np.uint8).view(np.bool_)})
    with pytest.raises(EncodeError, match="too large for q4"):
        frformat.save({"x": Spectrum(np.array([3.4028235e38]), (1,))}, format="q4")


def test_factors_that_are_not_finite_are_refused() -> None:
    factor = np.full((1, 2), np.inf, np.float32)
    tensor = CodedTensor(np.ones(1, np.float32), (2,), "f32", (Axis("stored", factor),))
    with pytest.raises(EncodeError, match=r"a factor of shape \[1, 2\]: a value is not finite"):
        frformat.save({"x": tensor})


def test_a_rank_beyond_the_limit_is_refused() -> None:
    with pytest.raises(EncodeError, match=r"tensor 'x': a file cannot store shape .*: the limits are 8 axes"):
        frformat.save({"x": np.ones((1,) * 9)})
    with pytest.raises(EncodeError, match=r"tensor 'x': a file cannot store shape \[2147483648, 0\]"):
        frformat.save({"x": np.ones((1 << 31, 0))})
    with pytest.raises(EncodeError, match=r"tensor 'x': a file cannot store shape .*: the limits are 8 axes"):
        frformat.save({"x": Spectrum(np.ones(3), (2, 3), (1,) * 7 + (2, 3))})


def test_an_unknown_compression_is_refused() -> None:
    with pytest.raises(EncodeError, match="'lzma' is not one of auto"):
        frformat.save({}, compression="lzma")


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(EncodeError, match="format 'q99' is not one of auto"):
        frformat.save({}, format={"x": "q99"})


def test_masked_elements_have_no_values_to_store() -> None:
    array = np.ma.masked_array(np.arange(3.0), [False, True, False])
    with pytest.raises(EncodeError, match="tensor 'x': a masked array"):
        frformat.save({"x": array})
    assert frformat.load(frformat.save({"x": array.filled(0)}))["x"].tolist() == [0, 0, 2]


@pytest.mark.parametrize(
    "store",
    [
        CodedTensor.of_array,
        lambda array: CodedTensor(array, array.shape, "f32"),
        lambda array: CodedTensor.like(array, CodedTensor.of_array(np.ones_like(array.data), "q8")),
        lambda array: Spectrum.of(array, 2),
        lambda array: Spectrum(array[0], (3, 3)),
        lambda array: PerTier([array]),
        lambda array: Axis("stored", array),
    ],
)
def test_no_stored_form_takes_masked_elements(store: Callable[[Any], object]) -> None:
    array = np.ma.masked_array(np.ones((2, 3), "f4"), np.eye(2, 3, dtype=bool))
    with pytest.raises(EncodeError, match="a masked array"):
        store(array)


@pytest.mark.parametrize("tensors", [None, 3, "x", ["x"], np.zeros(3)])
def test_tensors_that_are_not_a_mapping_are_refused(tensors: Any) -> None:
    with pytest.raises(EncodeError, match="tensors must be a mapping"):
        frformat.save(tensors)


class Stubborn:
    """An object that is no array, but pretends to be one, as PyTorch's tensors with gradients do."""

    def __array__(self, *args: object, **options: object) -> None:
        raise RuntimeError("detach it first")


def test_values_that_do_not_become_arrays_are_named() -> None:
    with pytest.raises(EncodeError, match=r"tensor 'x': a value of type tests\.Stubborn is not an array \(detach it"):
        frformat.save({"x": Stubborn()})
    torch = pytest.importorskip("torch")
    for value in (torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.bfloat16)):
        with pytest.raises(EncodeError, match=r"torch\.Tensor is not an array .*: use frformat\.torch\.save_file"):
            frformat.save({"x": value})


@pytest.mark.parametrize("format", ["q8", "f16", "step=0.5"])
def test_a_format_for_spectra_that_do_not_exist_is_refused(format: str) -> None:
    arrays = {"weight": np.ones((3, 4), np.float32)}
    with pytest.raises(EncodeError, match=f"format '{format}' applies to spectra, but there are none"):
        frformat.save(arrays, format=format)
    with pytest.raises(EncodeError, match="but there are none"):
        frformat.save({"weight": CodedTensor.of_array(arrays["weight"], "q6")}, format=format)
    frformat.save(arrays | {"other": Spectrum.of(arrays["weight"], 3)}, format=format)
    frformat.save({}, format=format)


def test_tiers_that_would_all_be_equal_are_refused() -> None:
    weight = np.ones((3, 4), np.float32)
    spectrum = Spectrum.of(weight, 3)
    for tensors in ({"w": weight}, {"w": CodedTensor.of_array(weight, "q6")}):
        with pytest.raises(EncodeError, match=r"tiers \[0.5\] apply to spectra, but there are none"):
            frformat.save(tensors, tiers=[0.5])
        with pytest.raises(EncodeError, match=r"tensor 'w': tiers \[2\] apply to spectra; of any other tensor"):
            frformat.save({**tensors, "s": spectrum}, tiers={"w": [2]})
        frformat.save({**tensors, "s": spectrum}, tiers=[0.5])
        frformat.save(tensors, tiers={"w": [(2, 2)]})
    frformat.save({"w": PerTier([weight, weight])}, tiers=[1])
    frformat.save({}, tiers=[0.5])
