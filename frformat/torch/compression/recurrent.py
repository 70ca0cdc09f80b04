"""Run recurrent layers step by step, so that each use of their weights can be observed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional as F

State = tuple[Tensor, ...]
Weights = Sequence[Tensor]
Gates = Callable[[Tensor, Tensor, State], State]


def _lstm(x: Tensor, h: Tensor, state: State) -> State:
    into, forget, cell, out = (x + h).chunk(4, -1)
    memory = forget.sigmoid() * state[1] + into.sigmoid() * cell.tanh()
    return out.sigmoid() * memory.tanh(), memory


def _gru(x: Tensor, h: Tensor, state: State) -> State:
    (x_reset, x_update, x_new), (h_reset, h_update, h_new) = x.chunk(3, -1), h.chunk(3, -1)
    new = (x_new + (x_reset + h_reset).sigmoid() * h_new).tanh()
    return (new + (x_update + h_update).sigmoid() * (state[0] - new),)


def _tanh(x: Tensor, h: Tensor, state: State) -> State:
    return ((x + h).tanh(),)


def _relu(x: Tensor, h: Tensor, state: State) -> State:
    return ((x + h).relu(),)


GATES: Final[dict[Any, Gates]] = {
    torch.lstm: _lstm,
    torch.gru: _gru,
    torch.rnn_tanh: _tanh,
    torch.rnn_relu: _relu,
}
"""For each recurrent layer, the function that computes its next state.

The arguments are the products of the weights with the input and with the previous output, and the previous state.
"""

CELLS: Final[dict[Any, Gates]] = {
    torch.lstm_cell: _lstm,
    torch.gru_cell: _gru,
    torch.rnn_tanh_cell: _tanh,
    torch.rnn_relu_cell: _relu,
}
"""The same functions for layers that compute a single time step."""


def divisible(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Return whether :func:`steps` supports a call.

    The function must be a recurrent layer, without keyword arguments, without dropout, and with a nonempty input.
    """
    if kwargs or func not in GATES:
        return func in CELLS and not kwargs
    dropout, training = args[_weights_at(args) + 3 : _weights_at(args) + 5]
    return not (dropout and training) and args[0].numel() > 0


def steps(func: Any, args: Sequence[Any]) -> Any:
    """Return the result of a recurrent layer, computed with :func:`torch.nn.functional.linear`.

    Args:
        func: a key of :data:`GATES` or :data:`CELLS`.
        args: its arguments, for which :func:`divisible` must return True.

    Returns:
        The same as ``func``, up to rounding errors.
    """
    if func in CELLS:
        x, state, *weights = args
        biases = weights[2:] or (None, None)
        last = _step(CELLS[func], F.linear(x, weights[0], biases[0]), _states(state), (*weights[:2], *biases))
        return last if func is torch.lstm_cell else last[0]
    weights, biased, layers, _, _, both = args[_weights_at(args) :][:6]
    state = _states(args[_weights_at(args) - 1])
    own = _by_direction(weights, biased, layers, both)
    if _weights_at(args) == 3:
        out, last = _layers(GATES[func], args[0], args[1].tolist(), state, own, both)
        return (out, *last)
    x = args[0].transpose(0, 1) if args[-1] else args[0]
    out, last = _layers(GATES[func], x.reshape(-1, x.shape[-1]), [x.shape[1]] * len(x), state, own, both)
    out = out.reshape(len(x), -1, out.shape[-1])
    return (out.transpose(0, 1) if args[-1] else out, *last)


def _weights_at(args: Sequence[Any]) -> int:
    """Return the index of the weights among the arguments: 3 for packed sequences, and 2 otherwise."""
    return 3 if isinstance(args[3], list | tuple) else 2


def _states(state: Any) -> State:
    return tuple(state) if isinstance(state, list | tuple) else (state,)


def _by_direction(weights: Weights, biased: bool, layers: int, both: bool) -> list[list[Tensor | None]]:
    """Return, by layer and direction, the input weights, the state weights, both biases, and a projection or None."""
    each = len(weights) // (layers * (1 + both))
    found = []
    for begin in range(0, len(weights), each):
        own: list[Tensor | None] = list(weights[begin : begin + each])
        matrices, biases = (own[:2], own[2:4]) if biased else (own[:2], [None, None])
        projection = own[4:] if biased else own[2:]
        found.append([*matrices, *biases, *(projection or [None])])
    return found


def _layers(
    gates: Gates, data: Tensor, counts: list[int], state: State, weights: list[list[Tensor | None]], both: bool
) -> tuple[Tensor, State]:
    """Run all layers on the concatenated samples of all time steps; return the outputs and the final states."""
    last = []
    directions = 2 if both else 1
    for layer in range(len(weights) // directions):
        outs = []
        for backward in range(directions):
            number = layer * directions + backward
            start = tuple(each[number] for each in state)
            out, end = _direction(gates, data, counts, start, weights[number], backward=bool(backward))
            outs.append(out)
            last.append(end)
        data = torch.cat(outs, -1)
    return data, tuple(torch.stack(each) for each in zip(*last, strict=True))


def _direction(
    gates: Gates, data: Tensor, counts: list[int], state: State, weights: Any, *, backward: bool
) -> tuple[Tensor, State]:
    """Run one layer in one direction. Longer sequences come first, so the number of samples never increases."""
    products: Any = torch.split(F.linear(data, weights[0], weights[2]), counts)
    outs: list[Any] = [None] * len(counts)
    for t in reversed(range(len(counts))) if backward else range(len(counts)):
        n = counts[t]
        new = _step(gates, products[t], tuple(each[:n] for each in state), weights)
        outs[t] = new[0]
        state = tuple(torch.cat([own, old[n:]]) if n < len(old) else own for own, old in zip(new, state, strict=True))
    return torch.cat(outs), state


def _step(gates: Gates, product: Tensor, state: State, weights: Any) -> State:
    found = gates(product, F.linear(state[0], weights[1], weights[3]), state)
    projection = weights[4] if len(weights) > 4 else None
    return found if projection is None else (F.linear(found[0], projection), *found[1:])
