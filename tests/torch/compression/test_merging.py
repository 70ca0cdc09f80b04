from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from frformat.torch import CompressionError, compress
from frformat.torch.compression.inputs import BatchRun, runs
from frformat.torch.compression.merging import FEWEST, merged
from frformat.torch.compression.outputs import Outputs

CPU = torch.device("cpu")


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)).eval()


def of(model: nn.Module, batches: list[Any]) -> list[Any]:
    return list(merged(model, runs(batches, CPU), Outputs("auto")))


class Threads:
    """Counts the threads that are started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started = 0
        start = threading.Thread.start

        def counted(thread: threading.Thread) -> None:
            self.started += 1
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", counted)


def test_a_thousand_samples_need_few_threads(monkeypatch: pytest.MonkeyPatch):
    threads = Threads(monkeypatch)
    found = compress(network(), None, torch.randn(1000, 6).split(1))
    assert 2 * FEWEST <= threads.started <= 4 * FEWEST
    assert found.point.loss < 0.02


def test_samples_are_kept_in_order():
    x = torch.randn(1000, 6)
    calls = of(network(), list(x.split(2)))
    assert FEWEST <= len(calls) < 2 * FEWEST
    assert torch.equal(torch.cat([call.batch for call in calls if isinstance(call, BatchRun)]), x)


def test_batches_of_several_shapes_and_names():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Linear(6, 3)

        def forward(self, x: Tensor, *, scale: Tensor, flag: bool) -> Tensor:
            found: Tensor = self.one(x).mean(1) * scale
            return found if flag else -found

    torch.manual_seed(0)
    batches = [
        {"x": torch.randn(2, 5 + i % 3, 6), "scale": torch.rand(2, 1), "flag": bool(i % 2)} for i in range(6 * FEWEST)
    ]
    calls = of(Two().eval(), batches)
    assert FEWEST <= len(calls) < 2 * FEWEST
    assert {(call.batch["x"].shape[1:], call.batch["flag"]) for call in calls} == {
        ((n, 6), flag) for n in (5, 6, 7) for flag in (False, True)
    }
    assert sum(len(call.batch["x"]) for call in calls) == 12 * FEWEST


class Mixing(nn.Module):
    """Each output depends on all samples of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.one(x - x.mean(0))
        return found


class Noisy(Mixing):
    """The network draws random numbers."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.randn(len(x), 4)


class Whole(Mixing):
    """The output is one number for the batch."""

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x).mean()


@pytest.mark.parametrize("kind", [Mixing, Noisy, Whole])
def test_batches_whose_samples_depend_on_one_another_stay_apart(kind: type[nn.Module]):
    batches = list(torch.randn(4 * FEWEST, 6).split(2))
    assert len(of(kind().eval(), batches)) == len(batches)


def test_few_and_large_batches_stay_as_they_are():
    assert len(of(network(), list(torch.randn(2 * FEWEST - 1, 6).split(1)))) == 2 * FEWEST - 1
    large = [torch.randn(1, 1 << 15, 6) for _ in range(2)] * FEWEST
    assert len(of(network(), large)) == len(large)


def test_too_many_threads_are_reported(monkeypatch: pytest.MonkeyPatch):
    start, left = threading.Thread.start, iter(range(3))

    def limited(thread: threading.Thread) -> None:
        if next(left, None) is None:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    before = threading.active_count()
    with pytest.raises(CompressionError, match="need 8 threads, which the system does not allow: pass fewer, larger"):
        compress(network(), None, torch.randn(4, 6).split(1))
    assert threading.active_count() == before
