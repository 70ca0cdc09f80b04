from __future__ import annotations

import gc
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import frformat
from frformat import Axis, CodedTensor, EncodeError, FrzFile, PerTier, Spectrum
from tests import strategies

Tensor = np.ndarray | Spectrum | CodedTensor


def same_array(found: np.ndarray, original: np.ndarray) -> bool:
    """Compare two arrays bit for bit, including dtype and shape."""
    return found.dtype == original.dtype and found.shape == original.shape and found.tobytes() == original.tobytes()


def same_spectrum(found: Spectrum, original: Spectrum) -> bool:
    """Compare two spectra bit for bit, including dtype, shape and view."""
    facts = (found.shape, found.view, found.dtype) == (original.shape, original.view, original.dtype)
    return facts and found.coefficients.tobytes() == original.coefficients.tobytes()


def same_coded(found: CodedTensor, original: CodedTensor) -> bool:
    """Compare the stored forms of two tensors bit for bit."""
    for name in ("shape", "view", "dtype", "ordered", "step", "value_type", "corner"):
        if getattr(found, name) != getattr(original, name):
            return False
    if [axis.kind for axis in found.axes] != [axis.kind for axis in original.axes]:
        return False
    for a, b, rows in zip(found.axes, original.axes, original.corner, strict=True):
        if isinstance(b.argument, CodedTensor):
            assert isinstance(a.argument, CodedTensor)
            if a.argument.canonical()[:rows].tobytes() != b.argument.canonical()[:rows].tobytes():
                return False
        elif a.argument != b.argument:
            return False
    offsets = {axis: each.tolist() for axis, each in found.offsets.items()}
    return (
        found.values.tobytes() == original.values.tobytes()
        and offsets == {axis: each.tolist() for axis, each in original.offsets.items()}
        and found.rebuild().tobytes() == original.rebuild().tobytes()
    )


def holds(file: FrzFile, name: str, tensor: Tensor) -> bool:
    """Return whether a file contains a tensor unchanged."""
    if isinstance(tensor, Spectrum):
        return same_spectrum(file.spectrum(name), tensor)
    if isinstance(tensor, CodedTensor):
        return same_coded(file.stored(name), tensor)
    return same_array(file[name], tensor)


