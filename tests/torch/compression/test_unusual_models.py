"""Models that draw random numbers, change their inputs, turn off gradients, and so on."""

from __future__ import annotations

import copy
from collections import UserDict
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from frformat.torch import CompressionError, compress, load_model
from frformat.torch.compression.inputs import runs
from frformat.torch.compression.outputs import Outputs
from tests.torch.compression.models import VECTORS, Perceptron, scaled


def loss(model: nn.Module, other: nn.Module, batches: list[Any], outputs: str = "auto") -> float:
    """Return the mean distance of the outputs of two models, as ``compress`` reports it."""
    with torch.no_grad():
        losses = [Outputs(outputs).distance(run(model), run(other)) for run in runs(batches)]
    return sum(losses) / len(losses)


class ChangesItsInput(Perceptron):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x.sub_(0.1).mul_(1.5))


def test_inputs_are_not_changed():
    batches = copy.deepcopy(VECTORS)
    given = torch.randn(64, 16, requires_grad=True)
    model = scaled(ChangesItsInput())
    found = compress(model, batches=batches, quality=4)
    assert all(torch.equal(one, other) for one, other in zip(batches, VECTORS, strict=True))
    assert found.model is not None
    assert loss(model, found.model, VECTORS) == pytest.approx(found.point.loss, rel=0.02)
    compress(scaled(Perceptron()), batches=[given], quality=4)
    assert given.grad is None


class Draws(Perceptron):
    def forward(self, x: Tensor) -> Any:
        features = self.features(x)
        return self.head(features + torch.randn_like(features) * 3)


def test_random_numbers_of_the_model_are_the_same_in_each_run():
    torch.manual_seed(1)
    model, state = scaled(Draws()), torch.get_rng_state()
    found = compress(model, batches=VECTORS, quality=6)
    assert torch.equal(torch.get_rng_state(), state)
    assert found.model is not None
    assert found.point.loss < 0.03
    assert loss(model, found.model, VECTORS) == pytest.approx(found.point.loss, rel=0.02)


@dataclass
class Answer:
    logits: Tensor
    hidden: tuple[Tensor, Tensor]


class Returns(Perceptron):
    def __init__(self, what: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.what = what

    def forward(self, x: Tensor) -> Any:
        features = self.features(x)
        return self.what(features, self.head(features))


@pytest.mark.parametrize(
    "what",
    [
        lambda features, out: Answer(out, (features, features[:, :2])),
        lambda features, out: UserDict(logits=out),
        lambda features, out: out.square().mean(),
        lambda features, out: (out, out[:0]),
        lambda features, out: torch.complex(out, features[:, :6]),
    ],
)
def test_outputs_of_any_type(what: Any):
    model = scaled(Returns(what))
    found = compress(model, batches=VECTORS, quality=5)
    assert found.model is not None
    assert 0 < found.point.loss < 0.1
    assert loss(model, found.model, VECTORS) == pytest.approx(found.point.loss, rel=0.02)


def test_outputs_whose_shapes_depend_on_the_weights_are_refused():
    with pytest.raises(CompressionError, match="shapes of the model's outputs depend on its weights"):
        compress(scaled(Returns(lambda features, out: out[out > 0])), batches=VECTORS, quality=1)


def test_batches_can_be_any_mapping():
    batches = [UserDict(x=each) for each in VECTORS]
    model = scaled(Perceptron())
    assert compress(model, batches=batches, quality=3).data == compress(model, batches=VECTORS, quality=3).data


class Frozen(Perceptron):
    def forward(self, x: Tensor) -> Any:
        with torch.no_grad():
            features = self.features(x)
        return self.head(features)


class Checkpointed(Perceptron):
    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Any:
        first = self.first(x)
        return self.head(checkpoint(lambda y: self.second(y.relu()).relu(), first, use_reentrant=self.reentrant))


class Converts(Perceptron):
    def forward(self, x: Tensor) -> Any:
        features = self.features(x)
        assert features.numpy().shape == (len(x), 32)
        return self.head(features)


@pytest.mark.parametrize(
    "kind",
    [Frozen, lambda: Checkpointed(True), lambda: Checkpointed(False), Converts],
)
def test_gradients_are_available_where_the_model_turns_them_off(kind: Any):
    torch.manual_seed(2)
    model, plain = scaled(kind()), scaled(Perceptron())
    plain.load_state_dict(model.state_dict())
    assert compress(model, batches=VECTORS, quality=5).data == compress(plain, batches=VECTORS, quality=5).data


def test_inference_mode_around_the_call():
    with torch.inference_mode():
        model = scaled(Perceptron())
        found = compress(model, batches=[each + 0 for each in VECTORS], quality=5)
    assert found.data == compress(copy.deepcopy(model), batches=VECTORS, quality=5).data


class Noise(nn.Module):
    """The last step of a diffusion model: the smallest noise level divides by a difference of two close numbers."""

    def __init__(self) -> None:
        super().__init__()
        levels = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 200), 0)
        self.register_buffer("levels", levels)
        self.register_buffer("table", torch.outer(torch.arange(200.0), 10000 ** (-torch.arange(8) / 8)).sin())
        self.first, self.second = nn.Linear(24, 32), nn.Linear(32, 16)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        hidden = self.first(torch.cat([x, self.table[t]], 1)).relu()
        out: Tensor = x - self.second(hidden) / (1 - self.levels[t])[:, None].sqrt() / 100
        return out


