"""Training samples, passes over them, and validation sets."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import TensorDataset

from frformat.train import Data, ProcessGroup
from frformat.train.draws import Draws
from frformat.train.recipe import Batch, spread
from frformat.train.run import Run
from tests.train.tiny import Tiny, tiny


def test_validation_samples_represent_sorted_classes():
    labels = torch.arange(10).repeat_interleave(60)
    samples = TensorDataset(torch.arange(600), labels)
    data = Data(samples, samples).with_validation(0.1)
    assert data.validation is not None
    assert (len(data.train), len(data.validation)) == (540, 60)
    assert data.validation.tensors[1].bincount().tolist() == [6] * 10
    together = torch.cat([data.train.tensors[0], data.validation.tensors[0]])
    assert together.sort().values.equal(samples.tensors[0])


@pytest.mark.parametrize("period", [2, 3, 4, 12])
def test_validation_samples_represent_periodic_data(period):
    samples = TensorDataset(torch.arange(60_000), torch.arange(60_000) % period)
    data = Data(samples, samples).with_validation(1 / 12)
    assert data.validation is not None
    counts = data.validation.tensors[1].bincount(minlength=period) * period / 5_000
    assert counts.sub(1).abs().max() < 0.15


def test_chosen_samples_are_different_and_ascending():
    for total in (1, 2, 7, 100):
        for count in range(1, total + 1):
            chosen = spread(total, count)
            assert len(chosen) == count
            assert int(chosen[0]) >= 0
            assert int(chosen[-1]) < total
            assert bool((chosen.diff() > 0).all())
    assert spread(7, 7).tolist() == [*range(7)]


@pytest.mark.parametrize("share", [1.0, 0.999])
@pytest.mark.parametrize("split", [False, True])
def test_a_validation_set_of_all_samples(share, split):
    samples = TensorDataset(torch.arange(24))
    data = Data(TensorDataset(torch.arange(0)), samples, samples) if split else Data(samples, samples)
    with pytest.raises(ValueError, match=rf"holdout={share:g}: no samples are left for training"):
        data.with_validation(share)


def test_no_pass_over_the_data_contains_validation_samples():
    samples = TensorDataset(torch.arange(24))
    data = Data(samples, samples, passes=60).with_validation(0.1)
    assert data.validation is not None
    held, kept = set(data.validation.tensors[0].tolist()), set(data.train.tensors[0].tolist())
    assert (len(held), len(kept), data.samples) == (3, 21, 60 * 21)
    assert not held & kept


def test_an_epoch_takes_every_sample_once_per_pass():
    whole = tiny().data(None)
    seen: list[int] = []

    class Twice(Tiny):
        def prepare(self, samples: Batch, draws: Draws) -> Batch:
            seen.extend(samples[2].tolist())
            return samples[:2]

    few = TensorDataset(*(tensor[:32] for tensor in whole.train.tensors), torch.arange(32))
    run = Run(Twice(tiny(epochs=1, batch=16).settings), Data(few, whole.test, passes=3), ProcessGroup())
    assert run.steps == 6
    while run.step < run.steps:
        run.advance()
    assert sorted(seen) == sorted([*range(32)] * 3)
