"""Parameters and buffers that share memory: the file loads into the same architecture."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from frformat.torch import compress, load_file, load_model

BATCHES = list(torch.randn(64, 8, generator=torch.Generator().manual_seed(0)).split(16))


class Net(nn.Module):
    """Two layers, the first of which consists of given tensors: ``weight``, and optionally ``bias`` and others."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            if name.startswith("buffer"):
                self.register_buffer(name, tensor)
            else:
                self.register_parameter(name, nn.Parameter(tensor, tensor.is_floating_point()))
        self.norm = nn.BatchNorm1d(16)
        self.norm.running_mean, self.norm.running_var = torch.randn(16), torch.rand(16) + 0.5
        self.out = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.norm(F.linear(x, self.weight, getattr(self, "bias", None))).relu())
        return out


def sliced() -> dict[str, Tensor]:
    flat = torch.randn(16 * 9)
    return {"weight": flat[:128].view(16, 8), "bias": flat[120:136]}


def tied(change: Callable[[Tensor], Tensor], name: str = "other") -> Callable[[], dict[str, Tensor]]:
    def tensors() -> dict[str, Tensor]:
        weight = torch.randn(16, 8)
        return {"weight": weight, name: change(weight)}

    return tensors


KINDS: dict[str, Callable[[], dict[str, Tensor]]] = {
    "equal rows": lambda: {"weight": torch.randn(1, 8).expand(16, 8)},
    "equal columns": lambda: {"weight": torch.randn(16, 1).expand(16, 8)},
    "equal biases": lambda: {"weight": torch.randn(16, 8), "bias": torch.randn(1).expand(16)},
    "overlapping rows": lambda: {"weight": torch.randn(23).as_strided((16, 8), (1, 1))},
    "overlapping slices": sliced,
    "two parameters of one tensor": tied(lambda weight: weight),
    "transposed": tied(lambda weight: weight.T),
    "the bits": tied(lambda weight: weight.view(torch.int32)),
    "the buffer of a parameter": tied(lambda weight: weight, "buffer"),
    "an expanded buffer": tied(lambda weight: torch.randn(1, 9).expand(7, 9), "buffer"),
}


EXACT = {
    "equal rows": "weight",
    "equal columns": "weight",
    "equal biases": "bias",
    "overlapping rows": "weight",
    "overlapping slices": "weight, bias",
    "two parameters of one tensor": "",
    "transposed": "weight, other",
    "the bits": "weight, other",
    "the buffer of a parameter": "weight, buffer",
    "an expanded buffer": "buffer",
}
"""Names of the tensors that are not rounded."""


def network(kind: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return Net(KINDS[kind]()).eval()


@pytest.mark.parametrize("batches", [None, BATCHES], ids=["weights only", "batches"])
@pytest.mark.parametrize("kind", KINDS)
def test_tensors_that_share_memory_are_loaded_again(kind: str, batches: list[Tensor] | None, tmp_path: Path):
    path = tmp_path / "model.frz"
    found = compress(network(kind, 0), path, batches, quality=2)
    model = network(kind, 1)
    load_model(model, path)
    assert found.model is not None
    assert torch.equal(model(BATCHES[0]), found.model(BATCHES[0]))
    notes = [note for note in found.notes if "share memory" in note]
    assert notes == ([f"{EXACT[kind]}: stored exactly, because elements share memory"] if EXACT[kind] else [])


def test_tensors_without_a_model_that_share_memory_are_stored_exactly():
    tensors = {**sliced(), "columns": torch.randn(20, 20)[:, :10]}  # all of these columns lie apart
    stored = load_file(io.BytesIO(compress(tensors).data))
    assert torch.equal(stored["weight"], tensors["weight"])
    assert torch.equal(stored["bias"], tensors["bias"])
    assert not torch.equal(stored["columns"], tensors["columns"])
