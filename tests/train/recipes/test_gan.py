from __future__ import annotations

import numpy as np
import pytest
import torch

import frformat
from frformat.torch import load_model
from frformat.train import ProcessGroup
from frformat.train.draws import Draws
from frformat.train.models import GAN, Generator
from frformat.train.recipes.gan import PENALTY, GanOnMnist
from frformat.train.run import Run
from tests.train.recipes.small import course, digits, small, tolerance


def test_it_learns_and_the_file_contains_the_generator(tmp_path, monkeypatch):
    changes = {"epochs": 5, "batch": 32, "lr": 0.05, "plain_lr": 1e-3, "average_from": None}
    outcome, rows = course(small(GanOnMnist, monkeypatch, **changes), tmp_path)
    assert rows[-1].metrics["frechet"] < 0.97 * rows[0].metrics["frechet"]
    assert rows[-1].losses["discriminator"] < rows[0].losses["discriminator"]
    assert outcome.difference <= tolerance(outcome, 1024)
    assert outcome.decoded["frechet"] == pytest.approx(outcome.metrics["frechet"], rel=1e-4)
    with frformat.open(outcome.path) as file:
        assert set(file) == set(Generator().state_dict())
        assert all(file.info(name).spectral for name in file)
        assert file.spectrum("fc.weight").view == (64, 7, 7, 64)
    load_model(Generator(), outcome.path)


def test_a_step_minimizes_the_loss_of_each_part(monkeypatch):
    recipe = small(GanOnMnist, monkeypatch)
    run = Run(recipe, recipe.data(None), ProcessGroup())
    parts = {name: dict(run.model.get_submodule(name).named_parameters()) for name in recipe.losses()}
    batch, draws = run.data.train[:16], Draws(0, 0, 16, ProcessGroup())
    recipe.losses()["discriminator"](run.model, batch, draws).backward()
    assert all(parameter.grad is not None for parameter in parts["discriminator"].values())
    assert all(parameter.grad is None for parameter in parts["generator"].values())
    own = {name: {id(p) for g in run._optimizers[name].param_groups for p in g["params"]} for name in parts}
    assert own == {name: {id(p) for p in part.values()} for name, part in parts.items()}
    run.advance()  # because of the warmup, the first step has learning rate 0
    before = {name: [p.detach().clone() for p in part.values()] for name, part in parts.items()}
    run.advance()
    for name, part in parts.items():
        assert not any(torch.equal(p, old) for p, old in zip(part.values(), before[name], strict=True))


def test_the_discriminator_is_penalized_for_its_gradient_at_real_images():
    """If the discriminator is linear in the image, 2 u·x, its gradient is 2u everywhere."""
    recipe, model = GanOnMnist(), GAN()
    model.discriminator.forward = lambda x: 2 * (x * u).sum((1, 2, 3))  # type: ignore[method-assign]
    u = torch.randn(1, 28, 28, requires_grad=True)
    batch, draws = digits().train[:4], lambda: Draws(0, 0, 4, ProcessGroup())
    loss = recipe.discriminator_loss(model, batch, draws())
    with torch.no_grad():
        real, made = 2 * (batch[0] / 255 * u).sum((1, 2, 3)), model.discriminator(model(draws().normal(64)))
        logistic = torch.log1p((-real).exp()).mean() + torch.log1p(made.exp()).mean()
    assert loss.item() == pytest.approx((logistic + 0.5 * PENALTY * (4 * u.square().sum())).item(), rel=1e-5)


@torch.no_grad()
def test_generated_images_are_reproducible():
    recipe, samples, model = GanOnMnist(), digits().test, GAN().eval()
    assert torch.equal(recipe.inputs(samples[:7]), recipe.inputs(samples[7:14]))
    assert recipe.evaluate(model, samples, ProcessGroup()) == recipe.evaluate(model, samples, ProcessGroup())
    sheet = recipe.picture(model, samples)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (298, 298)
    assert np.array_equal(sheet, recipe.picture(model, samples))