class TestIdentity:
    @given(
        strategies.tensors(),
        st.integers(0, 2),
        st.sampled_from(["auto", "core", "fast", "none", "deflate", "zstd", "adaptive", "static"]),
        st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=20), max_size=3),
        st.booleans(),
    )
    def test_saved_tensors_are_read_back(
        self, tensors: dict[str, Tensor], smaller: int, compression: str, metadata: dict, by_name: bool
    ) -> None:
        cut = [name for name, tensor in tensors.items() if strategies.can_be_cut(tensor)]
        tiers = dict.fromkeys(cut, [0.3, 0.6][:smaller]) if by_name else [2, 0.5][: smaller * bool(cut)]
        data = frformat.save(tensors, tiers=tiers, compression=compression, metadata=metadata)
        with frformat.open(data) as file:
            assert sorted(file) == sorted(tensors)
            assert file.metadata == metadata
            assert file.tiers == smaller * bool(cut) + 1
            assert all(holds(file, name, tensor) for name, tensor in tensors.items())
            file.verify()
            loaded = file.load()
            assert all(same_array(loaded[name], file[name]) for name in tensors)

    @given(
        st.dictionaries(strategies.names, strategies.spectra(strategies.roundable), max_size=5),
        strategies.number_formats,
    )
    def test_quantized_spectra_are_stable(self, spectra: dict[str, Spectrum], wanted: str) -> None:
        once = frformat.save(spectra, format=wanted)
        with frformat.open(once) as file:
            again = {name: file.spectrum(name) for name in spectra}
        with frformat.open(frformat.save(again, format="f32")) as file:
            assert all(same_spectrum(file.spectrum(name), spectrum) for name, spectrum in again.items())

    @given(strategies.tensors())
    def test_contents_of_a_file_can_be_written_again(self, tensors: dict[str, Tensor]) -> None:
        data = frformat.save(tensors)
        with frformat.open(data) as file:
            again = frformat.save({name: file.stored(name) for name in file})
            with frformat.open(again) as other:
                assert all(same_coded(other.stored(name), file.stored(name)) for name in file)

    @given(strategies.tensors())
    def test_is_deterministic(self, tensors: dict[str, Tensor]) -> None:
        assert frformat.save(tensors) == frformat.save(dict(tensors))

    @pytest.mark.parametrize("compression", ["auto", "core", "fast", "none", "deflate", "zstd"])
    def test_large_tensors_are_streamed(self, compression: str) -> None:
        tensors: dict[str, Tensor] = {
            "noise": np.random.default_rng(0).standard_normal(400_000).astype(np.float32),
            "steps": np.repeat(np.arange(5000), 100).reshape(500, 1000),
            "small": np.arange(10, dtype=np.float32),
            "spectrum": Spectrum(np.random.default_rng(1).standard_normal(70_000), (300, 300)),
            "rounded": CodedTensor.of_array(np.random.default_rng(2).standard_normal((300, 300)), "q6", axis=0),
        }
        with frformat.open(frformat.save(tensors, compression=compression)) as file:
            assert all(holds(file, name, tensor) for name, tensor in tensors.items())

    def test_other_memory_layouts(self) -> None:
        base = np.arange(24, dtype=np.float32).reshape(4, 6)
        tensors = {"t": base.T, "strided": base[::2, 1::2], "big-endian": base.astype(">f4"), "scalar": np.float64(3)}
        loaded = frformat.load(frformat.save(tensors))
        assert all(np.array_equal(loaded[name], tensor) for name, tensor in tensors.items())
        assert loaded["scalar"].shape == ()

    def test_scalars_share_a_group(self) -> None:
        with frformat.open(frformat.save({"a": np.array(3), "b": np.array(4)})) as file:
            assert (file["a"], file["b"]) == (3, 4)
            assert file.info("a").group == file.info("b").group


class TestLossless:
    """Arrays are stored in the smallest lossless form."""

    @pytest.mark.parametrize(
        ("array", "step", "format"),
        [
            (np.array([0.5, -1.25, 3.0], np.float32), 0.25, None),
            (np.array([1.0, 1 + 2.0**-14]), 2.0**-14, None),
            (np.random.default_rng(0).standard_normal(50).astype(np.float16).astype(np.float32), None, "f16"),
            (np.random.default_rng(0).standard_normal(50).astype(np.float32).astype(np.float64), None, "f32"),
            (np.random.default_rng(0).standard_normal(50), None, None),
            (np.array([np.nan, 1.0], np.float32), None, None),
            (np.array([-0.0, 1.0], np.float32), None, "f16"),
            (np.array([1, 2, 3]), None, None),
        ],
    )
    def test_is_found(self, array: np.ndarray, step: float | None, format: str | None) -> None:
        with frformat.open(frformat.save({"x": array})) as file:
            assert (file.info("x").step, file.info("x").format) == (step, format)
            assert same_array(file["x"], array)


