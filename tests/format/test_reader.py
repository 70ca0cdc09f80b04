from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import frformat
from frformat import Axis, CodedTensor, FrzError, PerTier, Spectrum
from frformat.format import container, contents
from frformat.format.directory import Directory
from frformat.format.index import Index

RNG = np.random.default_rng(0)


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


def damaged(data: bytes, name: str, tier: int = 0) -> bytes:
    """Return ``data`` with damage in a segment of a tensor's group."""
    with frformat.open(data) as file:
        extent = file.container.extents.of(file.info(name).group, tier)
    assert extent is not None
    broken = bytearray(data)
    broken[extent.offset] ^= 1
    return bytes(broken)


class TestOpen:
    def test_lists_without_decoding(self, data: bytes) -> None:
        with frformat.open(data) as file:
            assert list(file) == file.keys() == ["conv.weight", "fc.weight", "fc.bias", "steps", "tied"]
            assert len(file) == 5
            assert "tied" in file
            assert "nothing" not in file
            info = file.info("fc.weight")
            assert (info.shape, info.view, info.kept) == ((500, 800), (500, 50, 4, 4), (10, 50))
            assert info.bases == ("dct",) * 4
            assert info.spectral
            assert not info.plain
            assert info.box() == Spectrum(np.zeros(50), (500, 800), (500, 50, 4, 4)).box
            assert (info.elements, info.nbytes, info.numbers(0), info.numbers()) == (400_000, 1_600_000, 10, 50)
            assert file.info("tied").alias_of == "conv.weight"
            assert file.info("fc.bias").box() == (500,)
            assert file.info("fc.bias").plain
            assert file.info("steps").numbers() == 1

    def test_lists_bases_and_corners(self) -> None:
        factor = np.ones((3, 6), np.float32)
        axes = (Axis("stored", factor), Axis("seeded", 5), Axis())
        tensors = {
            "w": CodedTensor(np.ones((2, 3, 4), np.int32), (6, 7, 4), "f16", axes, step=16, offsets={1: [0, 1, 2]}),
            "m": PerTier([np.zeros(2), np.ones(2)]),
        }
        with frformat.open(frformat.save(tensors, tiers={"w": [(1, 0, 4)], "m": [1]})) as file:
            info = file.info("w")
            assert (info.bases, info.factors, info.seeds) == (("stored", "seeded", "identity"), (0,), (5,))
            assert (info.corners, info.step, info.offsets) == (((1, 0, 4), (2, 3, 4)), 2.0, (1,))
            assert (info.box(0), info.numbers(0), info.numbers(1)) == ((1, 0, 4), 0, 24)
            assert file.factors == 1
            assert file.factor_info(0).shape == (3, 6)
            assert np.array_equal(file.factor(0).canonical(), factor)
            assert file.info("m").per_tier
            with pytest.raises(FrzError, match="NOT_FOUND: there is no factor 1"):
                file.factor(1)

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
        broken = data[:end] + bytes(len(data) - end)
        with frformat.open(broken, tier=0) as file:
            assert file.load().keys() == frformat.load(data).keys()
        with frformat.open(broken) as file, pytest.raises(FrzError, match="CHECKSUM"):
            file.verify()

    def test_results_belong_to_the_caller(self) -> None:
        tensors = {"a": np.arange(4), "b": np.arange(5)}
        with frformat.open(frformat.save(tensors)) as file:
            file["a"][:] = 7
            assert np.array_equal(file["a"], tensors["a"])
            assert np.array_equal(file["b"], tensors["b"])


