"""Files with tensors that are divided among processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from frformat import checkpoints
from frformat.errors import ReadError

WRITE = """
import sys
import torch
import torch.distributed as dist
from torch.distributed._shard.metadata import ShardMetadata
from torch.distributed._shard.sharded_tensor import Shard as Local, init_from_local_shards
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Shard
from torch.testing._internal.distributed.fake_pg import FakeStore

folder = sys.argv[1]
dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
mesh = init_device_mesh("cpu", (2,))
part = DTensor.from_local(torch.ones(4, 3), mesh, [Shard(0)], run_check=False)
torch.save({"w": part, "b": torch.ones(3)}, f"{folder}/dtensor.pt")
dist.destroy_process_group()
dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
part = init_from_local_shards([Local(torch.ones(4, 3), ShardMetadata([0, 0], [4, 3], "rank:0/cpu"))], 4, 3)
torch.save({"w": part, "b": torch.ones(3)}, f"{folder}/sharded.pt")
dist.destroy_process_group()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sharded")
    subprocess.run([sys.executable, "-W", "ignore", "-c", WRITE, folder], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("name", ["dtensor.pt", "sharded.pt"])
@pytest.mark.parametrize("trust", [False, True])
def test_the_part_of_one_process_is_refused(folder: Path, name: str, trust: bool):
    def read() -> None:
        with checkpoints.load(folder / name, trust_pickle=trust) as found:
            for each in found.entries.values():
                each.load()

    with pytest.raises(ReadError, match=r"sharded tensor.*only the part of one process.*full_state_dict=True"):
        read()


def test_a_distributed_checkpoint_is_refused_with_advice(tmp_path: Path):
    (tmp_path / ".metadata").touch()
    (tmp_path / "__0_0.distcp").touch()
    with pytest.raises(ReadError, match=r"torch\.distributed\.checkpoint; .*dcp_to_torch"):
        checkpoints.load(tmp_path)
