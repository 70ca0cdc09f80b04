"""State dicts of regularized models, however they were written, become spectra of the plain model's tensors."""

from __future__ import annotations

import copy
import io
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import register_parametrization
from torch.optim.swa_utils import AveragedModel

import frformat
from frformat import EncodeError, checkpoints
from frformat.checkpoints.regularized import Facts
from frformat.encoding import encode, verify
from frformat.torch import decompose, factorize, load_model, regularize, save_file, unregularize
from frformat.torch.factorization import portable
from frformat.torch.regularization import make_tiers
from frformat.train import train
from tests.cli.command import refused
from tests.torch.regularization.models import Net, Tied
from tests.train.tiny import Tiny


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.frz"


def encoded(state: object, path: Path) -> list[str]:
    """Write a state dict with ``torch.save``, and encode that file."""
    torch.save(state, path.with_suffix(".pt"))
    with checkpoints.load(path.with_suffix(".pt")) as source:
        report = encode(source, path)
        verify(source, path, report)
    return report.notes


def directly(state: dict[str, torch.Tensor], path: Path) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save_file(state, path)
    return ["regularized"]


@pytest.mark.parametrize("write", [encoded, directly])
@pytest.mark.parametrize("wrap", [lambda model: model, torch.compile, nn.DataParallel, AveragedModel])
def test_a_state_dict_becomes_spectra_under_plain_names(path: Path, write, wrap):
    model = regularize(Net(), 20, rules=["fc1.weight: keep=30 view=12,6,3,3 format=q8", "fc2.weight: raw"])
    notes = write(wrap(model).state_dict(), path)
    assert any("regularized" in note for note in notes)
    with frformat.open(path) as file:
        assert set(file) == set(Net().state_dict())
        assert {name for name in file if file.info(name).spectral} == {"conv.weight", "fc1.weight"}
        assert file.info("fc1.weight").view == (12, 6, 3, 3)
        assert file.info("fc1.weight").step is not None
    plain = Net()
    load_model(plain, path)
    expected = unregularize(copy.deepcopy(model))
    for name, tensor in expected.state_dict().items():
        torch.testing.assert_close(plain.state_dict()[name], tensor, atol=1e-5, rtol=0)


@pytest.mark.parametrize("write", [encoded, directly])
def test_tied_tensors_stay_tied(path: Path, write):
    write(regularize(Tied(), 9).state_dict(), path)
    with frformat.open(path) as file:
        assert file.aliases == {"head.weight": "embedding.weight"}
        assert file.info("head.weight").spectral


