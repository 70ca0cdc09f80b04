from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.utils.data import TensorDataset

import frformat
from frformat.torch import load_model
from frformat.train import ProcessGroup
from frformat.train.models import VAE
from frformat.train.recipes import vae
from frformat.train.recipes.vae import VaeOnMnist, negative_elbo
from tests.sums import same_sums
from tests.train.recipes.small import course, digits, small, tolerance


def test_it_learns_and_the_file_contains_the_model(tmp_path, monkeypatch):
    outcome, rows = course(small(VaeOnMnist, monkeypatch, epochs=6), tmp_path)
    assert rows[-1].losses[""] < 0.8 * rows[0].losses[""]
    assert rows[-1].metrics["negative_elbo"] < rows[0].metrics["negative_elbo"]
    assert outcome.difference <= tolerance(outcome, 784)
    assert outcome.decoded["negative_elbo"] == pytest.approx(outcome.metrics["negative_elbo"], rel=1e-5)
    load_model(VAE(), outcome.path)
    with frformat.open(outcome.path) as file:
        assert all(file.info(name).spectral for name in file)


def test_the_bound_is_that_of_the_distributions():
    model, noise = VAE(5), torch.randn(8, 5)
    images = torch.rand(8, 1, 28, 28).round()
    reconstruction, divergence = negative_elbo(model, images, noise)
    center, log_variance = model.encode(images)
    posterior = Normal(center, (log_variance / 2).exp())
    pixels = Bernoulli(logits=model.decode(center + posterior.scale * noise))
    same_sums(reconstruction, -pixels.log_prob(images).sum((1, 2, 3)), terms=784)
    same_sums(divergence, kl_divergence(posterior, Normal(0.0, 1.0)).sum(1), terms=5)


def test_the_loss_of_a_gray_image_is_the_mean_loss_of_images_drawn_from_it():
    """Encode all four images of two pixels as the same latent values."""
    model, noise = VAE(5), torch.randn(1, 5)
    grey = torch.zeros(1, 1, 28, 28)
    grey[0, 0, 3, 3:5] = torch.tensor([0.25, 0.5])
    told = model.encode(grey)
    model.encode = lambda _: told  # type: ignore[method-assign]
    mean = 0.0
    for first, second in np.ndindex(2, 2):
        drawn = grey.clone()
        drawn[0, 0, 3, 3:5] = torch.tensor([first, second], dtype=torch.float32)
        chance = (0.25 if first else 0.75) * 0.5
        mean += chance * negative_elbo(model, drawn, noise)[0].item()
    assert negative_elbo(model, grey, noise)[0].item() == pytest.approx(mean, rel=1e-5)


@torch.no_grad()
def test_metrics_cover_all_samples_and_are_reproducible(monkeypatch):
    monkeypatch.setattr(vae, "EVALUATED", 16)
    model, samples = VAE(), digits().test
    recipe = VaeOnMnist()
    found = recipe.evaluate(model, samples, ProcessGroup())
    assert found == recipe.evaluate(model, samples, ProcessGroup())
    assert found["negative_elbo"] == pytest.approx(found["reconstruction"] + found["divergence"])
    parts = [TensorDataset(*(t[i : i + 16] for t in samples.tensors)) for i in range(0, len(samples), 16)]
    each = [recipe.evaluate(model, part, ProcessGroup())["negative_elbo"] for part in parts]
    assert found["negative_elbo"] == pytest.approx(np.mean(each))


@torch.no_grad()
def test_the_picture_shows_images_above_their_reconstructions():
    model, samples = VAE().eval(), digits().test
    sheet = VaeOnMnist().picture(model, samples)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (2 * 28 + 2, 10 * 28 + 9 * 2)
    image = samples.tensors[0][:1]
    assert np.array_equal(sheet[:28, :28], image[0, 0].numpy())
    again = model(image / 255)[0, 0].numpy() * 255
    assert np.abs(sheet[30:, :28] - again).max() <= 0.51
