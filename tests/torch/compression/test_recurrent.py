"""Recurrent layers that run step by step return the same results as layers that run as a whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils._pytree import tree_leaves

from frformat.torch.compression.recording import Recorder
from frformat.torch.compression.recurrent import CELLS, GATES, steps
from frformat.torch.compression.structure import structure

BOTH = {"num_layers": 2, "bidirectional": True, "batch_first": True}
LAYERS = [
    *((kind, options) for kind in (nn.LSTM, nn.GRU, nn.RNN) for options in ({}, BOTH, {"bias": False})),
    (nn.RNN, {"nonlinearity": "relu", **BOTH, "bias": False}),
    (nn.LSTM, {"proj_size": 3}),
    (nn.LSTM, {"proj_size": 3, "bias": False, **BOTH}),
]
CELL_LAYERS = [
    (nn.LSTMCell, {}),
    (nn.GRUCell, {}),
    (nn.RNNCell, {"bias": False}),
    (nn.RNNCell, {"nonlinearity": "relu"}),
]


def observed(model: nn.Module, *inputs: Any) -> tuple[list[Tensor], set[str]]:
    """Return the tensors of the output, and the names of the parameters that were observed as weights."""
    names: set[str] = set()
    with torch.no_grad(), Recorder(model, before=lambda call: names.add(call.site.name)):
        out = model(*inputs)
    return tree_leaves(tensors(out)), names


def tensors(out: Any) -> Any:
    return [(part.data if hasattr(part, "batch_sizes") else part) for part in out] if isinstance(out, tuple) else out


def matrices(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.dim() == 2}


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize(("kind", "options"), LAYERS)
def test_all_weights_are_observed_and_outputs_are_unchanged(kind: Any, options: dict[str, Any]):
    torch.manual_seed(0)
    model = kind(4, 6, **options).eval()
    x = torch.randn(5, 7, 4)
    first = options.get("batch_first", False)
    lengths = [7, 5, 5, 2, 1] if first else [5, 4, 4, 4, 3, 2, 1]
    for inputs in (x, x[0], pack_padded_sequence(x, lengths, batch_first=first)):
        found, names = observed(model, inputs)
        with torch.no_grad():
            torch.testing.assert_close(found, tree_leaves(tensors(model(inputs))))
        assert names == matrices(model)


@pytest.mark.parametrize(("kind", "options"), CELL_LAYERS)
def test_cells(kind: Any, options: dict[str, Any]):
    torch.manual_seed(0)
    model, x = kind(4, 6, **options), torch.randn(5, 4)
    found, names = observed(model, x)
    with torch.no_grad():
        torch.testing.assert_close(found, tree_leaves(model(x)))
    assert names == matrices(model)


def test_dropout_is_left_to_the_layer():
    model, x = nn.GRU(4, 6, 2, dropout=0.5), torch.randn(5, 7, 4)
    outs = []
    for record in (True, False):
        torch.manual_seed(3)
        outs.append(observed(model, x)[0] if record else tree_leaves(model(x)))
    torch.testing.assert_close(*outs)
    assert not observed(model, x)[1]


def test_inputs_take_one_product_and_states_one_per_step():
    model = nn.LSTM(4, 6).eval()
    found = structure(model, lambda: model(torch.randn(7, 5, 4)))
    assert [found.calls[site] for site in found.sites] == [1, 7]
    assert [found.positions[site] for site in found.sites] == [35, 35]


def test_parameters_that_share_their_storage_are_distinguished():
    model = nn.LSTM(4, 6, 2).eval()
    storage = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    begin = 0
    for parameter in model.parameters():
        parameter.data = storage[begin : begin + parameter.numel()].view(parameter.shape)
        begin += parameter.numel()
    found = structure(model, lambda: model(torch.randn(7, 5, 4)))
    assert [site.name for site in found.sites] == ["weight_ih_l0", "weight_hh_l0", "weight_ih_l1", "weight_hh_l1"]
    assert [found.biases[site] for site in found.sites] == ["bias_ih_l0", "bias_hh_l0", "bias_ih_l1", "bias_hh_l1"]


def test_every_recurrent_function_of_torch_is_supported():
    names = {func.__name__ for func in (*GATES, *CELLS)}
    assert names == {"lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"}
    x, h, w = torch.ones(1, 2), torch.zeros(1, 2), torch.eye(2)
    torch.testing.assert_close(steps(torch.rnn_tanh_cell, (x, h, w, w)), x.tanh())