class Wide(nn.Module):
    """A network for which coefficients are worth keeping."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(32, 64, 3, padding=1)
        self.fc = nn.Linear(64, 20)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv(x).mean((2, 3)))


def saved_and_loaded(model: nn.Module) -> dict[str, torch.Tensor]:
    stream = io.BytesIO()
    torch.save(model.state_dict(), stream)
    stream.seek(0)
    return torch.load(stream, weights_only=True)


@pytest.mark.parametrize("write", [encoded, directly])
@pytest.mark.parametrize(
    "state",
    [
        lambda model: model.state_dict(),
        lambda model: nn.DataParallel(model).state_dict(),
        lambda model: AveragedModel(model).state_dict(),
        lambda model: portable(model).state_dict(),
        lambda model: nn.Sequential(portable(model)).state_dict(),
        saved_and_loaded,
    ],
)
def test_coefficients_of_factored_layers_become_spectra(path: Path, write, state):
    model = regularize(Wide(), 0.01, rules=["fc.weight: raw"])
    expected = unregularize(copy.deepcopy(model)).state_dict()
    factored = factorize(model, torch.ones(1, 32, 16, 16))
    assert factored.state_dict()["conv.weight"].dim() == 1
    write(state(factored), path)
    found = {name.removeprefix("0."): array for name, array in frformat.load_file(path).items()}
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(torch.from_numpy(found[name]), tensor, atol=1e-5, rtol=0)
    with frformat.open(path) as file:
        assert [name for name in file if file.info(name).spectral] == [next(n for n in file if "conv.weight" in n)]


@pytest.mark.parametrize("write", [encoded, directly])
def test_factored_layers_in_other_forms_are_refused(path: Path, write):
    model = factorize(decompose(Wide(), ranks=0.1), torch.ones(1, 32, 16, 16))
    with pytest.raises(EncodeError, match=r"weight: it is in Tucker form; write the model with .*save_model$"):
        write(model.state_dict(), path)
    damaged = nn.Linear(2, 2).state_dict()
    damaged._metadata[""]["factored"] = {"weight": '{"kind": "new"}'}
    with pytest.raises(
        EncodeError, match=r"weight: its description is damaged, or was written by a newer version of frformat$"
    ):
        write(damaged, path)


@pytest.mark.parametrize("write", [encoded, directly])
def test_the_largest_tier_is_read(path: Path, write):
    model = regularize(Net(), 20)
    make_tiers(model, [5])
    model.norm.running_mean.fill_(3)
    notes = write(model.state_dict(), path)
    assert write is directly or "the largest of 2 tiers was read; frformat.torch.save_model writes all of them" in notes
    plain = Net()
    load_model(plain, path)
    assert (plain.norm.running_mean == 3).all()


class Doubled(nn.Module):
    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        return 2 * tensor


@pytest.mark.parametrize("write", [encoded, directly])
def test_results_of_other_parametrizations_are_not_guessed(path: Path, write):
    model = regularize(Net(), 20)
    register_parametrization(model.fc1, "weight", Doubled())
    with pytest.raises(EncodeError, match=r"fc1.weight: further parametrizations change .*save_model$"):
        write(model.state_dict(), path)


def test_other_parametrizations_are_stored_by_their_own_names(path: Path):
    model = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    assert encoded(model.state_dict(), path) == []
    other = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    load_model(other, path)
    torch.testing.assert_close(other.weight, model.weight)


@pytest.mark.parametrize("average", [None, 0.5])
def test_the_checkpoint_of_a_run_matches_its_export(tmp_path: Path, average: float | None):
    recipe = Tiny(Tiny.defaults.__class__(**{**vars(Tiny.defaults), "average_from": average}))
    outcome = train(recipe, tmp_path / "run")
    with checkpoints.load(tmp_path / "run" / "checkpoint.pt") as source:
        report = encode(source, tmp_path / "model.frz")
    assert f"read the entry 'state.run.{'model' if average is None else 'average'}' of the file" in report.notes
    with frformat.open(outcome.path) as exported, frformat.open(tmp_path / "model.frz") as file:
        assert set(file) == set(exported)
        for name in exported:
            assert file.info(name).spectral == exported.info(name).spectral
            assert file[name].tobytes() == exported[name].tobytes()


def test_a_state_dict_of_a_different_shape_or_type_is_refused():
    model = regularize(nn.Linear(8, 12), 9)
    with pytest.raises(
        RuntimeError, match=r"weight: a spectrum in shape \[12, 8\], but the model has shape \[12, 2, 4\]"
    ):
        regularize(nn.Linear(8, 12), rules=["weight: keep=9 view=12,2,4"]).load_state_dict(model.state_dict())
    model.parametrizations.weight.original.data[0] = 1e5
    with pytest.raises(RuntimeError, match=r"weight: values up to 1e\+05 exceed the range of torch.float16"):
        regularize(nn.Linear(8, 12).half(), 9).load_state_dict(model.state_dict())


@pytest.mark.parametrize(
    "packed",
    [
        torch.zeros(3),
        torch.zeros((), dtype=torch.uint8),
        torch.frombuffer(bytearray(b"{"), dtype=torch.uint8),
        torch.frombuffer(bytearray(b"[1]"), dtype=torch.uint8),
        torch.frombuffer(bytearray(b'{"kind": "other", "shape": [1]}'), dtype=torch.uint8),
        torch.frombuffer(bytearray(b'{"kind": "spectral", "shape": ["a"]}'), dtype=torch.uint8),
        torch.frombuffer(bytearray(b'{"kind": "spectral", "shape": [1], "tiers": 0}'), dtype=torch.uint8),
        torch.frombuffer(bytearray(b'{"kind": "spectral", "shape": [1], "more": 0}'), dtype=torch.uint8),
        *(
            torch.frombuffer(bytearray(b'{"kind": "spectral", "shape": [%s]}' % lengths), dtype=torch.uint8)
            for lengths in (b"Infinity", b"-1", b"2147483648", b"1.0", b"true", b"1,1,1,1,1,1,1,1,1", b"9" * 5000)
        ),
        torch.frombuffer(bytearray(b'{"kind": "spectral", "shape": [1], "view": [1e999]}'), dtype=torch.uint8),
        torch.frombuffer(bytearray(b"[" * 100_000), dtype=torch.uint8),
        {"kind": "spectral"},
    ],
)
def test_descriptions_in_other_forms_are_ignored(packed: object):
    assert Facts.parse(packed) is None


def test_damaged_descriptions_are_refused_in_one_line(tmp_path: Path):
    name = "parametrizations.weight.0._extra_state"
    state = regularize(nn.Linear(8, 12), 9).state_dict()
    for lengths, problem in ((b"[1000000000000000000000, 1]", "the description in"), (b"[2, 2]", "with k at most 4")):
        facts = b'{"kind": "spectral", "shape": %s, "tiers": 1, "alone": true}' % lengths
        state[name] = torch.frombuffer(bytearray(facts), dtype=torch.uint8)
        torch.save(state, tmp_path / "a.pt")
        line = refused("encode", tmp_path / "a.pt", "-o", tmp_path / "a.frz")
        assert line.startswith(f"{tmp_path / 'a.pt'}: READ: ")
        assert line.count("weight") <= 2
        assert problem in line
        with pytest.raises(EncodeError, match=problem):
            save_file(state, tmp_path / "a.frz")
