from __future__ import annotations

import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from torch import nn

from frformat import EncodeError, Spectrum, checkpoints
from frformat.checkpoints import Checkpoint, Entry
from tests.checkpoints.test_safetensors import checkpoint
from tests.checkpoints.test_torch_tensors import bits
from tests.torch.test_torch_files import state_dicts
from tests.train.data import data_file


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pt") / "file.pt"


@given(state_dicts())
def test_state_dicts_survive_bit_for_bit(path: Path, state: dict[str, torch.Tensor]):
    if not state:
        return
    torch.save(state, path)
    found = checkpoints.load(path)
    assert set(found.entries) | set(found.aliases) == set(state)
    checkpoints.save(found, path)
    back = torch.load(path, weights_only=True)
    assert set(back) == set(state)
    for name, tensor in state.items():
        assert (back[name].dtype, back[name].shape) == (tensor.dtype, tensor.shape)
        assert bits(back[name]) == bits(tensor)


def test_ties_survive(path: Path):
    weight = torch.ones(3)
    torch.save({"a": weight, "b": weight}, path)
    found = checkpoints.load(path)
    assert found.aliases == {"b": "a"}
    checkpoints.save(found, path)
    back = torch.load(path, weights_only=True)
    assert back["a"].data_ptr() == back["b"].data_ptr()


def test_files_of_before_version_1_6_are_read(path: Path):
    torch.save({"a": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    assert checkpoints.load(path)["a"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        ({"w": torch.ones(1)}, []),
        (OrderedDict(w=torch.ones(1)), []),
        ({"w": torch.ones(1), "epoch": 3}, ["left out, since not tensors: epoch (int)"]),
        ({"state_dict": {"w": torch.ones(1)}, "epoch": 3}, ["took the entry 'state_dict' of the file"]),
        ({"anything": {"w": torch.ones(1)}}, ["took the entry 'anything' of the file"]),
        ({"a": {"b": {"w": torch.ones(1)}}}, ["took the entry 'a.b' of the file"]),
        ({"best": torch.ones(1), "state_dict": {"w": torch.ones(1)}}, ["took the entry 'state_dict' of the file"]),
        ({"ema": {"w": torch.zeros(1)}, "model": {"w": torch.ones(1)}}, ["took the entry 'model' of the file"]),
        ({"module.w": torch.ones(1)}, ["took module. out of the names, which wrappers put there"]),
        ({"_orig_mod.w": torch.ones(1)}, ["took _orig_mod. out of the names, which wrappers put there"]),
        (
            {"model": {"module._orig_mod.w": torch.ones(1)}},
            [
                "took the entry 'model' of the file",
                "took module., _orig_mod. out of the names, which wrappers put there",
            ],
        ),
    ],
)
def test_state_dicts_are_found_and_the_way_is_told(path: Path, content: object, notes: list[str]):
    torch.save(content, path)
    found = checkpoints.load(path)
    assert found.notes == notes
    assert found["w"].tolist() == [1]
    assert list(found) == ["w"]


def test_a_prefix_of_some_names_stays(path: Path):
    torch.save({"module.w": torch.ones(1), "v": torch.ones(1)}, path)
    assert set(checkpoints.load(path)) == {"module.w", "v"}


def test_one_of_several_state_dicts_can_be_chosen(path: Path):
    torch.save({"ema": {"w": torch.zeros(1)}, "net": {"w": torch.ones(1)}, "optimizer": {"state": {0: 1}}}, path)
    with pytest.raises(EncodeError, match=r"holds several state dicts; choose one with --entry: 'ema', 'net'"):
        checkpoints.load(path)
    assert checkpoints.load(path, entry="ema")["w"].tolist() == [0]
    with pytest.raises(EncodeError, match=r"has no entry 'emo' with tensors, but 'ema', 'net'"):
        checkpoints.load(path, entry="emo")


@pytest.mark.parametrize("content", [[torch.ones(1)], torch.ones(1), {}, {"a": 1}, {0: torch.ones(1)}])
def test_files_without_tensors_by_name_are_refused(path: Path, content: object):
    torch.save(content, path)
    with pytest.raises(EncodeError, match="holds no tensors by name"):
        checkpoints.load(path)


class Bomb:
    """Pickled code that would run when it is loaded."""

    def __reduce__(self):
        return pytest.fail, ("code of a file was run",)


def test_code_is_never_run(path: Path):
    for content, what in ((Bomb(), "_pytest"), (nn.Linear(2, 2), r"torch.nn.modules.linear.Linear")):
        torch.save(content, path)
        with pytest.raises(
            EncodeError, match=rf"needs code of {what}.* to be loaded, and no code from a file is ever run"
        ):
            checkpoints.load(path)
    path.write_bytes(pickle.dumps({"w": 1}, protocol=4))
    with pytest.raises(EncodeError, match="needs more than tensors to be loaded"):
        checkpoints.load(path)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_torchscript_archives_are_told_from_state_dicts(path: Path):
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)
    with pytest.raises(EncodeError, match=r"a TorchScript archive; save model.state_dict"):
        checkpoints.load(path)