class TestTiers:
    def test_a_cut_file_is_a_smaller_model(self) -> None:
        spectrum = Spectrum(np.arange(1, 41), (10, 20))
        data = frformat.save({"w": spectrum, "b": np.ones(3)}, tiers=[5, 0.5])
        with frformat.open(data) as file:
            ends = file.container.ends
            assert file.info("w").kept == (5, 20, 40)
        for tier, k in enumerate((5, 20, 40)):
            with frformat.open(data[: ends[tier]]) as file:
                assert (file.tier, file.tiers_present, file.tiers) == (tier, tier + 1, 3)
                assert same_spectrum(file.spectrum("w"), spectrum.truncated(k))
                assert np.array_equal(file["b"], np.ones(3))
            with frformat.open(data, tier=tier) as file:
                assert same_spectrum(file.spectrum("w"), spectrum.truncated(k))

    def test_one_tier_takes_no_extra_bytes(self) -> None:
        spectrum = Spectrum(np.arange(1, 41), (10, 20))
        assert len(frformat.save({"w": spectrum}, tiers=[])) == len(frformat.save({"w": spectrum}))

    def test_corners(self) -> None:
        core = np.random.default_rng(0).integers(-9, 10, (4, 3, 5)).astype(np.int32)
        offsets = {0: np.arange(4), 2: np.arange(5)[::-1]}
        axes = (Axis("dct"), Axis(), Axis("seeded", 3))
        whole = CodedTensor(core, (6, 3, 7), "f32", axes, step=-20, offsets=offsets)
        corners = [(0, 0, 0), (2, 1, 5), (2, 3, 5)]
        data = frformat.save({"w": whole}, tiers={"w": corners})
        with frformat.open(data) as file:
            ends = file.container.ends
            assert file.info("w").corners == (*corners, (4, 3, 5))
        for tier, corner in enumerate((*corners, core.shape)):
            part = tuple(map(slice, corner))
            expected = CodedTensor(
                core[part], (6, 3, 7), "f32", axes, step=-20, offsets={a: o[: corner[a]] for a, o in offsets.items()}
            )
            for open_file in (frformat.open(data, tier=tier), frformat.open(data[: ends[tier]])):
                with open_file as file:
                    assert same_coded(file.stored("w"), expected)
                    file.verify()

    def test_factors_have_the_rows_that_cores_need(self) -> None:
        rng = np.random.default_rng(0)
        u, v = (CodedTensor.of_array(rng.standard_normal((4, n)).astype(np.float32)) for n in (9, 7))
        core = rng.standard_normal((4, 4)).astype(np.float32)
        tensors = {
            "w": CodedTensor(core, (9, 7), "f32", (Axis("stored", u), Axis("stored", v))),
            "x": CodedTensor(core[:3], (9, 4), "f32", (Axis("stored", u), Axis())),
        }
        data = frformat.save(tensors, tiers={"w": [(1, 1), (2, 3)], "x": [(0, 4), (3, 4)]})
        with frformat.open(data) as file:
            assert file.factors == 2
            assert file.factor_info(0).corners == ((1, 9), (3, 9), (4, 9))
            assert file.factor_info(1).corners == ((1, 7), (3, 7), (4, 7))
        for tier, (a, b) in enumerate([(1, 1), (2, 3), (4, 4)]):
            found = frformat.load(data, tier=tier)["w"]
            assert np.allclose(found, u.values[:a].T @ core[:a, :b] @ v.values[:b], atol=1e-5)

    @pytest.mark.parametrize("tiers", [[-1], [1.0], [1.5], [float("nan")], [1] * 256, [(-1, 2)], [(1.5,)]])
    def test_refuses_invalid_tiers(self, tiers: list) -> None:
        with pytest.raises(EncodeError, match="tier"):
            frformat.save({}, tiers=tiers)

    @pytest.mark.parametrize(
        ("tensor", "cuts", "message"),
        [
            (Spectrum([1.0], (3, 4)), [(1, 1)], "cut by a number or a share, not by a corner"),
            (np.ones((3, 4)), [(1,)], r"corner \[1\] does not fit a core with 2 axes"),
            (
                np.ones((3, 4)),
                [(1, 5)],
                r"corner \[3, 4\] of a tier does not contain that of the tier before, \[1, 5\]",
            ),
            (np.ones((3, 4)), [(2, 2), (1, 3)], r"corner \[1, 3\] of a tier"),
            (np.ones((3, 4)), [(2, 2), 7], "some tiers have a corner, others do not"),
            (PerTier([np.ones(3)] * 3), [5], "values for 3 tiers, but the file has 2"),
        ],
    )
    def test_refuses_cuts_that_do_not_fit(self, tensor: Any, cuts: list, message: str) -> None:
        with pytest.raises(EncodeError, match=f"tensor 'w': .*{message}"):
            frformat.save({"w": tensor}, tiers={"w": cuts})