class TestErrors:
    def test_say_what_and_where(self, data: bytes, tmp_path: Path) -> None:
        path = tmp_path / "model.frz"
        path.write_bytes(data[:-1])
        with pytest.raises(FrzError) as error:
            frformat.open(path)
        assert str(error.value).startswith(f"{path}: TRUNCATED: the file ends within a tier")
        assert error.value.offset == len(data) - 1

    def test_damage_names_the_tensor(self, data: bytes) -> None:
        broken = damaged(data, "fc.bias")
        with frformat.open(broken) as file:
            extent = file.container.extents.of(file.info("fc.bias").group, 0)
            assert extent is not None
            with pytest.raises(FrzError) as error:
                file["fc.bias"]
        assert (error.value.code, error.value.tensor, error.value.offset) == ("CHECKSUM", "fc.bias", extent.offset)

    def test_damage_does_not_affect_other_groups(self, data: bytes) -> None:
        expected = frformat.load(data)
        with frformat.open(damaged(data, "fc.bias")) as file:
            for name in ("conv.weight", "fc.weight", "steps", "tied"):
                assert np.array_equal(file[name], expected[name])

    def test_a_bad_value_affects_only_its_tensor(self) -> None:
        tensors = {
            name: CodedTensor(np.array([1, q], np.int32), (2,), "f32", step=2000)
            for name, q in (("a", 2), ("b", 3), ("c", 4))
        }
        data = frformat.save(tensors)
        with frformat.open(data) as file:
            [group] = file.container.directory.groups
            # Three times the largest step exceeds the range of binary32.
            changed = replace(file.container.directory, groups=[replace(group, steps=[2000, 2031, 2000])])
            fixed = container.head(changed) + data[file.container.header.end :]
        with frformat.open(fixed) as file:
            assert np.isfinite(file["a"]).all()
            with pytest.raises(FrzError) as error:
                file["b"]
            assert (error.value.code, error.value.tensor) == ("VALUE", "b")
            assert np.isfinite(file["c"]).all()
            with pytest.raises(FrzError) as error:
                file.verify()
            assert (error.value.code, error.value.tensor) == ("VALUE", "b")

    @pytest.mark.parametrize("tier", [-1, 2])
    def test_tier(self, data: bytes, tier: int) -> None:
        with pytest.raises(FrzError, match=r"TIER: tier -?\d of 2 was requested, but only tiers 0 to 1 are present"):
            frformat.open(data, tier=tier)
        with frformat.open(data) as file, pytest.raises(FrzError, match="TIER"):
            file.stored("conv.weight", tier=tier)

    def test_not_found(self, data: bytes) -> None:
        with frformat.open(data) as file:
            for ask in (file.info, file.__getitem__, file.spectrum, file.stored):
                with pytest.raises(FrzError, match="NOT_FOUND"):
                    ask("conv")
            with pytest.raises(FrzError, match="NOT_FOUND: it is not stored as a spectrum"):
                file.spectrum("fc.bias")

    def test_files_of_other_kinds(self, tmp_path: Path) -> None:
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
            for ask in (lambda: file["bomb"], file.load):
                with pytest.raises(FrzError, match="BUDGET"):
                    ask()

    def test_counts_all_tensors_together(self) -> None:
        data = frformat.save({name: np.ones(10**6, np.int32) for name in "ab"}, compression="none")
        with frformat.open(data, memory_budget=8 * 10**6 - 1) as file:
            assert file["a"].nbytes == file["b"].nbytes == 4 * 10**6
            with pytest.raises(FrzError, match="BUDGET"):
                file.load()
        assert len(frformat.load(data, memory_budget=12 * 10**6 + (1 << 20))) == 2  # with a copy of one, and a chunk

    def test_counts_factors(self) -> None:
        factor = np.ones((100, 10_000), np.float32)
        tensor = CodedTensor(np.ones((100, 1), np.float32), (10_000, 1), "f32", (Axis("stored", factor), Axis()))
        data = frformat.save({"w": tensor})
        with frformat.open(data, memory_budget=factor.nbytes) as file, pytest.raises(FrzError, match="BUDGET"):
            file["w"]
        with frformat.open(data, memory_budget=4 * factor.nbytes) as file:
            assert file["w"].shape == (10_000, 1)

    def test_opening_counts(self) -> None:
        data = frformat.save({f"tensor {i}": np.zeros(1, np.uint8) for i in range(1000)})
        needed = next(budget for budget in range(100_000, 10**7, 20_000) if _opens(data, budget))
        assert 1000 * 100 < needed < 1000 * 1000
        with pytest.raises(FrzError, match="BUDGET: opening takes more than the memory budget"):
            frformat.open(data, memory_budget=needed - 20_000)
        with pytest.raises(FrzError, match=r"BUDGET: the directory needs \d+,\d+ bytes"):
            frformat.open(data, memory_budget=1000)

    def test_verifying_counts(self) -> None:
        data = frformat.save({"w": np.zeros(10**6, np.float32)}, compression="zstd")
        with frformat.open(data, memory_budget=10**6) as file, pytest.raises(FrzError, match="BUDGET"):
            file.verify()