@pytest.mark.parametrize("as_zip", [True, False])
def test_truncated_files_are_refused(path: Path, as_zip: bool):
    torch.save({"w": torch.ones(100)}, path, _use_new_zipfile_serialization=as_zip)
    whole = path.read_bytes()
    for size in (0, 5, 100, len(whole) // 2, len(whole) - 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(EncodeError, match=r"file.pt: ") as caught:
            checkpoints.load(path)
        assert "\n" not in str(caught.value)


def test_dtypes_without_counterpart_are_refused_by_name(path: Path):
    torch.save({"w": torch.zeros(2, dtype=torch.uint8).view(torch.float8_e8m0fnu)}, path)
    with pytest.raises(EncodeError, match=r"file.pt: tensor 'w': dtype torch.float8_e8m0fnu has no counterpart"):
        checkpoints.load(path)


def test_spectra_become_sparse_tensors_and_come_back(path: Path):
    spectrum = Spectrum(np.array([3, 0, 1], np.float32), (500, 800), (500, 50, 4, 4))
    checkpoints.save(Checkpoint({"w": Entry("f32", spectrum.shape, lambda: spectrum, "spectrum")}), path)
    entry = checkpoints.load(path).entries["w"]
    assert (entry.kind, entry.shape) == ("sparse", (500, 800))
    np.testing.assert_array_equal(entry.load().spectrum(spectrum.view).coefficients, spectrum.coefficients)


def test_arrays_of_any_order_are_written(path: Path):
    checkpoints.save(checkpoint({"w": np.arange(6, dtype=">i4").reshape(2, 3, order="F")}), path)
    assert torch.load(path, weights_only=True)["w"].tolist() == [[0, 2, 4], [1, 3, 5]]


def test_the_published_unet_is_a_checkpoint_of_spectra():
    found = checkpoints.load(data_file("unet_fr/unet_fr.pt"))
    assert len(found) == 23
    assert {entry.kind for entry in found.entries.values()} == {"sparse"}
    assert {found[name].kept for name in found} == {33}


def test_a_published_resnet_is_found_in_its_trainer_s_file():
    found = checkpoints.load(data_file("resnet_cifar10/resnet20-12fca82f.th"))
    assert found.notes == [
        "took the entry 'state_dict' of the file",
        "took module. out of the names, which wrappers put there",
    ]
    assert found["conv1.weight"].shape == (16, 3, 3, 3)


def test_loading_needs_no_module_for_models(tmp_path: Path):
    torch.save(nn.Linear(2, 3).state_dict(), tmp_path / "file.pt")
    code = "import sys; from frformat import checkpoints; checkpoints.load(sys.argv[1])[{!r}]; print(*sys.modules)"
    command = [sys.executable, "-W", "ignore", "-c", code.format("weight"), tmp_path / "file.pt"]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert {"torch", "frformat.checkpoints.pt"} <= loaded
    assert not [name for name in loaded if name.startswith(("frformat.torch", "frformat.encoding", "frformat.train"))]
