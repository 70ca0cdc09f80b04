"""The processes that train one model together, as ``torchrun`` starts them; most often there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, distributed

CPU: Final = torch.device("cpu")


@dataclass(frozen=True)
class Workers:
    """This process among all.

    Attributes:
        rank: its number; 0 also writes files and talks to the user.
        size: how many there are.
        device: where it computes.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def first(self) -> bool:
        """Whether this process writes files and talks to the user."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """This process's part of something that is drawn for a whole batch."""
        return batch.chunk(self.size)[self.rank] if self.size > 1 else batch

    def total(self, sums: Tensor) -> Tensor:
        """Return the sum over all processes, the same in each; in place."""
        if self.size > 1:
            distributed.all_reduce(sums)
        return sums

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def joined(device: str | None = None) -> Iterator[Workers]:
    """Take one's place among the processes that ``torchrun`` started, or be the only one.

    Args:
        device: such as ``cpu`` or ``cuda:1``; None for a GPU if there is one.

    Raises:
        ValueError: there is no such device.
    """
    rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    place = _device(device, int(os.environ.get("LOCAL_RANK", 0)))
    if size == 1:
        yield Workers(device=place)
        return
    distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield Workers(rank, size, place)
        distributed.barrier()  # nobody leaves while another still listens
    finally:
        distributed.destroy_process_group()


def _device(wanted: str | None, local_rank: int) -> torch.device:
    if wanted is None:
        wanted = f"cuda:{local_rank}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"device {wanted!r} cannot be used: {reason}") from error
    return device
