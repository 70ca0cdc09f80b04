from __future__ import annotations

import pytest
import torch

from frformat.spectral import dct
from frformat.train import ProcessGroup
from frformat.train.frechet import FEATURES, Moments, distance, features, moments


def normal(n: int) -> torch.Tensor:
    return torch.randn(n, 1, 28, 28, generator=torch.Generator().manual_seed(5)).double()


def test_features_are_the_low_frequencies():
    images = torch.rand(3, 1, 20, 28)
    found = features(images)
    assert found.shape == (3, FEATURES)
    assert found.dtype == torch.float64
    for image, row in zip(images, found, strict=True):
        spectrum = dct.forward(image[0].numpy())
        zigzag = sorted((i + j, i, j) for i in range(20) for j in range(28))[:FEATURES]
        assert row.tolist() == pytest.approx([spectrum[i, j] for _, i, j in zigzag], abs=1e-12)


def test_moments_are_those_of_all_batches():
    images = normal(50)
    both = moments(images.split(7), ProcessGroup())
    assert torch.allclose(both.mean, features(images).mean(0), rtol=0, atol=1e-12)
    assert torch.allclose(both.covariance, features(images).T.cov(), rtol=0, atol=1e-12)


def test_the_distance_of_a_set_to_itself_is_zero():
    one = moments([normal(200)], ProcessGroup())
    assert distance(one, one) == pytest.approx(0, abs=1e-9)


def test_fewer_images_than_features_also_have_a_distance():
    assert distance(*(moments([normal(count)], ProcessGroup()) for count in (2, 3))) > 0


def test_brighter_images_are_further_by_their_energy():
    images = normal(200)
    first, second = (moments([shifted], ProcessGroup()) for shifted in (images, images + 0.25))
    assert distance(first, second) == pytest.approx((0.25 * 28) ** 2)


def test_more_contrast_is_further_by_the_difference_of_deviations():
    images = normal(200)
    images = images - images.mean(0)
    first, second = (moments([scaled], ProcessGroup()) for scaled in (images, 3 * images))
    assert distance(first, second) == pytest.approx((3 - 1) ** 2 * float(first.covariance.trace()))


def test_covariances_that_do_not_commute():
    """Compare with the formula for 2×2 matrices: tr √(C₁C₂) = √(tr C₁C₂ + 2 √det C₁C₂)."""
    first, second = (torch.tensor(rows, dtype=torch.float64) for rows in ([[2, 1], [1, 3]], [[1, -0.5], [-0.5, 4]]))
    product = first @ second
    root = (product.trace() + 2 * product.det().sqrt()).sqrt()
    expected = first.trace() + second.trace() - 2 * root
    mean = torch.zeros(2, dtype=torch.float64)
    assert distance(Moments(mean, first), Moments(mean, second)) == pytest.approx(float(expected))
