from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from frformat.torch.lowrank import stream as module
from frformat.torch.lowrank.stream import Pass, activate, stream
from frformat.torch.lowrank.threads import in_parallel

LIMITS = {"hardtanh": [-0.5, 0.7], "leaky_relu": [0.1], "elu": [0.5]}
NAMES = [
    "relu",
    "hardtanh",
    "leaky_relu",
    "elu",
    "sigmoid",
    "tanh",
    "silu",
    "hardswish",
    "gelu",
    "gelu_tanh",
    "identity",
]


@st.composite
def calls(draw):
    """Draw the arguments of a call, with blocks small enough that several are needed."""
    last = draw(st.booleans())
    axes = draw(st.integers(0 if last else 1, 3))
    channels, rank = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    sizes = [draw(st.integers(1, 7)) for _ in range(axes)]
    n = draw(st.integers(1, 2))
    z = torch.randn([n, *sizes, rank] if last else [n, rank, *sizes], dtype=torch.float64)
    pooled = [draw(st.booleans()) and not last for _ in range(draw(st.integers(1, 3)))]
    window = [draw(st.integers(1, min(size, 3))) for size in sizes] if any(pooled) else []
    projections = [torch.randn(draw(st.integers(1, 5)), channels, dtype=torch.float64) for _ in pooled]
    basis, name = torch.randn(channels, rank, dtype=torch.float64), draw(st.sampled_from(NAMES))
    how = Pass(name, LIMITS.get(name, []), projections, pooled, window, last)
    return (z, basis, how), draw(st.integers(1, 200))


@given(calls(), st.integers(1, 3))
def test_blocks_yield_the_same_as_the_whole(call, threads):
    args, block = call
    torch.set_num_threads(threads)
    for ours, expected in zip(stream(*args, block), module._whole(*args), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)


@given(calls())
def test_torchscript_yields_the_same_result(call):
    args, block = call
    for ours, expected in zip(_SCRIPTED(*args, block), stream(*args, block), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    _SCRIPTED = torch.jit.script(stream)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30, -1e30])
def test_extreme_values_pass_like_those_of_the_whole(value):
    z, basis = torch.randn(1, 2, 6, 4), torch.eye(2)
    z[0, 0, 3, 1] = value
    how = Pass("relu", [], [torch.eye(2)[:1], torch.eye(2)[:1]], [True, False], [2, 2], False)
    for run in (stream, _SCRIPTED):
        for ours, expected in zip(run(z, basis, how, 8), module._whole(z, basis, how), strict=True):
            torch.testing.assert_close(ours, expected, equal_nan=True)


@given(calls())
def test_gradients(call):
    args, block = call
    z, basis = args[0].requires_grad_(), args[1]
    sum(each.square().sum() for each in stream(*args, block)).backward()
    direct = z.detach().clone().requires_grad_()
    sum(each.square().sum() for each in module._whole(direct, basis, *args[2:])).backward()
    torch.testing.assert_close(z.grad, direct.grad)


@pytest.mark.parametrize(
    ("size", "window"), [((200, 100), []), ((200, 100), [2, 3]), ((7, 5000), [2, 2]), ((5000, 7), [3, 2])]
)
def test_only_some_channels_exist_at_a_time(monkeypatch, size, window):
    largest = 0

    def watch(y, *args):
        nonlocal largest
        largest = max(largest, y.numel())
        return activate(y, *args)

    monkeypatch.setattr(module, "activate", watch)
    z, basis = torch.randn(2, 4, *size), torch.randn(64, 4)
    stream(z, basis, Pass("relu", [], [torch.randn(4, 64)], [window != []], window, False))
    assert module.BLOCK / 2 < largest <= module.BLOCK


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_block_runs_once_and_torchs_thread_count_is_kept(threads):
    torch.set_num_threads(threads)
    done = []
    in_parallel(37, lambda first, end: done.extend(range(first, end)))
    assert sorted(done) == list(range(37))
    assert torch.get_num_threads() == threads


def test_an_error_in_a_block_is_raised():
    torch.set_num_threads(2)

    def fail(first, end):
        raise ArithmeticError(first)

    with pytest.raises(ArithmeticError):
        in_parallel(10, fail)
