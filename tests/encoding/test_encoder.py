from __future__ import annotations

import dataclasses
import re
import tracemalloc
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import frformat
from frformat import CodedTensor, EncodeError, PerTier, Spectrum, TensorInfo, checkpoints
from frformat.checkpoints import Checkpoint, Entry, frz
from frformat.encoding import Energy, Keep, MaxError, Policy, Rule, encode, verify
from frformat.spectral.sparse import Sparse
from tests.checkpoints.test_safetensors import checkpoint
from tests.strategies import names, tensors
from tests.train.data import data_file

RNG = np.random.default_rng(2)
SMOOTH = Spectrum(np.arange(1, 34, dtype=np.float32), (64, 32, 3, 3)).weights()
NOISE = RNG.standard_normal((50, 40)).astype(np.float32)
BIAS = RNG.standard_normal(64).astype(np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoder") / "file.frz"


def policy(*rules: str, **fields: object) -> Policy:
    return Policy([Rule.parse(rule) for rule in rules], **fields)


def sparse(*tensors: Sparse) -> Checkpoint:
    return Checkpoint({f"t{i}": Entry(t.dtype, t.shape, lambda t=t: t, "sparse") for i, t in enumerate(tensors)})


def kept(info: TensorInfo) -> tuple[tuple[int, ...], str]:
    """Return how many coefficients a spectrum keeps in each tier, and their number format."""
    return info.kept, "steps" if info.step is not None else info.format or info.dtype


@given(tensors(), st.dictionaries(names, st.text(max_size=5)))
def test_without_a_policy_everything_is_lossless(path: Path, given_tensors: dict, metadata: dict[str, str]):
    entries = {}
    for name, value in given_tensors.items():
        kind = {Spectrum: "spectrum", CodedTensor: "coded"}.get(type(value), "dense")
        dtype = frformat.dtypes.dtype_name(value.dtype) if kind == "dense" else value.dtype
        entries[name] = Entry(dtype, value.shape, lambda value=value: value, kind)
    source = Checkpoint(entries, metadata=metadata)
    report = encode(source, path, Policy(spectral=None))
    verify(source, path, report)
    with frformat.open(path) as file:
        assert file.metadata == metadata
        assert set(file) == set(report.tensors) == set(given_tensors)
        for name, value in given_tensors.items():
            if isinstance(value, Spectrum):
                found = file.spectrum(name)
                assert (found.shape, found.view, found.dtype) == (value.shape, value.view, value.dtype)
                assert found.coefficients.tobytes() == value.coefficients.tobytes()
            elif isinstance(value, CodedTensor):
                found = file.stored(name)
                assert (found.shape, found.view, found.dtype) == (value.shape, value.view, value.dtype)
                assert found.canonical().tobytes() == value.canonical().tobytes()
                assert found.rebuild().tobytes() == value.rebuild().tobytes()
            else:
                assert file[name].tobytes() == value.tobytes()
            assert report.tensors[name].error == 0


def test_the_default_applies_to_matrices(path: Path):
    source = checkpoint({"smooth": SMOOTH, "bias": BIAS, "steps": np.array(7), "mask": np.ones((9, 9), bool)})
    report = encode(source, path, Policy(default=Rule(selection=Energy(1.0))))
    assert {name: told.coding for name, told in report.tensors.items()} == {
        "smooth": "dct",
        "bias": "raw",
        "steps": "raw",
        "mask": "raw",
    }
    told = report.tensors["smooth"]
    assert (told.kept, told.note) == (33, "")
    assert told.energy == pytest.approx(1)
    assert told.error < 1e-6
    np.testing.assert_allclose(frformat.load_file(path)["smooth"], SMOOTH, atol=1e-6)


def test_the_first_matching_rule_wins_and_the_default_supplies_the_rest(path: Path):
    source = checkpoint({"a.weight": SMOOTH, "b.weight": SMOOTH, "c.weight": SMOOTH, "a.bias": BIAS})
    rules = policy("a.*: keep=20", "b.*: format=q8", "*.bias: keep=1", default=Rule(selection=Keep(30), format="f32"))
    encode(source, path, rules)
    with frformat.open(path) as file:
        told = {name: kept(file.info(name)) for name in source}
    assert told == {
        "a.weight": ((20,), "f32"),
        "b.weight": ((30,), "steps"),
        "c.weight": ((30,), "f32"),
        "a.bias": ((20,), "f32"),
    }


def test_views_are_used(path: Path):
    weights = Spectrum(np.arange(1, 20, dtype=np.float32), (500, 50, 4, 4)).weights().reshape(500, 800)
    report = encode(checkpoint({"fc1.weight": weights}), path, policy("fc1.weight: energy=1 view=500,50,4,4"))
    assert report.tensors["fc1.weight"].kept == 19
    with frformat.open(path) as file:
        assert file.info("fc1.weight").view == (500, 50, 4, 4)


@pytest.mark.parametrize(
    ("words", "note"),
    [
        ("keep=100%", "2,000 coefficients would save almost nothing"),
        ("energy=1", "(1,9..|2,000) coefficients would save almost nothing"),
        ("max-error=1e-5", "1,[78].. coefficients are not enough, and more would save almost nothing"),
    ],
)
def test_tensors_that_do_not_shrink_stay_raw_and_are_reported(path: Path, words: str, note: str):
    told = encode(checkpoint({"w": NOISE}), path, policy(f"*: {words}")).tensors["w"]
    assert told.coding == "raw"
    assert re.fullmatch(note, told.note)
    assert frformat.load_file(path)["w"].tobytes() == NOISE.tobytes()


def test_spectra_compete_with_compressed_raw_weights(path: Path):
    pruned = np.where(RNG.random((100, 100)) < 0.01, 1, 0).astype(np.float32)
    told = encode(checkpoint({"w": pruned}), path, policy("*: keep=20%")).tensors["w"]
    assert told.note == "2,000 coefficients would save almost nothing"


def test_max_error_holds_for_decoded_weights(path: Path):
    encode(checkpoint({"w": NOISE}), path, policy("*: max-error=30% format=q8"))
    with frformat.open(path) as file:
        assert file.info("w").spectral
        assert np.abs(file["w"] - NOISE).max() <= 0.3 * np.abs(NOISE).max()


def test_reports_include_the_error_of_quantization(path: Path):
    source = checkpoint({"w": SMOOTH})
    exact = encode(source, path, policy("*: keep=33")).tensors["w"]
    coarse = encode(source, path, policy("*: keep=33 format=q4")).tensors["w"]
    back = frformat.load_file(path)["w"]
    assert coarse.error == pytest.approx(np.abs(back - SMOOTH).max() / np.abs(SMOOTH).max(), rel=1e-4)
    lost = np.square(back - SMOOTH, dtype=np.float64).sum() / np.square(SMOOTH, dtype=np.float64).sum()
    assert coarse.energy == pytest.approx(1 - lost, rel=1e-5)
    assert exact.energy > coarse.energy


def test_sparse_tensors_that_look_like_spectra_are_spectra(path: Path):
    tensor = Sparse.of_spectrum(Spectrum(np.arange(1, 19, dtype=np.float32), (30, 20)))
    source = sparse(tensor)
    report = encode(source, path)
    assert report.notes == [
        "treated as DCT spectra: 1 of 1 tensor, whose nonzero elements fill the first 18 positions in zigzag order; "
        "if they are weights, use --no-spectral"
    ]
    verify(source, path, report)
    with frformat.open(path) as file:
        assert file.spectrum("t0").coefficients.tolist() == list(range(1, 19))
    encode(source, path, Policy(spectral=False))
    np.testing.assert_array_equal(frformat.load_file(path)["t0"], tensor.dense())
    encode(source, path, Policy(spectral=False, default=Rule(selection=Keep(3))))
    with frformat.open(path) as file:
        assert file.spectrum("t0").coefficients.tolist() == Spectrum.of(tensor.dense(), 3).coefficients.tolist()


def test_raw_spectra_are_rebuilt_to_weights(path: Path):
    spectrum = Spectrum(np.arange(1, 9, dtype=np.float32), (30, 20))
    source = sparse(Sparse.of_spectrum(spectrum))
    report = encode(source, path, policy("*: raw", spectral=True))
    assert report.tensors["t0"].note == "rebuilt from its spectrum"
    verify(source, path, report)
    np.testing.assert_array_equal(frformat.load_file(path)["t0"], spectrum.weights())


def test_spectra_can_be_cut_further(path: Path):
    tensor = Sparse.of_spectrum(Spectrum(np.arange(9, 0, -1, dtype=np.float32), (30, 20)))
    for selection, kept in ((Keep(4), 4), (Keep(0.005), 3), (Energy(0.6), 3), (MaxError(1.0), 0)):
        told = encode(sparse(tensor), path, Policy(default=Rule(selection=selection), spectral=True))
        assert told.tensors["t0"].kept == kept


def test_scattered_sparse_tensors_are_weights(path: Path):
    source = sparse(Sparse(np.array([0, 599]), np.ones(2, np.float32), (30, 20)))
    report = encode(source, path)
    assert report.notes == ["treated as weights: 1 sparse tensor of 1; if they are DCT spectra, use --spectral"]
    verify(source, path, report)
    assert np.flatnonzero(frformat.load_file(path)["t0"]).tolist() == [0, 599]
    with pytest.raises(EncodeError, match=r"tensor 't0': 2 elements .* these are weights, not a spectrum"):
        encode(source, path, Policy(spectral=True))


def test_dense_spectra_are_detected_or_declared(path: Path):
    spectrum = Spectrum(RNG.standard_normal(33).astype(np.float32), (64, 32, 3, 3))
    dense = Sparse.of_spectrum(spectrum).dense()
    source = checkpoint({"w": dense, "bias": BIAS})
    report = encode(source, path)
    assert report.notes == [
        "treated as DCT spectra: 1 of 2 tensors, whose nonzero elements fill the first 33 positions in zigzag order; "
        "if they are weights, use --no-spectral"
    ]
    detected = path.read_bytes()
    encode(source, path, Policy(spectral=True))
    assert path.read_bytes() == detected
    encode(source, path, policy("w: spectral"))
    assert path.read_bytes() == detected
    np.testing.assert_allclose(frformat.load_file(path)["w"], spectrum.weights(), atol=1e-6)
    encode(source, path, Policy(spectral=False))
    assert frformat.load_file(path)["w"].tobytes() == dense.tobytes()


def test_rules_apply_to_any_name_of_a_tied_tensor(path: Path):
    tensors = {"a": RNG.standard_normal((8, 8)).astype(np.float32)}
    source = dataclasses.replace(checkpoint(tensors), aliases={"b": "a"})
    encode(source, path, policy("b: format=q8"))
    with frformat.open(path) as file:
        assert (file.info("a").step is not None, file.aliases) == (True, {"b": "a"})
    encode(source, path, policy("a: raw", "b: format=q8"))
    with frformat.open(path) as file:
        assert file.info("a").step is None


def test_tiers_without_spectra_are_refused(path: Path):
    with pytest.raises(EncodeError, match="tiers apply to spectra, but there are none: say how much to keep"):
        encode(checkpoint({"a": np.ones((3, 4), np.float32)}), path, tiers=[0.5])


def test_declared_spectra_in_a_view(path: Path):
    spectrum = Spectrum(RNG.standard_normal(33).astype(np.float32), (64, 288), (64, 32, 3, 3))
    dense = Sparse.of_spectrum(spectrum).dense()
    encode(checkpoint({"w": dense}), path, policy("w: spectral view=64,32,3,3"))
    with frformat.open(path) as file:
        assert file.spectrum("w").view == (64, 32, 3, 3)
        np.testing.assert_array_equal(file.spectrum("w").coefficients, spectrum.coefficients)


def test_frz_files_can_be_encoded_again(path: Path, tmp_path: Path):
    spectrum = Spectrum(np.arange(1, 41, dtype=np.float32) / 3, (50, 40), (2000,))
    frformat.save_file({"w": spectrum, "b": BIAS}, path, aliases={"tied": "w"}, metadata={"a": "1", "b": "2"})
    with checkpoints.load(path) as source:
        encode(source, tmp_path / "new.frz", policy(default=Rule(format="q8")), tiers=[10], metadata={"b": "3"})
        with pytest.raises(EncodeError, match=r"its spectrum was taken in shape \[2000\], not \[50, 40\]"):
            encode(source, tmp_path / "no.frz", policy("w: view=50,40"))
    with frformat.open(tmp_path / "new.frz") as file:
        assert (kept(file.info("w")), file.aliases) == (((10, 40), "steps"), {"tied": "w"})
        assert file.metadata == {"a": "1", "b": "3"}
    assert not (tmp_path / "no.frz").exists()


@pytest.mark.parametrize(
    ("tensor", "rule", "reason"),
    [
        (np.array([[1, np.nan]], np.float32), "*: keep=1", "a weight is not finite"),
        (np.array([[1, np.inf]], np.float32), "*: spectral", "not a finite number"),
        (NOISE, "*: keep=5 view=3,3", r"view \[3, 3\] does not have the 2000 elements"),
        (NOISE, "*: view=2000", "its rule does not say how much to keep: add keep, energy or max-error"),
        (1e30 * NOISE, "*: keep=5 format=f16", "too large for f16"),
        (np.eye(50), "*: spectral", "these are weights, not a spectrum"),
    ],
)
def test_tensors_that_cannot_be_coded_as_requested_are_named(path: Path, tensor: np.ndarray, rule: str, reason: str):
    with pytest.raises(EncodeError, match=rf"tensor 'w': .*{reason}"):
        encode(checkpoint({"w": tensor}), path, policy(rule))


def test_rules_that_match_nothing_are_mistakes(path: Path):
    with pytest.raises(EncodeError, match=r"the rule for 'fc\*' matches no tensor; the names are a, b …"):
        encode(checkpoint({"a": NOISE, "b": BIAS}), path, policy("a: raw", "fc*: raw"))


def test_types_without_a_spectrum_stay_raw_and_are_reported(path: Path):
    source = checkpoint({"steps": np.arange(9), "f8": np.ones((4, 4), ml_dtypes.float8_e5m2)})
    report = encode(source, path, policy("*: keep=2"))
    assert [told.note for told in report.tensors.values()] == ["i64 has no spectrum", "f8_e5m2 has no spectrum"]


def test_progress_counts_the_bytes_of_the_dense_tensors(path: Path):
    done: dict[str, int] = {}

    def progress(name: str, count: int) -> None:
        done[name] = done.get(name, 0) + count

    source = checkpoint({"w": SMOOTH, "b": BIAS, "large": RNG.standard_normal((300, 300))})
    encode(source, path, policy("w: keep=5"), progress=progress)
    assert done == {name: entry.nbytes for name, entry in source.entries.items()}


def test_tensors_are_read_one_at_a_time(path: Path):
    alive = []

    class Counted(np.ndarray):
        def __del__(self):
            alive.remove(id(self))

    def load() -> np.ndarray:
        assert len(alive) <= 2
        array = np.ones((300, 300), np.float32).view(Counted)
        alive.append(id(array))
        return array

    encode(Checkpoint({f"t{i}": Entry("f32", (300, 300), load) for i in range(6)}), path, Policy(spectral=False))
    assert len(frformat.load_file(path)) == 6


@pytest.mark.parametrize(("fmt", "least", "most"), [("auto", 1400, 1650), ("step=0.1875", 800, 900), ("q8", 900, 1000)])
def test_the_published_unet(path: Path, fmt: str, least: int, most: int):
    source = checkpoints.load(data_file("unet_fr/unet_fr.pt"))
    report = encode(source, path, Policy(default=Rule(format=fmt)))
    verify(source, path, report)
    assert least < path.stat().st_size <= most
    assert {told.kept for told in report.tensors.values()} == {33}
    assert all(told.error == 0 for told in report.tensors.values()) is (fmt == "auto")
    assert all(told.energy > 0.999 for told in report.tensors.values())


def test_metrics_of_the_input_tiers_are_dropped(tmp_path: Path):
    old = {"license": "MIT", "tiers.accuracy": "0.9 0.95 0.97", "tiers.note": "x"}
    means = [np.full(4, tier, np.float32) for tier in range(3)]
    tensors = {"w": Spectrum(np.ones(9, np.float32), (3, 4)), "mean": PerTier(means)}
    frformat.save_file(tensors, tmp_path / "old.frz", metadata=old, tiers=[2, 5])
    with checkpoints.load(tmp_path / "old.frz") as source:
        report = encode(source, tmp_path / "new.frz", metadata={"tiers.accuracy": "0.8 0.9"}, tiers=[3])
        verify(source, tmp_path / "new.frz", report)
    with frformat.open(tmp_path / "new.frz") as file:
        assert file.metadata == {"license": "MIT", "tiers.accuracy": "0.8 0.9", "tiers.note": "x"}
        assert sorted(file) == ["mean", "w"]
        assert file["mean"].tolist() == [2] * 4
    assert "one of 3 tiers" in report.notes[-1]
    with frz.load(tmp_path / "old.frz", tier=1) as source:
        assert source.entries["mean"].array().tolist() == [1] * 4


def test_loss_of_energy_causes_a_warning(path: Path):
    noise = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32)
    with checkpoint({"noise": noise, "bias": np.ones(3, np.float32)}) as given:
        report = encode(given, path, policy("*: keep=10%"))
        assert any("1 of 2 tensors retains less than 98% of the energy; noise retains" in note for note in report.notes)
        report = encode(given, path, policy("*: format=q2"))
        assert any("1 of 2 tensors retains less than 98% of the energy; noise retains" in note for note in report.notes)
        for kept in (policy("*: format=q8"), None):
            assert not any("warning" in note for note in encode(given, path, kept).notes)


