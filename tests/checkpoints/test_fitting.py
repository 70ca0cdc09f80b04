"""Messages about checkpoints that do not fit a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from frformat.checkpoints.fitting import load_into, misfit
from tests.versioned import Versioned


def test_weights_that_fit_are_copied():
    model = nn.Linear(2, 1)
    load_into(model, {"weight": np.array([[1, 2]], np.float32), "bias": np.array([3], np.float32)})
    assert model.weight.tolist() == [[1, 2]]
    assert model.bias.tolist() == [3]


def test_a_message_names_only_the_first_of_many_names():
    assert misfit({f"a{n}": [] for n in range(9)}, {}) == "not in the model: a0, a1, a2, a3, a4 and 4 more"


def test_a_prefix_of_all_names_is_reported_first():
    stored = {"model.weight": [1, 2], "model.bias": [1]}
    with pytest.raises(ValueError, match=r"^remove the prefix 'model\.' from the names in the file; not in the model"):
        load_into(nn.Linear(2, 1), {name: np.zeros(shape, np.float32) for name, shape in stored.items()})
    assert "prefix" not in misfit(stored | {"other": []}, {"weight": [1, 2], "bias": [1]})


def test_other_shapes_are_shown_with_those_of_the_model():
    with pytest.raises(ValueError, match=r"^weight: shape \[1, 3\] in the file, \[1, 2\] in the model$"):
        load_into(nn.Linear(2, 1), {"weight": np.zeros((1, 3), np.float32), "bias": np.zeros(1, np.float32)})


def test_lazy_parameters_have_no_shape_to_compare():
    with pytest.raises(ValueError, match=r"^not in the model: other$"):
        load_into(nn.LazyLinear(1), {"weight": np.zeros((1, 3)), "bias": np.zeros(1), "other": np.zeros(1)})


class Typed(nn.Module):
    """A layer with a half-precision weight, tied to another one, and a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = (nn.Linear(2, 1, bias=False).half() for _ in range(2))
        self.other.weight = self.one.weight
        self.register_buffer("steps", torch.tensor(7, dtype=torch.int32))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"one.weight": [[1e5, 1]], "other.weight": [[1e5, 1]]}, "one.weight: values up to 1e\\+05 exceed the range"),
        ({"steps": 1.5}, "steps: torch.float64 in the file, torch.int32 in the model"),
        ({"steps": 2**40}, "steps: torch.int64 in the file, torch.int32 in the model"),
        ({"other.weight": [[3.0, 4.0]]}, "one.weight, other.weight: one tensor in the model, but two that differ"),
    ],
)
def test_values_that_the_model_cannot_hold_are_reported(changes, reason):
    model = Typed()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    whole = {"one.weight": [[1.0, 2.0]], "other.weight": [[1.0, 2.0]], "steps": 3}
    with pytest.raises(ValueError, match=reason):
        load_into(model, {name: np.array(value) for name, value in (whole | changes).items()})
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    load_into(model, {name: np.array(value) for name, value in whole.items()})
    assert model.steps == 3
    assert model.one.weight.tolist() == [[1.0, 2.0]]


def test_state_dicts_have_the_version_of_the_model():
    model = nn.Sequential(Versioned(2, 2, bias=False), nn.BatchNorm1d(2))
    arrays = {name: value.numpy() for name, value in model.state_dict().items()}
    arrays["0.weight"] = np.array([[1, 2], [3, 4]], np.float32)
    load_into(model, arrays)
    assert model[0].weight.tolist() == [[1, 2], [3, 4]]
    model[1].num_batches_tracked.fill_(5)
    del arrays["1.num_batches_tracked"]  # as in checkpoints from before PyTorch 0.4.1
    load_into(model, arrays)
    assert model[1].num_batches_tracked == 0
