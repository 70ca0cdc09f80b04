from __future__ import annotations

import os
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import frformat
from frformat.torch import regularize
from frformat.torch.regularization import (
    GeometricTruncation,
    GuardedTruncation,
    SpectralPruning,
    TailTruncation,
    spectral_tensors,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    transformers = pytest.importorskip("transformers", exc_type=ImportError)
    from frformat.torch.integrations.transformers import Truncation, from_pretrained, save_pretrained

pytestmark = pytest.mark.filterwarnings("ignore")


def bert(**changes) -> nn.Module:
    config = transformers.BertConfig(
        vocab_size=40,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=16,
        pad_token_id=None,
        **changes,
    )
    return transformers.BertForSequenceClassification(config).eval()


def tokens() -> torch.Tensor:
    return torch.randint(1, 40, (3, 9))


def kept(model: nn.Module) -> set[int]:
    return {tensor.kept for tensor in spectral_tensors(model).values()}


def tail(model, optimizers):
    return TailTruncation(model, optimizers, by=3, minimum=5)


@pytest.mark.parametrize("kind", ["BertForSequenceClassification", "AutoModelForSequenceClassification"])
@pytest.mark.parametrize("regular", [False, True])
def test_models_survive_in_folders(tmp_path: Path, kind: str, regular: bool):
    model, x = bert(num_labels=5), tokens()
    if regular:
        regularize(model, 50)
    save_pretrained(model, tmp_path / "model")
    assert sorted(os.listdir(tmp_path / "model")) == ["config.json", "model.frz"]
    again = from_pretrained(getattr(transformers, kind), tmp_path / "model")
    with torch.no_grad():
        torch.testing.assert_close(again(x).logits, model(x).logits, rtol=1e-4, atol=1e-5)
    with frformat.open(tmp_path / "model" / "model.frz") as file:
        assert any(file.info(name).spectral for name in file) == regular


def test_other_models_have_no_configuration(tmp_path: Path):
    with pytest.raises(ValueError, match="Linear has no Transformers configuration"):
        save_pretrained(nn.Linear(2, 2), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_tied_language_models_survive(tmp_path: Path):
    config = transformers.GPT2Config(vocab_size=40, n_embd=32, n_layer=1, n_head=2, n_positions=16)
    model, x = transformers.GPT2LMHeadModel(config).eval(), tokens()
    save_pretrained(regularize(model, 200), tmp_path)
    again = from_pretrained(transformers.GPT2LMHeadModel, tmp_path)
    assert again.lm_head.weight is again.transformer.wte.weight
    with torch.no_grad():
        torch.testing.assert_close(again(x).logits, model(x).logits, rtol=1e-3, atol=1e-4)


class Samples(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.arange(1, 10) + index, "labels": torch.tensor(index % 2)}


def trainer(model: nn.Module, folder: Path, *callbacks: transformers.TrainerCallback, **options):
    accelerate = pytest.importorskip("accelerate", exc_type=ImportError)
    assert accelerate
    arguments = transformers.TrainingArguments(
        str(folder),
        per_device_train_batch_size=4,
        eval_strategy="epoch",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        **{"num_train_epochs": 2, "save_strategy": "no", **options},
    )
    data = Samples()
    return transformers.Trainer(model, arguments, train_dataset=data, eval_dataset=data, callbacks=[*callbacks])


def test_a_schedule_is_stepped_after_each_epoch(tmp_path: Path):
    model, callback = regularize(bert(), 20), Truncation(tail)
    trainer(model, tmp_path, callback).train()
    assert kept(model) == {14}
    assert callback.schedule.last_step == 2


class Stop(transformers.TrainerCallback):
    """Interrupts training after two epochs."""

    def on_epoch_end(self, args, state, control, **given):
        control.should_training_stop = state.epoch >= 2


@pytest.mark.parametrize(
    "make",
    [
        lambda model, optimizers: GeometricTruncation(model, optimizers, steps=4, minimum=3),
        lambda model, optimizers: TailTruncation(model, optimizers, by=0.2, minimum=3),
        lambda model, optimizers: SpectralPruning(model, optimizers, steps=4, minimum=3),
    ],
)
def test_a_schedule_continues_when_training_resumes(make, tmp_path: Path):
    def begun() -> nn.Module:
        torch.manual_seed(0)
        return regularize(bert(), 20)

    options = {"num_train_epochs": 4, "save_strategy": "epoch", "lr_scheduler_type": "constant"}
    whole = begun()
    trainer(whole, tmp_path / "whole", Truncation(make), **options).train()
    trainer(begun(), tmp_path / "parts", Truncation(make), Stop(), **options).train()
    resumed, callback = begun(), Truncation(make)
    trainer(resumed, tmp_path / "parts", callback, **options).train(resume_from_checkpoint=True)
    assert callback.schedule.last_step == 4
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    plain = trainer(begun(), tmp_path / "plain", Stop(), **options)
    plain.train()
    with pytest.raises(ValueError, match="does not contain the state of exactly one truncation schedule"):
        trainer(begun(), tmp_path / "plain", Truncation(make), **options).train(resume_from_checkpoint=True)


def test_a_metric_guards_truncation(tmp_path: Path):
    def make(model, optimizers):
        return GuardedTruncation(model, optimizers, factor=0.5, tolerance=10.0, mode="min")

    model = regularize(bert(), 20)
    trainer(model, tmp_path, Truncation(make, monitor="eval_loss")).train()
    assert kept(model) == {5}
    with pytest.raises(ValueError, match="no metric 'accuracy' was computed; the metrics are eval_loss"):
        trainer(regularize(bert(), 20), tmp_path, Truncation(make, monitor="accuracy")).train()


def test_several_processes_are_refused():
    with pytest.raises(ValueError, match="while several processes train"):
        Truncation(tail).on_train_begin(SimpleNamespace(world_size=2), None, None)
