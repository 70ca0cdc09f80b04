"""Recipes and settings that cannot be used are refused before training, and unusual ones can be used."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from frformat.train import Data, Segmentation, Settings, train
from tests.train.tiny import Tiny, tiny


class Labelled(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Tiny.model(Tiny())

    def forward(self, x):
        return {"logits": self.net(x), "sizes": [torch.tensor(x.shape), x.mean()]}


class Dictionary(Tiny):
    """Its model returns a dictionary."""

    def model(self):
        return Labelled()

    def loss(self, model, batch, draws):
        return nn.functional.cross_entropy(model(self.inputs(batch))["logits"], batch[1])

    def evaluate(self, model, samples, group):
        logits = model(self.inputs(samples.tensors))["logits"]
        return {"accuracy": (logits.argmax(1) == samples.tensors[1]).double().mean()}  # a tensor


def test_outputs_of_any_kind_are_compared(tmp_path):
    recipe = Dictionary(tiny(rules=("net.0.bias: keep=2",)).settings)
    outcome = train(recipe, tmp_path)
    assert isinstance(outcome.metrics["accuracy"], float)
    assert 0 <= outcome.difference < 1e-4 < outcome.scale


class Floats(Tiny):
    """Its samples are normalized floats."""

    pixels = None

    def data(self, folder):
        data = super().data(folder)
        parts = [TensorDataset(part.tensors[0] / 255, part.tensors[1]) for part in (data.train, data.evaluated)]
        return Data(*parts)


def test_floats_need_no_normalization_but_integers_do(tmp_path, monkeypatch):
    plain, floats = train(tiny(), tmp_path / "plain"), train(Floats(tiny().settings), tmp_path / "floats")
    assert floats.metrics == plain.metrics
    monkeypatch.setattr(Floats, "data", Tiny.data)
    with pytest.raises(
        ValueError, match=r"recipe tiny has images of type torch.uint8; set pixels, e.g. to UNIT_PIXELS"
    ):
        train(Floats(tiny().settings), tmp_path / "integers")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"f1": 1.0}, "returns f1, but not 'accuracy'"),
        ({"accuracy": "good"}, "must return numbers"),
        ({}, "returns no metrics, but not 'accuracy'"),
        (None, r"evaluate\(\) of recipe tiny returns NoneType, not Mapping"),
    ],
)
def test_unusable_metrics_are_refused(found, message, tmp_path, monkeypatch):
    monkeypatch.setattr(Tiny, "evaluate", lambda *_: found)
    with pytest.raises(ValueError, match=message):
        train(tiny(), tmp_path)


@pytest.mark.parametrize(
    ("method", "result", "message"),
    [
        ("model", None, r"model\(\) of recipe tiny returns NoneType, not Module"),
        ("model", torch.ones(3), "returns Tensor, not Module"),
        ("exported", None, r"exported\(\) of recipe tiny returns NoneType, not Module"),
        ("data", (1, 2), r"data\(\) of recipe tiny returns tuple, not Data"),
        ("losses", None, r"losses\(\) of recipe tiny returns NoneType, not Mapping"),
        ("losses", {}, "returns no losses"),
        ("losses", {"decoder": None}, "the model has no part 'decoder'"),
        ("loss", None, "the loss '' is NoneType, not a tensor with one number"),
        ("loss", torch.ones(2), r"the loss '' is a tensor of shape \[2\], not"),
        ("loss", torch.ones(()), "the loss '' does not depend on the parameters of the model"),
        ("prepare", None, r"prepare\(\) of recipe tiny returns NoneType, not tuple"),
        ("inputs", None, r"inputs\(\) of recipe tiny returns NoneType, not Tensor"),
    ],
)
@pytest.mark.parametrize("dense", [False, True])
def test_a_method_that_returns_something_else_is_named(method, result, message, dense, tmp_path, monkeypatch):
    monkeypatch.setattr(Tiny, method, lambda *_: result)
    with pytest.raises(ValueError, match=message):
        train(tiny(dense=dense), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: labels + 7, r"label [78], but its model has 2 outputs: labels begin with 0"),
        (lambda labels: labels - 1, "label -1, but its model has 2 outputs"),
        (lambda labels: labels.int(), r"labels of type torch\.int32 and shape \[(\d+)\], not torch\.int64 and \[\1\]"),
        (lambda labels: labels[:, None], r"labels of type torch\.int64 and shape \[\d+, 1\], not"),
    ],
)
@pytest.mark.parametrize("part", ["train", "test"])
def test_labels_without_an_output_are_refused(part, change, message, tmp_path, monkeypatch):
    full = tiny().data(None)
    images, labels = getattr(full, part).tensors
    wrong = replace(full, **{part: TensorDataset(images, change(labels))})
    monkeypatch.setattr(Tiny, "data", lambda *_: wrong)
    with pytest.raises(ValueError, match=f"recipe tiny has {message}"):
        train(tiny(), tmp_path)


def test_ignored_labels_are_accepted(tmp_path, monkeypatch):
    full = tiny().data(None)
    labels = torch.where(torch.arange(48) % 3 == 0, -100, full.train.tensors[1])
    data = replace(full, train=TensorDataset(full.train.tensors[0], labels))
    monkeypatch.setattr(Tiny, "data", lambda *_: data)
    assert train(tiny(epochs=8), tmp_path).metrics["accuracy"] >= 0.9


class Masks(Segmentation):
    name, summary, crop = "masks", "left or right", 4
    defaults = Settings(epochs=1, batch=4, lr=0.1, dense=True)
    outputs, white = 2, 1

    def data(self, folder):
        images = torch.zeros(8, 1, 6, 6, dtype=torch.uint8)
        images[..., :3] = 255
        part = TensorDataset(images, images[:, 0] // 255 * self.white)
        return Data(part, part)

    def model(self):
        return nn.Conv2d(1, self.outputs, 1)


@pytest.mark.parametrize(
    ("outputs", "white", "message"),
    [
        (2, 255, "recipe masks has label 255, but its model has 2 outputs"),
        (1, 1, "recipe masks has label 1, but its model has 1 outputs"),
        (3, 1, "the model of recipe masks has 3 outputs per pixel, not 2"),
    ],
)
def test_masks_have_two_classes(outputs, white, message, tmp_path, monkeypatch):
    monkeypatch.setattr(Masks, "outputs", outputs)
    monkeypatch.setattr(Masks, "white", white)
    with pytest.raises(ValueError, match=message):
        train(Masks(), tmp_path)


def test_logits_are_needed(tmp_path, monkeypatch):
    model = Labelled()
    monkeypatch.setattr(Tiny, "model", lambda _: model)
    with pytest.raises(ValueError, match=r"the model of recipe tiny returns dict, not logits \(samples, classes, …\)"):
        train(tiny(rules=()), tmp_path)


def test_a_test_set_is_needed(tmp_path, monkeypatch):
    full = tiny().data(None)
    empty = TensorDataset(*(tensor[:0] for tensor in full.test.tensors))
    monkeypatch.setattr(Tiny, "data", lambda *_: Data(full.train, empty))
    with pytest.raises(ValueError, match="0 test samples"):
        train(tiny(), tmp_path)


class Nameless(Tiny):
    def evaluate(self, model, samples, group):
        return {"other": 1.0}


class Growing(Tiny):
    grown = 0

    def model(self):
        self.grown += 1
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(64, 2 if self.grown < 2 else 3))


class Extra(nn.Linear):
    def get_extra_state(self):
        return {"version": 1}

    def set_extra_state(self, state):
        pass


class Stateful(Tiny):
    def model(self):
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), Extra(64, 2))


class Unpicturesque(Tiny):
    def picture(self, model, samples):
        raise RuntimeError("no picture")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Nameless, "returns other, but not 'accuracy'"),
        (Growing, "size mismatch|does not fit"),
        (Stateful, "extra state of type dict"),
        (Unpicturesque, "no picture"),
    ],
)
def test_what_cannot_follow_training_is_found_before_it(kind, message, tmp_path):
    with pytest.raises((ValueError, RuntimeError), match=message):
        train(kind(tiny(rules=()).settings), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_untrained_model_may_have_no_metrics(tmp_path):
    class Precise(Tiny):
        evaluated = 0

        def evaluate(self, model, samples, group):
            self.evaluated += 1
            return {"accuracy": 1 / (self.evaluated - 1)}

    assert train(Precise(tiny(epochs=1).settings), tmp_path).metrics["accuracy"] > 0


def test_metrics_that_stay_unknown_are_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(Tiny, "evaluate", lambda *_: {"accuracy": math.nan, "other": 1.0})
    with pytest.warns(UserWarning, match=r"recipe tiny returns NaN as accuracy, so the quality of .* is unknown"):
        assert math.isnan(train(tiny(epochs=1), tmp_path).metrics["accuracy"])


class Overflowing(Labelled):
    def forward(self, x):
        return {"logits": self.net(x), "sizes": [x.mean() if self.training else x.mean() / 0]}


def test_outputs_that_are_not_finite_are_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(Dictionary, "model", lambda _: Overflowing())
    with pytest.warns(UserWarning, match=r"the outputs of .*model\.frz for test samples contain infinite or"):
        train(Dictionary(tiny(rules=(), epochs=1).settings), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 100}, "48 samples"),
        ({"format": "q99"}, "q99"),
        ({"rules": ("nothing: raw",)}, "matches no parameter"),
    ],
)
def test_settings_that_cannot_be_met(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        train(tiny(**change), tmp_path / "run")
    assert not (tmp_path / "run").exists()
