"""Parameter groups for optimizers: coefficients are vectors, but decay like the matrices that they stand for."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from frformat.torch.regularization.spectral_tensor import spectral_tensors


def parameter_groups(
    model: nn.Module, *, weight_decay: float = 0.0, lr: float | None = None, plain_lr: float | None = None
) -> list[dict[str, Any]]:
    """The trained parameters of a model in groups, as optimizers take them.

    Weight decay is for tensors of rank 2 or more, not for biases and normalization. Rules that go by the rank of a
    parameter put coefficients into the wrong group, since these are vectors whatever they stand for.

    >>> optimizer = torch.optim.AdamW(parameter_groups(model, weight_decay=0.01, lr=0.05, plain_lr=1e-3))

    Args:
        model: a regularized model, or any other.
        weight_decay: of coefficients and weights of tensors of rank 2 or more; all others have 0.
        lr: learning rate of coefficients, which is best larger than that of weights (see
            :func:`frformat.torch.regularize`); None for what the optimizer has.
        plain_lr: learning rate of all others.

    Returns:
        Groups that are not empty, each with its ``name``: ``coefficients`` and ``weights``, which decay, then ``short
        coefficients`` and ``others``, which do not.
    """
    ranks = {id(tensor.coefficients): len(tensor.shape) for tensor in spectral_tensors(model).values()}
    members: dict[tuple[bool, bool], list[Tensor]] = {
        (spectral, matrix): [] for matrix in (True, False) for spectral in (True, False)
    }
    for parameter in model.parameters():
        if parameter.requires_grad:
            spectral = id(parameter) in ranks
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
