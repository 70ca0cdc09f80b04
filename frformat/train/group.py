"""The process group that trains one model, as started by ``torchrun``; usually it is a single process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, distributed

CPU: Final = torch.device("cpu")


@dataclass(frozen=True)
class ProcessGroup:
    """This process as a member of its process group.

    Attributes:
        rank: its number; process 0 also writes files and reports to the user.
        size: number of processes.
        device: the device on which it computes.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def first(self) -> bool:
        """Whether this process writes files and reports to the user."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """Return this process's part of values that are drawn for a whole batch."""
        return batch.chunk(self.size)[self.rank] if self.size > 1 else batch

    def total(self, sums: Tensor) -> Tensor:
        """Sum over all processes, in place; the result is the same in each."""
        if self.size > 1:
            distributed.all_reduce(sums)
        return sums

    def agree(self, tensors: Iterable[Tensor]) -> None:
        """Set tensors to those of process 0, in place."""
        if self.size > 1:
            for tensor in tensors:
                dense = tensor.detach().contiguous()  # the tensor itself, or a copy
                distributed.broadcast(dense, 0)
                tensor.detach().copy_(dense)

    def wait(self) -> None:
        """Wait until all processes have reached this call."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def joined(device: str | None = None) -> Iterator[ProcessGroup]:
    """Join the process group that ``torchrun`` started, or create one with this process alone.

    Args:
        device: such as ``cpu`` or ``cuda:1``; None selects a GPU if one is available.

    Raises:
        ValueError: the device does not exist.
    """
    rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    place = _device(device, int(os.environ.get("LOCAL_RANK", 0)))
    if size == 1:
        yield ProcessGroup(device=place)
        return
    distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield ProcessGroup(rank, size, place)
        distributed.barrier()  # no process exits while another still waits for it
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
