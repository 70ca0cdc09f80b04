"""PyTorch's own tools on regularized models: compile, autocast, DistributedDataParallel, averaging."""

from __future__ import annotations

import copy
import os
import shutil

import pytest
import torch
import torch.multiprocessing
from torch import distributed, nn
from torch._dynamo.exc import BackendCompilerFailed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from frformat.torch import decompose, recompose
from frformat.torch.regularization import TailTruncation, regularize, spectra, spectral_tensors, truncate
from tests.sums import same_sums
from tests.torch.regularization.models import Net, net_input

compiler = pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")


def gradients(model, x):
    model.zero_grad()
    out = model(x)
    out.square().sum().backward()
    return [out.detach(), *(parameter.grad.clone() for parameter in model.parameters())]


@compiler
def test_compiled_models_have_the_same_outputs_and_gradients():
    model = regularize(nn.Sequential(nn.Linear(9, 8), nn.Tanh()), 20)
    compiled = torch.compile(model, fullgraph=True)
    x = torch.randn(3, 9)
    try:
        compiled(x)
    except BackendCompilerFailed as error:  # without vector instructions, PyTorch generates invalid C++
        if "CppCompileError" not in str(error):
            raise
        pytest.skip("g++ rejects the code that torch.compile generates for this processor")
    torch.testing.assert_close(gradients(compiled, x), gradients(model, x), rtol=1e-4, atol=1e-5)


def test_compiled_models_follow_truncation():
    model = regularize(Net(), 20, rules=["fc2.weight: keep=9 format=q8"], example=net_input()).eval()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    x = net_input(3)
    for keep in (20, 6):
        truncate(model, keep)
        torch.testing.assert_close(gradients(compiled, x), gradients(model, x), rtol=1e-4, atol=1e-5)


def test_wide_spectra_and_factors_compile_without_a_break():
    model = nn.Sequential(nn.Conv2d(40, 40, 3), nn.Flatten(), nn.Linear(160, 500))
    regularize(model, rules=["0.weight: keep=9", "2.weight: keep=100%"])
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    x = torch.randn(2, 40, 4, 4)
    torch.testing.assert_close(gradients(compiled, x), gradients(model, x), rtol=1e-4, atol=1e-4)


def test_under_autocast_weights_are_rounded_once():
    model = regularize(nn.Linear(60, 50), 90)
    weight = model.weight.detach()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(model.weight, weight)
        out = model(torch.randn(3, 60))
        factors = model(torch.randn(3000, 60))
    assert out.dtype == factors.dtype == torch.bfloat16
    (out.float().sum() + factors.float().sum()).backward()
    assert model.parametrizations.weight.original.grad.dtype == torch.float32


def test_under_autocast_coefficients_and_factors_of_a_trained_model_keep_their_precision():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(60, 50), nn.Linear(50, 40))
    x = torch.randn(3, 60)
    spectral, low = regularize(copy.deepcopy(model), trained=True), decompose(copy.deepcopy(model), 0.5)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(regularize(copy.deepcopy(model), trained=True)[0].weight, spectral[0].weight)
        factors = decompose(copy.deepcopy(model), 0.5)
        plain = recompose(copy.deepcopy(factors))
    torch.testing.assert_close(factors(x), low(x))
    torch.testing.assert_close(plain(x), low(x))


@pytest.mark.parametrize("keep", [90, 1.0])
def test_wide_layers_under_autocast(keep):
    model = regularize(nn.Linear(300, 300), keep)
    x = torch.randn(2, 300)
    with torch.autocast("cpu", torch.bfloat16):
        out = model(x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), model(x), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("keep", [90, 1.0])
def test_embeddings_under_autocast_keep_their_type(keep):
    model, words = regularize(nn.Embedding(300, 60), keep), torch.randint(300, (4, 7))
    with torch.autocast("cpu", torch.bfloat16):
        out = model(words)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, model(words))


