from __future__ import annotations

import argparse
import datetime
import enum
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from torch import nn

from frformat import EncodeError, Spectrum, checkpoints
from frformat.checkpoints import Checkpoint, Entry
from frformat.errors import ReadError
from frformat.format import atomic
from tests.checkpoints.test_safetensors import checkpoint
from tests.checkpoints.test_torch_tensors import bits
from tests.torch.test_torch_files import state_dicts
from tests.train.data import data_file


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


def test_files_from_before_version_1_6_are_read(path: Path):
    torch.save({"a": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    assert checkpoints.load(path)["a"].tolist() == [1, 1, 1]


def explode(reason: str) -> None:
    raise AssertionError(reason)


class Bomb:
    """Pickled code that would run when it is loaded."""

    def __init__(self, function: object) -> None:
        self.function = function

    def __reduce__(self):
        return self.function, ("code of a file was run",)


def test_code_is_never_run(path: Path):
    torch.save({"w": torch.ones(1), "log": Bomb(explode)}, path)
    assert checkpoints.load(path)["w"].tolist() == [1]
    torch.save({"w": torch.ones(1), "log": Bomb(os.system)}, path)
    with pytest.raises(
        ReadError, match=r"loading it requires the code of posix.system, but code from a file is never run"
    ):
        checkpoints.load(path)
    path.write_bytes(pickle.dumps({"w": 1}, protocol=4))
    with pytest.raises(EncodeError, match="truncated or damaged, or contains more than tensors: Unsupported operand"):
        checkpoints.load(path)


def test_tensors_that_need_code_are_not_dropped_silently(path: Path):
    torch.save({"w": torch.ones(3), "v": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"_rebuild_tensor_v2", b"_rebuild_tensor_v7"))
    with pytest.raises(ReadError, match=r"tensor requires the code of torch._utils._rebuild_tensor_v7, or the file is"):
        checkpoints.load(path)


class Special(torch.Tensor):
    pass


def special(parts: list[torch.Tensor]) -> Special:
    return parts[0].as_subclass(Special)


class Remade(torch.Tensor):
    """Is recreated by a function from a list that contains its values."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        return special, ([self.as_subclass(torch.Tensor)],)


@pytest.mark.parametrize(("kind", "name"), [(Special, "Special"), (Remade, "special")])
def test_tensors_of_other_classes_are_not_dropped_silently(path: Path, kind: Any, name: str):
    torch.save({"w": torch.ones(3), "v": torch.ones(2).as_subclass(kind)}, path)
    with pytest.raises(ReadError, match=rf"a tensor requires the code of .*\.{name}[,;]"):
        checkpoints.load(path)
    assert set(checkpoints.load(path, trust_pickle=True)) == {"w", "v"}


class Settings(dict):
    """A subclass of dict, which some trainers save as a checkpoint."""


class Words(list):
    pass


class Level(enum.Enum):
    HIGH = 1


def test_objects_that_need_code_are_replaced(path: Path):
    args = argparse.Namespace(lr=0.1, folder=Path("runs"), best=np.float64(0.9), when=datetime.date(2026, 1, 2))
    others = {"settings": Settings(a=1), "words": Words("ab"), "level": Level.HIGH, "seen": np.arange(3), "args": args}
    torch.save({"state_dict": {"w": torch.ones(4)}, **others}, path)
    found = checkpoints.load(path)
    assert (list(found), found["w"].tolist()) == (["w"], [1, 1, 1, 1])
    assert found.notes[0].startswith("read without running the code that it refers to: ")
    assert found.notes[0].endswith(" and 5 more")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), nn.LSTM(3, 4)])
        self.head = nn.Linear(4, 5)
        self.tied = nn.Linear(4, 5, bias=False)
        self.tied.weight = self.head.weight
        self.activation = torch.tanh
        self.register_buffer("scratch", torch.ones(3), persistent=False)
        self.register_buffer("steps", torch.tensor(7))


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: {"epoch": 3, "model": net}, nn.DataParallel])
def test_whole_modules_are_read_with_and_without_their_code(path: Path, trusted: bool, wrap: Any):
    net = Net()
    torch.save(wrap(net), path)
    found = checkpoints.load(path, trust_pickle=trusted)
    expected = net.state_dict()
    assert [*found.entries, *found.aliases] == [name for name in expected if name != "tied.weight"] + ["tied.weight"]
    assert found.aliases == {"tied.weight": "head.weight"}
    for name, entry in found.entries.items():
        np.testing.assert_array_equal(entry.array(), expected[name].numpy())


class Private(nn.Module):
    """Keeps its tensors where only its own code finds them."""

    def __getstate__(self) -> dict[str, Any]:
        return {"secret": torch.ones(3)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        nn.Module.__init__(self)
        self.register_buffer("shown", state["secret"])


class Recreated(nn.Module):
    """Is recreated by a function."""

    def __reduce__(self) -> Any:
        return Private, ()


@pytest.mark.parametrize(
    ("part", "kind"), [(Private, Private), (Recreated, Private), (lambda: nn.Sequential(Recreated()), Private)]
)
def test_modules_with_hidden_tensors_are_not_read_in_part(path: Path, part: Any, kind: type):
    torch.save({"model": nn.Sequential(nn.Linear(2, 2), part())}, path)
    with pytest.raises(
        ReadError, match=rf"the tensors of '1(\.0)?' cannot be read without the code of .*{kind.__name__}; "
    ):
        checkpoints.load(path)
    assert {"0.weight", "0.bias"} <= set(checkpoints.load(path, trust_pickle=True))


class Odd:
    @staticmethod
    def make() -> Odd:
        return Odd()

    def __reduce__(self) -> Any:
        return Odd.make, ()


def test_objects_are_named_without_their_addresses(path: Path):
    torch.save({"w": torch.ones(2), "odd": Odd()}, path)
    with pytest.raises(ReadError, match=r"unrecognized function builtins\.getattr$"):
        checkpoints.load(path)


def test_too_many_nested_modules_are_refused(path: Path):
    net = nn.Sequential(nn.Linear(1, 1))
    for _ in range(60):
        net = nn.Sequential(net, net)
    torch.save(net, path)
    with pytest.raises(ReadError, match="it has modules that contain each other, or more than"):
        checkpoints.load(path)


def quantized(model: nn.Module) -> nn.Module:
    try:
        return torch.ao.quantization.quantize_dynamic(model, {nn.Linear, nn.LSTM}, dtype=torch.qint8)
    except (RuntimeError, AttributeError) as error:
        pytest.skip(f"PyTorch does not quantize here: {error}")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_quantized_modules_are_read_as_floats(path: Path):
    plain = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2, bias=False))
    net = quantized(plain)
    torch.save(net.state_dict(), path)
    found = checkpoints.load(path)
    assert "read 2 quantized tensors as float32" in found.notes
    assert {"0.weight", "0.bias", "2.weight"} <= set(found)
    np.testing.assert_array_equal(found["0.weight"], net[0].weight().dequantize().numpy())
    np.testing.assert_array_equal(found["0.bias"], plain[0].bias.detach().numpy())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_packed_weights_are_not_dropped_silently(path: Path):
    torch.save(quantized(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(6, 5))), path)
    with pytest.raises(ReadError, match=r"the tensors of '1\._packed_params\._packed_params' cannot be read without"):
        checkpoints.load(path)
    assert {"0.weight", "1.weight"} <= set(checkpoints.load(path, trust_pickle=True))
    recurrent = quantized(nn.Sequential(nn.Conv2d(1, 2, 3), nn.LSTM(3, 4)))
    for saved in (recurrent, recurrent.state_dict()):
        torch.save(saved, path)
        for trusted in (False, True):
            with pytest.raises(ReadError, match=r"1\._all_weight_values\.0\.param.* cannot be read"):
                checkpoints.load(path, trust_pickle=trusted)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_quantized_tensors_are_read_as_floats(path: Path):
    scales, points = torch.tensor([0.5, 0.25]), torch.tensor([1, 0])
    channels = torch.quantize_per_channel(torch.randn(2, 3), scales, points, 0, torch.qint8)
    torch.save({"a": torch.quantize_per_tensor(torch.randn(4), 0.1, 3, torch.quint8), "b": channels}, path)
    found = checkpoints.load(path)
    np.testing.assert_array_equal(found["b"], channels.dequantize().numpy())
    assert {entry.dtype for entry in found.entries.values()} == {"f32"}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_torchscript_archives_are_distinguished_from_state_dicts(path: Path):
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
    torch.save({"w": torch.zeros(2, dtype=torch.uint8).view(torch.float8_e4m3fnuz)}, path)
    with pytest.raises(EncodeError, match=r"file.pt: tensor 'w': dtype torch.float8_e4m3fnuz has no counterpart"):
        checkpoints.load(path)


def test_spectra_survive_as_sparse_tensors(path: Path):
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
    assert {entry.load().kept() for entry in found.entries.values()} == {33}


def test_a_published_resnet_is_found_in_its_training_checkpoint():
    found = checkpoints.load(data_file("resnet_cifar10/resnet20-12fca82f.th"))
    assert found.notes == [
        "read the entry 'state_dict' of the file",
        "removed wrapper prefixes from names: module.",
    ]
    assert found["conv1.weight"].shape == (16, 3, 3, 3)


def test_loading_needs_no_module_for_models(tmp_path: Path):
    torch.save(nn.Linear(2, 3).state_dict(), tmp_path / "file.pt")
    code = "import sys; from frformat import checkpoints; checkpoints.load(sys.argv[1])[{!r}]; print(*sys.modules)"
    command = [sys.executable, "-W", "ignore", "-c", code.format("weight"), tmp_path / "file.pt"]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert {"torch", "frformat.checkpoints.pt"} <= loaded
    assert not [name for name in loaded if name.startswith(("frformat.torch", "frformat.encoding", "frformat.train"))]


@pytest.mark.parametrize("zipped", [False, True])
def test_a_long_qualified_name_is_rejected_quickly(zipped: bool, tmp_path: Path):
    """PyTorch itself takes 45 minutes to reject this name."""
    path = tmp_path / "x.pt"
    torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=True)
    pickled = b"\x80\x02c" + b"9" * 300_000 + b"\nx\n."
    if zipped:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, pickled if name.endswith("data.pkl") else data)
    else:
        path.write_bytes(pickled)
    with pytest.raises(EncodeError, match="truncated or damaged") as caught:
        checkpoints.load(path)
    assert len(str(caught.value)) < 1000


def test_damaged_records_are_refused(path: Path):
    torch.save({"w": torch.full((100,), 7.0), "v": torch.ones(2)}, path)
    whole = path.read_bytes()
    place = whole.index(torch.full((100,), 7.0).numpy().tobytes()) + 201
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
    for trusted in (False, True):
        with pytest.raises(ReadError, match=r"truncated or damaged: the checksum of record 'file/data/0' does not"):
            checkpoints.load(path, trust_pickle=trusted)


def test_files_without_checksums_are_read(path: Path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"w": torch.ones(3)}, path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert checkpoints.load(path)["w"].tolist() == [1, 1, 1]


def test_overlapping_records_are_refused_quickly(path: Path):
    torch.save({"w": torch.ones(100_000)}, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.filelist += [archive.getinfo("file/data/0")] * 10_000
        archive._didModify = True
    with pytest.raises(ReadError, match="records of the archive overlap"):
        checkpoints.load(path)


@pytest.mark.parametrize("failure", [OSError(28, "the disk is full"), KeyboardInterrupt()])
def test_a_failed_write_is_reported_as_it_is(path: Path, failure: BaseException, monkeypatch: pytest.MonkeyPatch):
    """PyTorch completes the archive all the same, and raises a RuntimeError about its size."""
    write, failures = atomic._Destination.write, [failure]

    def failing(file: Any, data: Any) -> int:
        if failures and len(data) > 100_000:
            raise failures.pop()
        return write(file, data)

    monkeypatch.setattr(atomic._Destination, "write", failing)
    whole = Checkpoint({"w": Entry("f32", (100_000,), lambda: np.ones(100_000, np.float32))})
    with pytest.raises(type(failure)):
        checkpoints.save(whole, path.with_name("other.pt"))
    assert not failures
    assert not path.with_name("other.pt").exists()
