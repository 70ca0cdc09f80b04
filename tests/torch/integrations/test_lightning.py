from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from frformat.torch import regularize
from frformat.torch.regularization import GuardedTruncation, TailTruncation, spectral_tensors

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pl = pytest.importorskip("lightning.pytorch", exc_type=ImportError)
    from frformat.torch.integrations.lightning import Truncation

pytestmark = pytest.mark.filterwarnings("ignore")


class Net(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = regularize(nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2)), 20)

    def training_step(self, batch, index):
        return F.cross_entropy(self.net(batch[0]), batch[1])

    def validation_step(self, batch, index):
        self.log("accuracy", (self.net(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.05)


def loader() -> DataLoader:
    x = torch.randn(32, 8, generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), 8)


def fit(model: Net, folder: Path, epochs: int, callback: Truncation, **options) -> pl.Trainer:
    trainer = pl.Trainer(
        default_root_dir=folder,
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=[callback],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(model, loader(), loader(), **options)
    return trainer


def tail(model, optimizers):
    return TailTruncation(model, optimizers, by=3, minimum=5)


def kept(model: nn.Module) -> set[int]:
    return {tensor.kept for tensor in spectral_tensors(model).values()}


def test_a_schedule_is_stepped_after_each_epoch_and_continues(tmp_path: Path):
    model = Net()
    trainer = fit(model, tmp_path, 2, Truncation(tail))
    assert kept(model) == {14}
    trainer.save_checkpoint(tmp_path / "2.ckpt")
    other, callback = Net(), Truncation(tail)
    fit(other, tmp_path, 4, callback, ckpt_path=tmp_path / "2.ckpt")
    assert kept(other) == {8}
    assert callback.schedule.last_step == 4


def test_a_metric_guards_truncation(tmp_path: Path):
    def make(model, optimizers):
        return GuardedTruncation(model, optimizers, factor=0.5, tolerance=1.0)

    model = Net()
    fit(model, tmp_path, 2, Truncation(make, monitor="accuracy"))
    assert kept(model) == {5}
    with pytest.raises(ValueError, match="no metric 'loss' was logged; the logged metrics are accuracy"):
        fit(Net(), tmp_path, 1, Truncation(make, monitor="loss"))
    with pytest.raises(ValueError, match="needs monitor=…, the name of a metric"):
        fit(Net(), tmp_path, 1, Truncation(make))