class TestAliases:
    def test_one_object_is_stored_once(self) -> None:
        weight = np.random.default_rng(0).standard_normal(500)
        data = frformat.save({"encoder": weight, "decoder": weight})
        assert len(data) < 1.1 * weight.nbytes + 100
        loaded = frformat.load(data)
        assert loaded["encoder"] is loaded["decoder"]

    def test_one_object_cut_in_two_ways_is_stored_twice(self) -> None:
        spectrum = Spectrum(np.arange(9), (3, 4))
        with frformat.open(frformat.save({"a": spectrum, "b": spectrum}, tiers={"a": [2], "b": [3]})) as file:
            assert file.aliases == {}
            assert [file.info(name).kept for name in "ab"] == [(2, 9), (3, 9)]

    def test_objects_created_on_demand_are_never_mistaken_for_each_other(self) -> None:
        class Made(Mapping[str, np.ndarray]):
            def __iter__(self) -> Iterator[str]:
                return (str(i) for i in range(200))

            def __len__(self) -> int:
                return 200

            def __getitem__(self, name: str) -> np.ndarray:
                gc.collect(0)  # so that the next array reuses the memory of an earlier one
                return np.array([int(name)])

        loaded = frformat.load(frformat.save(Made()))
        assert [int(loaded[str(i)][0]) for i in range(200)] == list(range(200))

    def test_by_name(self) -> None:
        data = frformat.save({"a": np.ones(2)}, aliases={"b": "a"})
        with frformat.open(data) as file:
            assert file.aliases == {"b": "a"}
            assert file.info("b").alias_of == "a"
            assert np.array_equal(file["b"], np.ones(2))

    @pytest.mark.parametrize("aliases", [{"b": "c"}, {"a": "a"}, {"": "a"}, {"b": "a", "c": "b"}])
    def test_refuses_dangling_aliases(self, aliases: dict[str, str]) -> None:
        with pytest.raises(EncodeError):
            frformat.save({"a": np.ones(2)}, aliases=aliases)

    def test_one_factor_is_stored_once(self) -> None:
        factor = CodedTensor.of_array(np.random.default_rng(0).standard_normal((2, 500)).astype(np.float32))
        tensors = {
            str(i): CodedTensor(np.full((2, 1), i, np.float32), (500, 1), "f32", (Axis("stored", factor), Axis()))
            for i in range(5)
        }
        data = frformat.save(tensors)
        assert len(data) < factor.values.nbytes + 300
        with frformat.open(data) as file:
            assert file.factors == 1
            assert all(np.array_equal(file[name], tensor.rebuild()) for name, tensor in tensors.items())


class _Failing(Mapping[str, np.ndarray]):
    """A mapping that loads tensors on demand and fails at the second one."""

    def __iter__(self) -> Iterator[str]:
        return iter(["a", "b"])

    def __len__(self) -> int:
        return 2

    def __getitem__(self, name: str) -> np.ndarray:
        if name == "b":
            raise OSError("the disk is gone")
        return np.ones(10**6)


class TestAtomicity:
    def test_a_failed_save_leaves_the_old_file(self, tmp_path: Path) -> None:
        path = tmp_path / "model.frz"
        frformat.save_file({"old": np.ones(3)}, path)
        before = path.read_bytes()
        with pytest.raises(OSError, match="the disk is gone"):
            frformat.save_file(_Failing(), path)
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["model.frz"]

    def test_permissions_are_those_of_the_old_file_or_of_a_new_one(self, tmp_path: Path) -> None:
        plain, path = tmp_path / "plain", tmp_path / "model.frz"
        plain.touch()
        frformat.save_file({}, path)
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
        os.chmod(path, 0o640)
        frformat.save_file({}, path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_progress_adds_up(self, tmp_path: Path) -> None:
        done: dict[str, int] = {}
        noise = np.random.default_rng(0).standard_normal
        tensors = {
            "large": noise(10**6),
            "small": noise(5),
            "spectrum": Spectrum(noise(7).astype(np.float32), (9, 9)),
            "coded": CodedTensor(np.ones((300, 300), np.int32), (300, 300), "f32", step=3),
        }
        frformat.save_file(
            tensors, tmp_path / "x.frz", progress=lambda name, n: done.update({name: done.get(name, 0) + n})
        )
        assert done == {"large": 8 * 10**6, "small": 40, "spectrum": 28, "coded": 360_000}
