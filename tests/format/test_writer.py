from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import frformat
from frformat import EncodeError, Spectrum
from tests import strategies


def same(stored: np.ndarray | Spectrum, original: np.ndarray | Spectrum) -> bool:
    """Bit for bit, with dtype, shape and view."""
    if isinstance(original, Spectrum):
        assert isinstance(stored, Spectrum)
        facts = stored.shape == original.shape and stored.view == original.view and stored.dtype == original.dtype
        return facts and stored.coefficients.tobytes() == original.coefficients.tobytes()
    assert isinstance(stored, np.ndarray)
    return stored.dtype == original.dtype and stored.shape == original.shape and stored.tobytes() == original.tobytes()


class TestIdentity:
    @given(
        strategies.tensors(),
        st.lists(st.integers(0, 9) | st.floats(0, 0.99), max_size=3),
        st.sampled_from(["auto", "core", "none", "deflate", "zstd", "range"]),
        st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=20), max_size=3),
    )
    def test_what_is_saved_is_read(
        self, tensors: dict[str, np.ndarray | Spectrum], tiers: list[int | float], compression: str, metadata: dict
    ) -> None:
        data = frformat.save(tensors, tiers=tiers, compression=compression, metadata=metadata)
        with frformat.open(data) as file:
            assert sorted(file) == sorted(tensors)
            assert file.metadata == metadata
            assert file.tiers == len(tiers) + 1
            assert all(same(file.stored(name), tensor) for name, tensor in tensors.items())
            file.verify()

    @given(st.dictionaries(strategies.names, strategies.spectra(), max_size=5), strategies.number_formats)
    def test_quantized_spectra_are_stable(self, spectra: dict[str, Spectrum], wanted: str) -> None:
        once = frformat.save(spectra, format=wanted)
        with frformat.open(once) as file:
            again = {name: file.spectrum(name) for name in spectra}
        with frformat.open(frformat.save(again, format="f32")) as file:
            assert all(same(file.spectrum(name), spectrum) for name, spectrum in again.items())

    @given(strategies.tensors())
    def test_is_deterministic(self, tensors: dict[str, np.ndarray | Spectrum]) -> None:
        assert frformat.save(tensors) == frformat.save(dict(tensors))

    @pytest.mark.parametrize("compression", ["auto", "core", "none", "deflate", "zstd"])
    def test_large_tensors_are_streamed(self, compression: str) -> None:
        tensors = {
            "noise": np.random.default_rng(0).standard_normal(400_000).astype(np.float32),
            "steps": np.repeat(np.arange(5000), 100).reshape(500, 1000),
            "small": np.arange(10, dtype=np.float32),
            "spectrum": Spectrum(np.random.default_rng(1).standard_normal(70_000), (300, 300)),
        }
        with frformat.open(frformat.save(tensors, compression=compression)) as file:
            assert all(same(file.stored(name), tensor) for name, tensor in tensors.items())

    def test_other_memory_layouts(self) -> None:
        base = np.arange(24, dtype=np.float32).reshape(4, 6)
        tensors = {"t": base.T, "strided": base[::2, 1::2], "big-endian": base.astype(">f4"), "scalar": np.float64(3)}
        loaded = frformat.load(frformat.save(tensors))
        assert all(np.array_equal(loaded[name], tensor) for name, tensor in tensors.items())
        assert loaded["scalar"].shape == ()


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
                assert same(file.spectrum("w"), spectrum.truncated(k))
                assert np.array_equal(file["b"], np.ones(3))
            with frformat.open(data, tier=tier) as file:
                assert same(file.spectrum("w"), spectrum.truncated(k))

    def test_one_tier_costs_nothing(self) -> None:
        spectrum = Spectrum(np.arange(1, 41), (10, 20))
        assert len(frformat.save({"w": spectrum}, tiers=[])) == len(frformat.save({"w": spectrum}))

    @pytest.mark.parametrize("tiers", [[-1], [1.0], [1.5], [float("nan")], [1] * 256])
    def test_refuses_what_is_no_tier(self, tiers: list[float]) -> None:
        with pytest.raises(EncodeError, match="tier"):
            frformat.save({}, tiers=tiers)


class TestAliases:
    def test_one_object_is_stored_once(self) -> None:
        weight = np.random.default_rng(0).standard_normal(500)
        data = frformat.save({"encoder": weight, "decoder": weight})
        assert len(data) < 1.1 * weight.nbytes + 100
        loaded = frformat.load(data)
        assert loaded["encoder"] is loaded["decoder"]

    def test_by_name(self) -> None:
        data = frformat.save({"a": np.ones(2)}, aliases={"b": "a"})
        with frformat.open(data) as file:
            assert file.aliases == {"b": "a"}
            assert file.info("b").alias_of == "a"
            assert np.array_equal(file["b"], np.ones(2))

    @pytest.mark.parametrize("aliases", [{"b": "c"}, {"a": "a"}, {"": "a"}, {"b": "a", "c": "b"}])
    def test_refuses_what_leads_nowhere(self, aliases: dict[str, str]) -> None:
        with pytest.raises(EncodeError):
            frformat.save({"a": np.ones(2)}, aliases=aliases)


class TestRefusals:
    @pytest.mark.parametrize("name", ["", "a\nb", "\x7f", "x" * 1025, "\ud800", 7])
    def test_names(self, name: str) -> None:
        with pytest.raises(EncodeError):
            frformat.save({name: np.ones(2)})

    def test_dtypes_name_the_tensor(self) -> None:
        with pytest.raises(EncodeError, match="tensor 'x': dtype <U3 has no counterpart"):
            frformat.save({"x": np.array(["abc"])})

    @pytest.mark.parametrize("metadata", [{"": "x"}, {"a": 1}, {1: "a"}, {"a": "\ud800"}])
    def test_metadata(self, metadata: dict) -> None:
        with pytest.raises(EncodeError):
            frformat.save({}, metadata=metadata)

    def test_what_no_reader_would_accept(self) -> None:
        with pytest.raises(EncodeError, match="tensor 'x': an element of a bool tensor is neither 0 nor 1"):
            frformat.save({"x": np.array([2], np.uint8).view(np.bool_)})
        with pytest.raises(EncodeError, match="too large for q4"):
            frformat.save({"x": Spectrum(np.array([3.4028235e38]), (1,))}, format="q4")

    def test_rank_beyond_the_limit(self) -> None:
        with pytest.raises(EncodeError, match="a shape has 9 entries, at most 8"):
            frformat.save({"x": np.ones((1,) * 9)})

    def test_compression(self) -> None:
        with pytest.raises(EncodeError, match="'lzma' is none of auto"):
            frformat.save({}, compression="lzma")


class _Failing(Mapping[str, np.ndarray]):
    """Loads on demand, and fails at the second tensor."""

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

    def test_permissions_are_those_of_a_new_or_the_old_file(self, tmp_path: Path) -> None:
        plain, path = tmp_path / "plain", tmp_path / "model.frz"
        plain.touch()
        frformat.save_file({}, path)
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
        os.chmod(path, 0o640)
        frformat.save_file({}, path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_progress_adds_up(self, tmp_path: Path) -> None:
        done: dict[str, int] = {}
        tensors = {"large": np.ones(10**6), "small": np.ones(5), "spectrum": Spectrum(np.ones(7), (9, 9))}
        frformat.save_file(
            tensors, tmp_path / "x.frz", progress=lambda name, n: done.update({name: done.get(name, 0) + n})
        )
        assert done == {"large": 8 * 10**6, "small": 40, "spectrum": 7}
