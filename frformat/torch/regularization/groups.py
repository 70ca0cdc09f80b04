"""Parameter groups for optimizers: coefficients are vectors, but decay like the matrices that they represent."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from frformat.torch.live_norm import live_norms
from frformat.torch.quantized import stepped
from frformat.torch.regularization.spectral_tensor import spectral_tensors
from frformat.torch.regularization.tiers import statistics


def parameter_groups(
    model: nn.Module, *, weight_decay: float = 0.0, lr: float | None = None, plain_lr: float | None = None
) -> list[dict[str, Any]]:
    """Return a model's trained parameters in groups for an optimizer.

    Weight decay applies to tensors of rank 2 or more, not to biases and normalization. Rules based on a parameter's
    rank put coefficients into the wrong group, because these are always vectors.

    >>> optimizer = torch.optim.AdamW(parameter_groups(model, weight_decay=0.01, lr=0.05, plain_lr=1e-3))

    Args:
        model: a regularized model, one with quantized weights, or any other.
        weight_decay: weight decay of coefficients and weights of tensors of rank 2 or more; all others have 0.
        lr: learning rate of coefficients, which should be larger than that of weights (see
            :func:`frformat.torch.regularize` and :func:`frformat.torch.load_quantized`); None uses the optimizer's.
        plain_lr: learning rate of all other parameters.

    Returns:
        The nonempty groups, each with its ``name``: ``coefficients`` and ``weights``, which decay, then ``short
        coefficients`` (with learned quantization steps, and the levels of batch normalization that
        :func:`frformat.torch.load_quantized` keeps alive) and ``others``, which do not.
    """
    coefficients = {id(tensor.coefficients): len(tensor.shape) for tensor in spectral_tensors(model).values()}
    coefficients |= {id(parameter): parameter.dim() for parameter in stepped(model)}
    rows = {id(held.original): held.original.dim() - 1 for held in statistics(model).values()}  # one for each tier
    ranks = coefficients | rows
    levels = {id(tensor.spectral.level) for tensor in spectral_tensors(model).values()}
    levels |= {id(live.level) for _, live in live_norms(model).values()}
    members: dict[tuple[bool, bool], list[Tensor]] = {
        (spectral, matrix): [] for matrix in (True, False) for spectral in (True, False)
    }
    for parameter in model.parameters():
        if parameter.requires_grad:
            spectral = id(parameter) in coefficients or id(parameter) in levels
            members[spectral, ranks.get(id(parameter), parameter.dim()) >= 2].append(parameter)
    names = {
        (True, True): "coefficients",
        (False, True): "weights",
        (True, False): "short coefficients",
        (False, False): "others",
    }
    groups = []
    for (spectral, matrix), parameters in members.items():
        rate = lr if spectral else plain_lr
        if parameters:
            group = {
                "name": names[spectral, matrix],
                "params": parameters,
                "weight_decay": weight_decay if matrix else 0.0,
            }
            groups.append(group if rate is None else {**group, "lr": rate})
    return groups
