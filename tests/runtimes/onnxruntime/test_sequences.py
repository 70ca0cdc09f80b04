"""Layers for sequences: recurrent layers, attention and masks, for sequences of any length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from frformat.runtimes import ExportError
from frformat.runtimes.onnxruntime import session
from tests.runtimes.onnxruntime import networks
from tests.runtimes.onnxruntime.sessions import assert_valid, exported, valid
from tests.runtimes.onnxruntime.test_lengths import Two
from tests.runtimes.onnxruntime.test_models import Model

attention = nn.functional.scaled_dot_product_attention

SEQUENCES: dict[str, Callable[[bool], nn.Module]] = {
    "LSTM": lambda first: networks.Layer(nn.LSTM(8, 5, batch_first=first)),
    "bidirectional GRU": lambda first: networks.Layer(nn.GRU(8, 5, batch_first=first, bidirectional=True)),
    "attention": networks.Attention,
    "encoder": lambda first: nn.TransformerEncoderLayer(8, 2, 16, batch_first=first, norm_first=True),
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences_of_any_length_in_batches_of_any_size(name: str, first: bool, tmp_path: Path):
    model = SEQUENCES[name](first).eval()
    sizes = [(n, length) if first else (length, n) for n in (1, 2, 5) for length in (1, 2, 7)]
    inputs = [(torch.rand(*size, 8),) for size in sizes]
    made = session(
        exported(model, tmp_path, torch.rand(1, 7, 8) if first else torch.rand(7, 1, 8)), tmp_path / "model.frz"
    )
    assert_valid(valid(model, made, inputs), range(len(inputs)))


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True, "bias": False}])
@pytest.mark.parametrize(("kind", "count"), [(nn.LSTM, 2), (nn.GRU, 1)])
def test_recurrent_layers_continue_from_given_states(
    kind: type[nn.Module], count: int, options: dict[str, Any], tmp_path: Path
):
    model = networks.Streaming(kind(6, 5, batch_first=True, **options))
    rows = 4 if options else 1
    inputs = [
        (torch.rand(n, length, 6), *torch.rand(count, rows, n, width).unbind())
        for n, length, width in ((1, 3, 5), (2, 1, 5), (3, 7, 5), (2, 3, 4))
    ]
    made = session(exported(model, tmp_path, *inputs[0]), tmp_path / "model.frz")
    assert_valid(valid(model, made, inputs), [0, 1, 2])


def test_projections_of_lstm_layers(tmp_path: Path):
    with pytest.raises(ExportError, match="ONNX has no LSTM with projections; leave out proj_size"):
        exported(networks.Layer(nn.LSTM(6, 5, proj_size=3)), tmp_path, torch.rand(2, 3, 6))


MASKS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "scores": lambda scores, mask: scores + (mask.float() - 1) * 1e4,
    "filled": lambda scores, mask: scores.masked_fill(~mask, -1e9),
    "chosen": lambda scores, mask: torch.where(mask, scores, -1e9),
}


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", [*MASKS, "attention"])
def test_masks_that_all_heads_share(name: str, batch: int, tmp_path: Path):
    def forward(self: Any, x: Tensor, mask: Tensor) -> Tensor:
        heads = self.layer(x).unflatten(2, (2, 2)).transpose(1, 2)
        if name == "attention":
            return attention(heads, heads, heads, attn_mask=mask).transpose(1, 2)
        return MASKS[name](heads @ heads.mT, mask).softmax(-1) @ heads

    def inputs(n: int, length: int) -> tuple[Tensor, Tensor]:
        return torch.rand(n, length, 4), (torch.arange(length) < length - 1).expand(n, 1, 1, length)

    if name != "scores" and torch.__version__ < (2, 9):
        pytest.skip("PyTorch 2.8 decides elsewhere that an axis is repeated, and refuses the export")
    model = Two(forward, layer=nn.Linear(4, 4))
    made = session(exported(model, tmp_path, *inputs(batch, 5)), tmp_path / "model.frz")
    assert made.get_inputs()[1].shape[1:3] == [1, 1]
    assert valid(model, made, [inputs(1, 2), inputs(2, 3), inputs(3, 7)]) == [0, 1, 2]


def causal(self: Any, x: Tensor) -> Tensor:
    """Attend to earlier steps with a mask that is cut from a buffer."""
    length = x.shape[1]
    scores = (self.layer(x) @ x.mT).masked_fill(self.mask[:length, :length] == 0, -1e9)
    return scores.softmax(-1) @ x


def first_row(self: Any, x: Tensor) -> Tensor:
    y: Tensor = self.layer(x) * 1
    y[:, 0] = 0
    return y


def masked() -> Model:
    model = Model(causal, layer=nn.Linear(4, 4))
    model.register_buffer("mask", torch.tril(torch.ones(16, 16)), persistent=False)
    return model


STEPS: dict[str, Callable[[], nn.Module]] = {
    "attention with weights": lambda: Model(
        lambda self, x: self.layer(x, x, x), layer=nn.MultiheadAttention(4, 2, batch_first=True)
    ),
    "product": lambda: Model(lambda self, x: torch.einsum("bic,bjc->bij", self.layer(x), x), layer=nn.Linear(4, 4)),
    "heads": lambda: Model(
        lambda self, x: torch.einsum("bihd, bjhd -> bhij", self.layer(x).unflatten(2, (2, 2)), x.unflatten(2, (2, 2))),
        layer=nn.Linear(4, 4),
    ),
    "mask": masked,
    "one head": lambda: Model(lambda self, x: attention(self.layer(x), x, x, is_causal=True), layer=nn.Linear(4, 4)),
    "in place": lambda: Model(first_row, layer=nn.Linear(4, 4)),
}
"""Networks that take sequences (N, L, 4) of any length."""


@pytest.mark.parametrize("shape", [(1, 5, 4), (2, 3, 4)])
@pytest.mark.parametrize("name", STEPS)
def test_a_length_of_1_is_like_others(name: str, shape: tuple[int, ...], tmp_path: Path):
    model = STEPS[name]().eval()
    made = session(exported(model, tmp_path, torch.rand(shape)), tmp_path / "model.frz")
    inputs = [(torch.rand(n, length, 4),) for n in (1, 2, 5) for length in (1, 2, 7)]
    assert_valid(valid(model, made, inputs), range(len(inputs)))
