from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from frformat import checkpoints
from frformat.errors import ReadError

SHARDS = {
    "model-00001-of-00002": {"a.weight": np.ones((2, 3), np.float32), "a.bias": np.zeros(2, np.float32)},
    "model-00002-of-00002": {"b.weight": np.full((3,), 2, np.float16)},
}


def write(folder: Path, kind: str = "safetensors", **changes: object) -> Path:
    """Write the shards and their index; return the path of the index."""
    where = {}
    for name, arrays in SHARDS.items():
        shard = f"{name}.{kind}"
        if kind == "safetensors":
            safetensors.numpy.save_file(arrays, folder / shard, metadata={"format": "pt"})
        else:
            torch.save({key: torch.from_numpy(array) for key, array in arrays.items()}, folder / shard)
        where |= dict.fromkeys(arrays, shard)
    index = folder / ("model.safetensors.index.json" if kind == "safetensors" else "pytorch_model.bin.index.json")
    index.write_text(json.dumps({"metadata": {"total_size": 38}, "weight_map": where} | changes))
    return index


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_shards_form_one_checkpoint(tmp_path: Path, kind: str):
    index = write(tmp_path, kind)
    for path in (tmp_path, index):
        with checkpoints.load(path) as found:
            assert list(found) == ["a.weight", "a.bias", "b.weight"]
            assert found["b.weight"].tolist() == [2, 2, 2]
            assert found.size == sum(file.stat().st_size for file in tmp_path.iterdir())
        with checkpoints.load(path) as again:
            assert (again.notes == []) is (path == index)


def test_a_folder_with_one_file(tmp_path: Path):
    safetensors.numpy.save_file({"module.w": np.ones(2)}, tmp_path / "model.safetensors")
    torch.save({"w": torch.zeros(2)}, tmp_path / "pytorch_model.bin")
    found = checkpoints.load(tmp_path)
    assert found["w"].tolist() == [1, 1]
    assert found.notes == [
        "read model.safetensors from the folder, not pytorch_model.bin",
        "removed wrapper prefixes from names: module.",
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"weight_map": {}}, "the index has no weight_map"),
        ({"weight_map": {"a": 1}}, "the index has no weight_map"),
        ({"weight_map": {"a": "../secret"}}, "'../secret' is not a file next to the index"),
        ({"weight_map": {"a": ".."}}, "is not a file next to the index"),
        ({"weight_map": {"c": "model-00001-of-00002.safetensors"}}, "lacks tensor 'c', although the index lists it"),
        (
            {"weight_map": {"a.weight": "model-00001-of-00002.safetensors"}},
            "contains 'a.bias', which the index does not",
        ),
    ],
)
def test_inconsistent_indexes_are_refused(tmp_path: Path, changes: dict[str, object], reason: str):
    with pytest.raises(ReadError, match=reason):
        checkpoints.load(write(tmp_path, **changes))


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_a_single_shard_is_not_taken_for_the_checkpoint(tmp_path: Path, kind: str):
    index = write(tmp_path, kind)
    for name in SHARDS:
        path = tmp_path / f"{name}.{kind}"
        with pytest.raises(ReadError, match=f"one of 2 shards, without the tensors of the others; use {index}"):
            checkpoints.load(path)
        with checkpoints.load(path, part=True) as found:
            assert set(found) == set(SHARDS[name])
    index.unlink()
    with pytest.raises(ReadError, match="use the folder with all shards and their index"):
        checkpoints.load(path)
    only = path.rename(tmp_path / f"model-00001-of-00001.{kind}")
    assert set(checkpoints.load(only)) == set(SHARDS[name])


def test_missing_or_damaged_parts_are_named(tmp_path: Path):
    index = write(tmp_path)
    shard = tmp_path / "model-00002-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(ReadError, match=r"model-00002-of-00002.safetensors: not a valid safetensors file"):
        checkpoints.load(tmp_path)
    shard.unlink()
    with pytest.raises(FileNotFoundError) as caught:
        checkpoints.load(tmp_path)
    assert caught.value.filename == str(shard)
    index.write_text("{")
    with pytest.raises(ReadError, match="the index is not JSON"):
        checkpoints.load(index)
    with pytest.raises(ReadError, match=r"the folder contains none of model.safetensors"):
        checkpoints.load(tmp_path / "..")