def test_loss_of_energy_in_a_smaller_tier_causes_a_warning(path: Path):
    even = Spectrum(np.ones(30, np.float32), (40, 40)).weights()
    steep = Spectrum(np.array([9, 1], np.float32), (40, 40)).weights()
    with checkpoint({"even": even, "steep": steep}) as given:
        rules = policy("even: keep=30", "steep: keep=2")
        [warning] = [note for note in encode(given, path, rules, tiers=[0.5]).notes if "warning" in note]
        assert warning.startswith("warning: in tier 0, 1 of 2 tensors retains less than 98% of the energy; even")
        assert "even retains 50.0%" in warning
        assert "frformat train --tiers" in warning
        [warning] = [note for note in encode(given, path, policy("*: keep=1"), tiers=[0.5]).notes if "warning" in note]
        assert "tier 0" not in warning
    with sparse(Sparse.of_spectrum(Spectrum(np.ones(30, np.float32), (40, 40)))) as trained:
        notes = encode(trained, path, policy(spectral=True), tiers=[0.5]).notes
        assert not any("warning" in note for note in notes)


@pytest.mark.parametrize(
    ("rule", "most"),
    [("format=q8", 4), ("keep=50% format=q8", 5.5), ("energy=0.9 format=q8", 7.5), ("max-error=0.3 format=q8", 7.5)],
)
def test_a_large_layer_takes_at_most_a_few_times_its_size_in_memory(rule: str, most: float, path: Path):
    weights = np.random.default_rng(0).normal(size=(4000, 2000)).astype(np.float32)
    with checkpoint({"w": weights}) as given:
        tracemalloc.start()
        encode(given, path, policy(f"*: {rule}"))
        encoding = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        frformat.load_file(path)
        decoding = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert encoding < most * weights.nbytes
    assert decoding < min(most - 1, 5.5) * weights.nbytes


@pytest.mark.parametrize("rule", ["max-error=0.01", "energy=0.99", "keep=10%"])
def test_weights_beyond_float32_are_refused(rule: str, path: Path):
    with (
        checkpoint({"huge": np.full((64, 64), 1e200)}) as given,
        pytest.raises(EncodeError, match=r"'huge': a value of .* is too large for f32"),
    ):
        encode(given, path, policy(f"*: {rule}"))
