from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from frformat.torch.compression import CompressionError
from frformat.torch.compression.search import CORRECTIONS, FAR, of_loss, of_metric, of_size


@dataclass
class Trial:
    nbytes: int
    loss: float


class Network:
    """Simulates a network. Its files shrink to 1,000 bytes at larger scales, and size estimates are off by a factor."""

    def __init__(self, off: float = 1.1, steps: int = 256, size: Callable[[float], float] | None = None) -> None:
        self.tried: list[float] = []
        self.off, self.steps = off, steps
        self.bytes = size or (lambda scale: 1000 + 20000 * math.log2(1 + 1 / scale))

    def trial(self, scale: float) -> Trial:
        self.tried.append(scale)
        return Trial(int(self.bytes(scale)), scale**2)

    def codes(self, scale: float) -> int:
        return round(math.log2(scale) * self.steps)

    def estimate(self, scale: float) -> int:
        return int(self.off * self.bytes(scale) + 300)


@pytest.mark.parametrize("off", [0.8, 1.0, 1.3])
@pytest.mark.parametrize("size", [3000, 20000, 90000])
def test_files_are_as_large_as_allowed(size: int, off: float):
    network = Network(off)
    found = of_size(network.trial, network.estimate, size, 1e-4, 1e3, 1, network.codes)
    assert 0.95 * size <= found.nbytes <= size
    assert len(network.tried) <= 4


@pytest.mark.parametrize("flat", [0.1, 0.2, 0.5])
def test_estimates_that_hardly_depend_on_the_scale(flat: float):
    network = Network(size=lambda scale: 1e4 / scale)
    found = of_size(network.trial, lambda scale: int(1e5 / scale**flat), 4000, 1e-4, 1e3, 1, network.codes)
    assert 0.97 * 4000 <= found.nbytes <= 4000
    assert len(network.tried) <= 9


@pytest.mark.parametrize("steep", [1.5, 3.0, 9.0])
def test_estimates_that_depend_too_much_on_the_scale(steep: float):
    network = Network(size=lambda scale: 3800 * (scale / 1e-3) ** -0.3)

    def estimate(scale: float) -> int:
        return int(3000 * (scale / 1e-3) ** (-0.3 * steep))

    found = of_size(network.trial, estimate, 2000, 1e-4, 1, 1, network.codes)
    assert 0.97 * 2000 <= found.nbytes <= 2000
    assert len(network.tried) <= 9


def test_the_coarsest_steps_are_tried_before_a_size_is_refused():
    network = Network(size=lambda scale: 900 if scale > 990 else 5000)
    assert of_size(network.trial, Network().estimate, 1000, 1e-4, 1e3, 1, network.codes).nbytes == 900


def test_a_size_that_is_too_small_is_refused():
    network = Network()
    with pytest.raises(CompressionError, match=r"no file of 900 bytes .* coarsest steps, it takes 1,0"):
        of_size(network.trial, network.estimate, 900, 1e-4, 1e3, 1, network.codes)


def test_an_excessive_size_yields_the_finest_steps():
    network = Network()
    assert of_size(network.trial, network.estimate, 10**9, 1e-4, 1e3, 1, network.codes).loss == pytest.approx(
        1e-8, rel=0.1
    )


@pytest.mark.parametrize("limit", [0.003, 0.02, 0.5, 40.0])
def test_the_coarsest_that_is_good_enough(limit: float):
    network = Network()
    found = of_metric(network.trial, lambda each: each.loss <= limit, 0.1, 1e-3, 100.0)
    assert found is not None
    assert 0.8 * limit <= found.loss <= limit


def test_none_is_good_enough_or_all_are():
    network = Network()
    assert of_metric(network.trial, lambda each: False, 0.1, 1e-3, 100.0) is None
    best = of_metric(network.trial, lambda each: True, 0.1, 1e-3, 30.0)
    assert best is not None
    assert best.loss == pytest.approx(900)


@pytest.mark.parametrize("more", [0.1, 1.0, 1.9, 30.0, 1000.0])
def test_steps_become_finer_until_the_loss_is_close(more: float):
    network = Network()

    def trial(scale: float) -> Trial:
        found = network.trial(scale)
        return Trial(found.nbytes, more * found.loss)

    assert of_loss(trial, 0.01, 0.1, 1e-4, 1e3).loss <= FAR * 0.01
    assert (len(network.tried) == 1) == (more <= FAR)


@pytest.mark.parametrize("power", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("less", [1e-8, 1e-5, 5e-3])
def test_steps_become_coarser_until_the_loss_is_close(less: float, power: float):
    network = Network()

    def trial(scale: float) -> Trial:
        found = network.trial(scale)
        return Trial(found.nbytes, 0.01 * less * (scale / 0.1) ** power)

    found = of_loss(trial, 0.01, 0.1, 1e-4, 1e6)
    assert found.loss <= FAR * 0.01
    fits = [trial(scale) for scale in list(network.tried)]
    assert found.nbytes == min(each.nbytes for each in fits if each.loss <= FAR * 0.01)
    assert found.nbytes < fits[0].nbytes


def test_the_coarsest_steps_end_the_search():
    network = Network()
    found = of_loss(lambda scale: Trial(network.trial(scale).nbytes, 0.0), 0.01, 0.1, 1e-4, 1.0)
    assert network.tried[-1] == 1.0
    assert found.nbytes == network.trial(1.0).nbytes


def test_a_sudden_loss_between_two_scales_is_located():
    network = Network()

    def trial(scale: float) -> Trial:
        return Trial(network.trial(scale).nbytes, 1e-5 if scale < 0.35 else 1.0)

    assert of_loss(trial, 0.01, 0.1, 1e-4, 1e3).loss == 1e-5
    assert len(network.tried) <= 1 + CORRECTIONS
    assert max(scale for scale in network.tried if scale < 0.35) > 0.15


def test_a_loss_out_of_reach_ends_the_search():
    network = Network()
    found = of_loss(lambda scale: Trial(network.trial(scale).nbytes, 5.0), 0.01, 0.1, 1e-4, 1e3)
    assert found.loss == 5
    assert len(network.tried) <= 1 + CORRECTIONS
    assert min(network.tried) >= 1e-4


def test_the_best_of_several_files_is_kept():
    network = Network()
    lucky = iter([1.0, 1.2, 0.5, 1.1, 1.0, 1.0, 1.0])

    def trial(scale: float) -> Trial:
        found = network.trial(scale)
        return Trial(found.nbytes, found.loss * next(lucky))

    found = of_size(trial, network.estimate, 50000, 1e-4, 1e3, 3, network.codes)
    assert 48000 < found.nbytes <= 50000
    assert found.loss < 0.6 * network.tried[-1] ** 2
    assert len(network.tried) <= 5


def test_no_file_is_built_twice():
    network = Network(steps=16)
    of_size(network.trial, network.estimate, 50000, 1e-4, 1e3, 4, network.codes)
    codes = [network.codes(scale) for scale in network.tried]
    assert len(codes) == len(set(codes)) >= 4
