from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from frformat.train.draws import Draws, order
from frformat.train.group import ProcessGroup

seeds, steps = st.integers(0, 2**32), st.integers(0, 2**40)


@given(seeds, steps, st.sampled_from([1, 2, 3, 4]), st.integers(1, 3))
def test_processes_draw_parts_of_the_batch_of_one_process(seed, step, size, share):
    def draw(draws):
        return draws.normal(2, 3), draws.uniform()

    alone = draw(Draws(seed, step, size * share, ProcessGroup()))
    parts = [draw(Draws(seed, step, size * share, ProcessGroup(rank, size))) for rank in range(size)]
    for whole, pieces in zip(alone, zip(*parts, strict=True), strict=True):
        assert torch.equal(torch.cat(pieces), whole)


@given(seeds, steps)
def test_the_global_generator_of_a_step_is_seeded_too(seed, step):
    Draws(seed, step, 1, ProcessGroup())
    first = torch.rand(3)
    torch.rand(5)
    Draws(seed, step, 1, ProcessGroup())
    assert torch.equal(torch.rand(3), first)
    Draws(seed, step + 1, 1, ProcessGroup())
    assert not torch.equal(torch.rand(3), first)


@given(seeds, st.integers(0, 1000), st.integers(1, 50))
def test_an_epoch_covers_all_samples(seed, epoch, samples):
    assert sorted(order(seed, epoch, samples).tolist()) == list(range(samples))
    assert torch.equal(order(seed, epoch, samples), order(seed, epoch, samples))


def test_epochs_differ():
    assert not torch.equal(order(0, 0, 50), order(0, 1, 50))