def test_training_under_autocast_learns():
    model = regularize(Net(), 20)
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    x, y = net_input(16), torch.arange(16) % 4
    losses = []
    for _ in range(30):
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_averaged_models():
    model = regularize(Net(), 20)
    average = torch.optim.swa_utils.AveragedModel(model)
    average.update_parameters(model)
    same_sums(average.module.fc1.weight, model.fc1.weight, terms=20)


def test_averaged_models_are_truncated_like_the_model():
    model = regularize(Net(), 20)
    schedule = TailTruncation(model, (), by=0.25, minimum=5)
    average = torch.optim.swa_utils.AveragedModel(model)
    while not schedule.finished:
        average.update_parameters(model)
        if schedule.step():
            with pytest.raises(RuntimeError, match="size"):
                copy.deepcopy(average).update_parameters(model)
            truncate(average.module, schedule.kept)
    average.update_parameters(model)
    same_sums(average.module.fc1.weight, model.fc1.weight, terms=20)


def test_per_sample_gradients():
    model = regularize(nn.Linear(5, 3), 6)
    parameters = {name: value.detach() for name, value in model.named_parameters()}
    x = torch.randn(4, 5)

    def loss(parameters, sample):
        return torch.func.functional_call(model, parameters, (sample,)).square().sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(parameters, x)
    model(x).square().sum().backward()
    same_sums(each["parametrizations.weight.original"].sum(0), model.parametrizations.weight.original.grad, 4 * 15)


def steps(model, wrap, x, y):
    """Train, truncate, wrap again and train."""
    wrapped = wrap(model)
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for epoch in range(3):
        if epoch:
            truncate(model, 20 - 6 * epoch, optimizer)
            wrapped = wrap(model)
        for _ in range(2):
            optimizer.zero_grad()
            F.mse_loss(wrapped(x), y).backward()
            optimizer.step()
    return {name: tensor.coefficients.detach() for name, tensor in spectral_tensors(model).items()}


def sharded(model, x):
    """Return the spectra of a sharded model, after checking that it works."""
    expected = model(x)
    fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
    torch.testing.assert_close(model(x), expected)
    model(x).sum().backward()
    with pytest.raises(ValueError, match="truncate before fully_shard"):
        truncate(model, 3)
    return {name: torch.from_numpy(spectrum.coefficients) for name, spectrum in spectra(model).items()}


def data():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.Flatten(), nn.Tanh(), nn.Linear(96, 4)).double()
    regularize(model, 20)
    return model, torch.randn(8, 1, 6, 6).double(), torch.randn(8, 4).double()


def worker(rank, folder):
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    torch.set_num_threads(1)
    model, x, y = data()
    half = slice(4 * rank, 4 * rank + 4)
    result = steps(model, DistributedDataParallel, x[half], y[half])
    torch.save(result, f"{folder}/{rank}.pt")
    torch.save(sharded(model, x), f"{folder}/sharded{rank}.pt")
    distributed.barrier()
    # fully_shard keeps the process group alive, and its threads sometimes abort the interpreter's shutdown.
    os._exit(0)


@pytest.mark.skipif(not distributed.is_available(), reason="PyTorch was built without distributed")
def test_two_processes_equal_one_with_the_same_global_batch(tmp_path, monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    torch.multiprocessing.spawn(worker, (str(tmp_path),), nprocs=2)
    model, x, y = data()
    expected = steps(model, lambda plain: plain, x, y)
    for rank in range(2):
        trained = torch.load(tmp_path / f"{rank}.pt")
        torch.testing.assert_close(trained, expected, rtol=1e-9, atol=1e-9)
        shards = torch.load(tmp_path / f"sharded{rank}.pt")
        torch.testing.assert_close({name: value.double() for name, value in shards.items()}, trained)


def test_copies_train_independently():
    model = regularize(Net(), 20)
    twin = copy.deepcopy(model)
    before = model.fc1.weight.detach().clone()
    optimizer = torch.optim.SGD(twin.parameters(), 0.1)
    gradients(twin, net_input())
    optimizer.step()
    assert torch.equal(model.fc1.weight, before)
    assert not torch.equal(twin.fc1.weight, before)