class TestGroups:
    """Reading one tensor of a large group costs little more than its own values."""

    @pytest.fixture
    def large(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
        monkeypatch.setattr(contents, "REMEMBERED", 1 << 10)
        return {f"t{i}": RNG.integers(0, 9, (20, i + 1)).astype(np.int32) for i in range(30)}

    def test_uncoded_values_are_read_individually(self, large: dict[str, np.ndarray]) -> None:
        data = frformat.save(large, compression="none")
        opened = io.BytesIO(data)
        with frformat.open(opened) as file:
            assert file.info("t0").group == file.info("t29").group
            file["t0"]  # checks the group's checksum, once
            read = _counting(opened)
            for name in reversed(large):
                assert np.array_equal(file[name], large[name])
            assert sum(read) == sum(array.nbytes for array in large.values())

    def test_damage_is_still_found(self, large: dict[str, np.ndarray]) -> None:
        data = damaged(frformat.save(large, compression="none"), "t0")
        with frformat.open(data) as file:
            for name in ("t29", "t0"):
                with pytest.raises(FrzError, match="CHECKSUM"):
                    file[name]

    def test_other_groups_are_decoded_once_for_consecutive_requests(self, large: dict[str, np.ndarray]) -> None:
        opened = io.BytesIO(frformat.save(large, compression="deflate"))
        with frformat.open(opened) as file:
            file["t3"]
            read = _counting(opened)
            for name in large:
                assert np.array_equal(file[name], large[name])
            assert sum(read) == 0

    @pytest.mark.parametrize("tier", [0, 1])
    def test_corners_and_prefixes_are_also_read_individually(self, monkeypatch: pytest.MonkeyPatch, tier: int) -> None:
        monkeypatch.setattr(contents, "REMEMBERED", 64)
        tensors = {
            f"t{i}": CodedTensor(
                RNG.standard_normal((i + 2, 5)).astype(np.float32), (i + 9, 5), "f32", (Axis("dct"), Axis())
            )
            for i in range(9)
        }
        tensors |= {f"s{i}": CodedTensor.of_spectrum(Spectrum(RNG.standard_normal(30), (9, 9))) for i in range(9)}
        cuts = {name: [20] if name[0] == "s" else [(2, 3)] for name in tensors}
        data = frformat.save(tensors, tiers=cuts, compression="none")
        with frformat.open(data, tier=tier) as file:
            alone = {name: file[name] for name in reversed(tensors)}
        monkeypatch.undo()
        with frformat.open(data, tier=tier) as file:
            assert all(np.array_equal(file[name], alone[name]) for name in tensors)


class TestIndex:
    def test_finds_every_tensor_and_factor(self) -> None:
        factor = np.ones((2, 6), np.float32)
        tensors = {f"a{i}": np.zeros(i, np.uint8) for i in range(9)}
        tensors |= {f"b{i}": np.zeros(i) for i in range(9)}
        tensors |= {
            f"c{i}": CodedTensor(np.ones(2, np.float32), (6,), "f32", (Axis("stored", factor * i),)) for i in range(9)
        }
        with frformat.open(frformat.save(tensors)) as file:
            directory: Directory = file.container.directory
        index = Index(directory)
        assert (len(index), index.factors) == (27, 9)
        assert "a3" in index
        assert index.find("nothing") is None
        for name in index.names():
            group, place = index.find(name) or (-1, -1)
            assert directory.groups[group].names[place] == name
        for number in range(9):
            group, place = index.factor(number)
            assert directory.groups[group].shapes[place] == (2, 6)
        elements = [math.prod(shape) for group in directory.groups if group.names for shape in group.shapes]
        assert sum(elements) == sum(range(9)) * 2 + 54
        assert index.nbytes() == sum(range(9)) * 9 + 4 * 54


def _opens(data: bytes, budget: int) -> bool:
    try:
        frformat.open(data, memory_budget=budget)
    except FrzError:
        return False
    return True


def _counting(file: io.BytesIO) -> list[int]:
    """Record the number of bytes of each read from now on."""
    read: list[int] = []
    plain, into = file.read, file.readinto

    def counted(size: int = -1) -> bytes:
        found = plain(size)
        read.append(len(found))
        return found

    def counted_into(buffer: bytearray) -> int:
        read.append(into(buffer))
        return read[-1]

    file.read, file.readinto = counted, counted_into  # type: ignore[method-assign, assignment]
    return read


def test_files_describe_themselves(data: bytes) -> None:
    with frformat.open(data, tier=0) as file:
        assert repr(file) == f"<FrzFile bytes: 5 tensors, tier 0 of 2, {file.container.ends[0]:,} bytes>"
        html = file._repr_html_()
    rows = [row.split("<td>") for row in html.split("<tr>")[2:]]
    assert [row[1].removesuffix("</td>") for row in rows] == [*file]
    assert "64×32×3×3" in html
    assert "alias of conv.weight" in html
    assert "spectrum" in html


def test_a_notebook_lists_the_first_tensors_and_escapes_names() -> None:
    names = [f"<{number}>" for number in range(150)]
    with frformat.open(frformat.save(dict.fromkeys(names, np.zeros(1, np.float32)))) as file:
        html = file._repr_html_()
    assert html.count("<tr>") == 101
    assert "50 more tensors" in html
    assert "<0>" not in html
