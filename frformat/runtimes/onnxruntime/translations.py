"""ONNX operators for operations that PyTorch's exporter translates wrongly, or only in some cases."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

from frformat.runtimes.onnxruntime.lookups import nonnegative


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Return, for some operations, functions that the exporter calls to create nodes.

    PyTorch 2.8 ignores functions whose parameters it cannot tell, such as ``*args``, or that have other names than the
    operation's.
    """
    import onnx_ir as ir
    from onnxscript import opset18 as op
    from onnxscript.function_libs.torch_lib.ops import core
    from onnxscript.function_libs.torch_lib.ops import nn as torch_lib

    def floordiv(a: Any, b: Any) -> Any:
        if _is_length(a) and isinstance(b, int) and b > 0:
            return op.Div(a, b)
        return op.Div(op.Sub(a, op.Mod(a, b)), b)  # Div, the exporter's choice, rounds towards zero

    def attention(
        query: Any,
        key: Any,
        value: Any,
        attn_mask: Any = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Any:
        inner = torch_lib.aten_scaled_dot_product_attention
        options = (attn_mask, dropout_p, is_causal, scale, enable_gqa)
        missing = 4 - len(query.shape)  # the exporter supports only batches of several heads
        if missing <= 0:
            return inner(query, key, value, *options)
        axes: Any = op.Constant(value_ints=list(range(missing)))
        wide = []
        for each in (query, key, value):
            wide.append(op.Unsqueeze(each, axes))
            wide[-1].shape, wide[-1].dtype = ir.Shape([*[1] * missing, *each.shape]), each.dtype
        return op.Squeeze(inner(*wide, *options), axes)

    def embedding(
        weight: Any, indices: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
    ) -> Any:
        return op.Gather(weight, nonnegative(indices, weight, 0))

    def embedding_bag(
        weight: Any,
        indices: Any,
        offsets: Any,
        scale_grad_by_freq: bool = False,
        mode: int = 0,
        sparse: bool = False,
        per_sample_weights: Any = None,
        include_last_offset: bool = False,
        padding_idx: int = -1,
    ) -> Any:
        options = (scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, padding_idx)
        return core.aten_embedding_bag_padding_idx(weight, nonnegative(indices, weight, 0), offsets, *options)

    def gather(self: Any, dim: int, index: Any, sparse_grad: bool = False) -> Any:
        return core.aten_gather(self, dim, nonnegative(index, self, dim))

    def index_select(self: Any, dim: int, index: Any) -> Any:
        return core.aten_index_select(self, dim, nonnegative(index, self, dim))

    def sized(state: Any, length: Any) -> Any:
        """Return a recurrent layer's state, whose last axis has the length of its weight's even if it is an input."""
        found = op.Identity(state)
        found.shape, found.dtype = ir.Shape([*state.shape[:2], length]), state.dtype
        return found

    def recurrent(translate: Callable[..., Any], sized_states: Callable[..., Any]) -> Callable[..., Any]:
        """Return the translation of a kind of recurrent layers, which passes on its states as ``sized_states`` does."""

        def translated(
            input: Any,
            hx: Any,
            params: Any,
            has_biases: bool,
            num_layers: int,
            dropout: float,
            train: bool,
            bidirectional: bool,
            batch_first: bool,
        ) -> Any:
            options = (has_biases, num_layers, dropout, train, bidirectional, batch_first)
            return translate(input, sized_states(hx, *params[1].shape), params, *options)

        return translated

    def lstm_states(states: Any, rows: Any, length: Any) -> Any:
        if rows != 4 * length:
            raise ValueError("ONNX has no LSTM with projections; leave out proj_size")
        return [sized(each, length) for each in states]

    return {
        operator.floordiv: floordiv,
        torch.ops.aten.scaled_dot_product_attention.default: attention,
        torch.ops.aten.embedding.default: embedding,
        torch.ops.aten.embedding_bag.padding_idx: embedding_bag,
        torch.ops.aten.gather.default: gather,
        torch.ops.aten.index_select.default: index_select,
        torch.ops.aten.lstm.input: recurrent(core.aten_lstm, lstm_states),
        torch.ops.aten.gru.input: recurrent(core.aten_gru, lambda state, rows, length: sized(state, length)),
    }


def _is_length(value: Any) -> bool:
    """Return whether a value is the length of an axis, and therefore not negative."""
    node = getattr(value, "producer", lambda: None)()
    return node is not None and (node.op_type == "Shape" or (node.op_type == "Squeeze" and _is_length(node.inputs[0])))
