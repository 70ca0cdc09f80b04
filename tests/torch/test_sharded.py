from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor

from frformat.torch import CompressionError, MismatchError, compress, decompose, load_file, load_model, save_model


@pytest.fixture
def sharded() -> Iterator[nn.Module]:
    """A network whose weights are split among processes, as after ``fully_shard``; there is one process."""
    torch.manual_seed(0)
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    mesh = init_device_mesh("cpu", (1,))
    model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    for layer in (model[0], model[2]):
        layer.weight = nn.Parameter(distribute_tensor(layer.weight.data, mesh, [Shard(0)]))
    yield model
    dist.destroy_process_group()


def test_sharded_models_are_saved_whole_and_refused_by_name(sharded: nn.Module, tmp_path: Path):
    path = tmp_path / "model.frz"
    save_model(sharded, path)
    stored = load_file(path)
    for name, tensor in sharded.state_dict().items():
        whole = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
        assert torch.equal(stored[name], whole)
    with pytest.raises(MismatchError, match=r"0\.weight: sharded in the model; load the file before fully_shard"):
        load_model(sharded, path)
    with pytest.raises(MismatchError, match=r"2\.weight: sharded in the model"):
        load_model(sharded, path, assign=True)
    with pytest.raises(CompressionError, match=r"0\.weight is sharded: pass the model before .* its state_dict"):
        compress(sharded)
    with pytest.raises(ValueError, match=r"0\.weight: its weight is sharded"):
        decompose(sharded, "vbmf")
    assert compress(sharded.state_dict()).data == compress(stored).data
