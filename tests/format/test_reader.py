from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import frformat
from frformat import FrzError, Spectrum
from frformat.format.codings import CODINGS
from frformat.format.directory import CODINGS as CODING_IDS


@pytest.fixture
def data() -> bytes:
    rng = np.random.default_rng(0)
    return frformat.save(
        {
            "conv.weight": Spectrum(rng.standard_normal(33), (64, 32, 3, 3)),
            "fc.weight": Spectrum(rng.standard_normal(50), (500, 800), view=(500, 50, 4, 4)),
            "fc.bias": rng.standard_normal(500).astype(np.float32),
            "steps": np.array(7),
        },
        metadata={"license": "MIT"},
        aliases={"tied": "conv.weight"},
        tiers=[10],
    )


class TestOpen:
    def test_lists_without_decoding(self, data: bytes) -> None:
        with frformat.open(data) as file:
            assert list(file) == ["conv.weight", "fc.weight", "fc.bias", "steps", "tied"]
            assert len(file) == 5
            assert "tied" in file
            assert "nothing" not in file
            info = file.info("fc.weight")
            assert (info.shape, info.view, info.kept) == ((500, 800), (500, 50, 4, 4), (10, 50))
            assert info.box() == Spectrum(np.zeros(50), (500, 800), (500, 50, 4, 4)).box
            assert (info.elements, info.nbytes) == (400_000, 1_600_000)
            assert file.info("tied").alias_of == "conv.weight"
            assert file.info("fc.bias").box() == ()

    def test_every_source(self, data: bytes, tmp_path: Path) -> None:
        path = tmp_path / "model.frz"
        path.write_bytes(data)
        expected = frformat.load(data)
        for source in (path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data)):
            with frformat.open(source) as file:
                assert all(np.array_equal(file[name], expected[name]) for name in expected)
        assert frformat.load_file(path).keys() == expected.keys()

    def test_a_view_is_reshaped(self, data: bytes) -> None:
        with frformat.open(data) as file:
            spectrum = file.spectrum("fc.weight")
            flat = Spectrum(spectrum.coefficients, (500, 50, 4, 4)).weights()
            assert np.array_equal(file["fc.weight"], flat.reshape(500, 800))

    def test_reads_no_byte_of_later_tiers(self, data: bytes) -> None:
        with frformat.open(data) as whole:
            end = whole.container.ends[0]
        damaged = data[:end] + bytes(len(data) - end)
        with frformat.open(damaged, tier=0) as file:
            assert file.load().keys() == frformat.load(data).keys()
        with frformat.open(damaged) as file, pytest.raises(FrzError, match="CHECKSUM"):
            file.verify()


class TestErrors:
    def test_say_what_and_where(self, data: bytes, tmp_path: Path) -> None:
        path = tmp_path / "model.frz"
        path.write_bytes(data[:-1])
        with pytest.raises(FrzError) as error:
            frformat.open(path)
        assert str(error.value).startswith(f"{path}: TRUNCATED: the file ends within a tier")
        assert error.value.offset == len(data) - 1

    def test_damage_names_the_tensor(self, data: bytes) -> None:
        with frformat.open(data) as file:
            [extent] = [e for e in file.container.extents if e.group == file.info("fc.bias").group]
        damaged = bytearray(data)
        damaged[extent.offset] ^= 1
        with frformat.open(bytes(damaged)) as file, pytest.raises(FrzError) as error:
            file["fc.bias"]
        assert (error.value.code, error.value.tensor, error.value.offset) == ("CHECKSUM", "fc.bias", extent.offset)

    @pytest.mark.parametrize("tier", [-1, 2])
    def test_tier(self, data: bytes, tier: int) -> None:
        with pytest.raises(FrzError, match=r"TIER: tier -?\d of 2 is asked for, 0 to 1 are present"):
            frformat.open(data, tier=tier)

    def test_not_found(self, data: bytes) -> None:
        with frformat.open(data) as file:
            for ask in (file.info, file.__getitem__, file.spectrum):
                with pytest.raises(FrzError, match="NOT_FOUND"):
                    ask("conv")
            with pytest.raises(FrzError, match="raw tensor has no spectrum"):
                file.spectrum("fc.bias")

    def test_files_that_are_none(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            frformat.open(tmp_path / "absent.frz")
        with pytest.raises(IsADirectoryError):
            frformat.open(tmp_path)
        with pytest.raises(FrzError, match="MAGIC"):
            frformat.open(b"PK\x03\x04" + bytes(40))


class TestBudget:
    def test_a_request_beyond_it_is_refused_before_it_allocates(self) -> None:
        data = frformat.save({"bomb": Spectrum(np.ones(1), (2**31 - 1, 2**17))})
        assert len(data) < 80
        with frformat.open(data) as file:
            assert file.info("bomb").nbytes == 4 * (2**31 - 1) * 2**17
            assert file.spectrum("bomb").kept == 1
            with pytest.raises(FrzError, match="BUDGET"):
                file["bomb"]
            with pytest.raises(FrzError, match="BUDGET"):
                file.load()

    def test_counts_all_tensors_together(self, data: bytes) -> None:
        total = sum(array.nbytes for name, array in frformat.load(data).items() if name != "tied")
        with frformat.open(data, memory_budget=total - 1) as file:
            file["conv.weight"]
            with pytest.raises(FrzError, match="BUDGET"):
                file.load()


def test_every_coding_is_registered() -> None:
    assert tuple(CODINGS) == CODING_IDS
