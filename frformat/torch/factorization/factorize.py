"""From a model and its coefficients to a model that runs on them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from torch import nn

import frformat
from frformat.format import limits
from frformat.torch.factorization.candidates import Preference, find_candidates
from frformat.torch.factorization.fusion import Fusion
from frformat.torch.factorization.fusion import fuse as fuse_layers
from frformat.torch.factorization.hooks import copied
from frformat.torch.factorization.runs import find_runs, replaced
from frformat.torch.factorization.sources import Weight, from_file, from_model, load_rest
from frformat.torch.factorization.summary import LayerSummary, Summary
from frformat.torch.lowrank.cost import Surroundings
from frformat.torch.lowrank.summaries import attach
from frformat.torch.regularization import spectral_tensors, unregularize
from frformat.torch.regularization.views import Example

StrPath = str | os.PathLike[str]


def factorize(
    model: nn.Module,
    example: Example,
    weights: StrPath | None = None,
    *,
    fuse: bool = True,
    prefer: Preference = "speed",
    tier: int | None = None,
    memory_budget: int = limits.MEMORY_BUDGET,
) -> nn.Module:
    """Return a model for inference that runs on coefficients: most weights are never rebuilt.

    A convolution becomes 1×1 → small core → 1×1, a linear layer two or three thin products. Where factors would cost
    more than the rebuilt weight, that is used; :func:`summary` says which, why, and what each layer costs. With
    ``fuse``, values between layers stay thin (see :mod:`frformat.torch.lowrank.algebra`): batch normalization is
    folded into bases, and all channels exist only for a block of pixels at a time, on their way through an activation
    and a pooling.

    >>> factored = factorize(model, images[:1])                     # of a model that regularize() changed
    >>> with torch.device("meta"):
    ...     skeleton = UNet()                                        # no weights in memory
    >>> factored = factorize(skeleton, images[:1], "unet.frz")
    >>> print(summary(factored))

    The model given is left as it is. Hooks, and forward methods of single modules, go on working in the result: layers
    that have such are not replaced, and models of whose parts some have are not fused.

    The result is in evaluation mode, keeps the names of parameters and buffers, and holds the coefficients of a
    factored layer as its ``weight``, of shape (k,): ``load_state_dict`` and :func:`frformat.torch.load_model` take
    others, and :func:`frformat.torch.save_model` writes them as what they are.
    Without ``fuse`` the result is the model with other layers and can be trained further; a fused one is for inference:
    normalization is as in evaluation mode for good, ``train()`` changes nothing.

    Args:
        model: one that :func:`frformat.torch.regularize` changed; or, with ``weights``, a plain one, best made on the
            meta device so that it takes no memory.
        example: an input (a tensor, a sequence of positional or a mapping of keyword inputs) of the size to choose for.
            Nothing is computed with it; other sizes run as well.
        weights: an ``.frz`` file with the coefficients and all else of a plain model's state dict.
        fuse: whether layers are fused with what is between them, if the model can be traced by :mod:`torch.fx`.
        prefer: what to choose for: the shortest run, or the fewest bytes resident.
        tier: the capacity tier to read from the file; None for the largest that is present.
        memory_budget: bytes that one tensor of the file and its working memory may take.

    Raises:
        ValueError: the model is neither regularized nor is there a file, or it does not run on the example.
        MismatchError: the file and the model do not fit together.
        FrzError: the file is not valid, or does not hold the tier.
        OSError: the file cannot be read.
    """
    if prefer not in ("speed", "memory"):
        raise ValueError(f"prefer={prefer!r} is neither 'speed' nor 'memory'")
    net = copied(model).eval()
    if weights is None:
        given = from_model(net)
        if not spectral_tensors(net):
            raise ValueError(
                f"{type(model).__name__} has no regularized tensor: regularize() it, or name an .frz file as weights"
            )
        net, layers = _factor(net, example, given, fuse, prefer)
    else:
        with frformat.open(weights, tier=tier, memory_budget=memory_budget) as file:
            net, layers = _factor(net, example, from_file(net, file), fuse, prefer)
            load_rest(net, file)
    fusion = fuse_layers(net) if fuse else Fusion(net, problem="not wanted")
    attach(fusion.model, Summary(tuple(layers), fusion.streams, fusion.problem))
    return fusion.model


def _factor(
    net: nn.Module, example: Example, given: Mapping[nn.Module, Weight], fuse: bool, prefer: Preference
) -> tuple[nn.Module, list[LayerSummary]]:
    """Replace layers by factored ones where that pays, in place; say what was done."""
    candidates = list(find_candidates(net, given, find_runs(net, example, given)))
    around = dict.fromkeys((each.name for each in candidates), Surroundings())
    if fuse:  # what is thin if every layer is on all its factors
        best = {each.layer: each.make(each.options[-1]) for each in candidates if each.options}
        net = replaced(net, best)
        fusion = fuse_layers(net)
        around = {name: Surroundings(name in fusion.thin_inputs, name in fusion.thin_outputs) for name in around}
        net = replaced(net, {new: old for old, new in best.items()})
    summaries = [each.choose(around[each.name], prefer) for each in candidates]
    chosen = zip(candidates, summaries, strict=True)
    net = replaced(net, {each.layer: each.make(summary.modes) for each, summary in chosen if summary.modes})
    return unregularize(net), summaries