@pytest.mark.parametrize("calibrated", [False, True])
def test_buffers_of_unknown_purpose_are_exact(calibrated: bool, tmp_path: Path):
    torch.manual_seed(6)
    model = scaled(Noise())
    batches = [(x, torch.randint(1, 200, (64,))) for x in VECTORS] if calibrated else None
    found = compress(model, tmp_path / "a.frz", batches, quality=6)
    back = Noise().eval()
    load_model(back, tmp_path / "a.frz")
    assert torch.equal(back.levels, model.levels)
    assert found.model is not None
    assert torch.equal(back.table, found.model.get_buffer("table"))
    assert bool(back(VECTORS[0], torch.zeros(64, dtype=torch.long)).isfinite().all())


class Amplified(Perceptron):
    """Subtracts two almost equal rows of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.rand(3, 16) + torch.tensor([0.0, 100.0, 0.0])[:, None])

    def forward(self, x: Tensor) -> Any:
        return super().forward(x * (self.table[1] - 100))


def test_the_stated_loss_includes_tensors_that_no_layer_uses():
    torch.manual_seed(7)
    model = scaled(Amplified())
    found = compress(model, batches=VECTORS, quality=9)
    assert found.model is not None
    assert found.point.loss < 0.002
    assert loss(model, found.model, VECTORS) == pytest.approx(found.point.loss, rel=0.02)


class Grouped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            parametrizations.spectral_norm(nn.Linear(16, 32)), nn.ReLU(), parametrizations.weight_norm(nn.Linear(32, 6))
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out


def test_models_whose_weights_are_all_computed():
    model = scaled(Grouped())
    found = compress(model, batches=VECTORS, quality=6)
    assert found.model is not None
    assert found.point.loss < 0.03
    assert loss(model, found.model, VECTORS) == pytest.approx(found.point.loss, rel=0.02)
    assert any("parametrizations.weight.original" in note for note in found.notes)


def test_a_backward_pass_that_fails_is_reported():
    class Refuses(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            raise ValueError("not\nimplemented")

    class Custom(Perceptron):
        def forward(self, x: Tensor) -> Any:
            return self.head(Refuses.apply(self.features(x)))

    with pytest.raises(CompressionError, match="cannot be differentiated: ValueError: not implemented"):
        compress(Custom(), batches=VECTORS)


class Counts(Perceptron):
    """Changes its buffers whenever it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("runs", torch.zeros((), dtype=torch.long))
        self.register_buffer("mean", torch.zeros(16))

    def forward(self, x: Tensor) -> Any:
        self.runs += 1
        self.mean = self.mean.lerp(x.mean(0), 0.1)
        return super().forward(x - self.mean)


@pytest.mark.parametrize("limits", [{"quality": 5}, {"max_drop": 20}])
def test_runs_leave_no_traces_in_buffers(limits: dict[str, float], tmp_path: Path):
    model = scaled(Counts())
    found = compress(model, tmp_path / "a.frz", VECTORS, **limits)
    back = Counts()
    load_model(back, tmp_path / "a.frz")
    assert found.model is not None
    for each in (model, back, found.model):
        assert int(each.get_buffer("runs")) == 0
        assert not each.get_buffer("mean").any()


FACTOR: ContextVar[float] = ContextVar("factor")


class Contextual(Perceptron):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x) * FACTOR.get()


def test_context_variables_of_the_caller():
    FACTOR.set(2)
    assert compress(scaled(Contextual()), batches=VECTORS, quality=5).point.loss < 0.1


@pytest.mark.parametrize("model", [nn.Sequential(nn.LazyLinear(3)), nn.Sequential(nn.Linear(3, 4, device="meta"))])
def test_models_without_values_are_refused(model: nn.Module):
    with pytest.raises(CompressionError, match="weight has no values yet"):
        compress(model, quality=3)


@pytest.mark.filterwarnings("ignore:.*is deprecated:FutureWarning:torch")
def test_scripted_models_are_refused():
    scripted = torch.jit.script(nn.Linear(3, 4))
    for model in (scripted, nn.Sequential(scripted)):
        with pytest.raises(CompressionError, match="TorchScript"):
            compress(model, quality=3)


def test_linear_layers_of_computed_weights_stay_guessed():
    class Standardized(Perceptron):
        def forward(self, x: Tensor) -> Any:
            weight = self.first.weight - self.first.weight.mean(1, keepdim=True)
            return self.head(self.second(F.linear(x, weight).relu()).relu())

    found = compress(scaled(Standardized()), batches=VECTORS, quality=6)
    assert found.point.loss < 0.03
    assert any("first.weight as weights: rounded as if" in note for note in found.notes)


def test_layers_that_receive_one_vector_at_a_time():
    class Rows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(16, 8)

        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([self.layer(row) for row in x])

    torch.manual_seed(0)
    assert compress(Rows(), None, VECTORS, outputs="values").point.loss < 0.02
