"""Turn a model and its coefficients into a model that runs on them."""

from __future__ import annotations

import os
from collections.abc import Mapping

import torch
from torch import nn

import frformat
from frformat import FrzFile
from frformat.format import limits
from frformat.format.reader import Source
from frformat.torch.factorization.candidates import Preference, find_candidates
from frformat.torch.factorization.fusion import Fusion
from frformat.torch.factorization.fusion import fuse as fuse_layers
from frformat.torch.factorization.hooks import copied
from frformat.torch.factorization.runs import find_runs, replaced, run_parts
from frformat.torch.factorization.sources import Weight, from_file, from_model, load_rest
from frformat.torch.factorization.summary import LayerSummary, Summary
from frformat.torch.lowrank.cost import Surroundings
from frformat.torch.lowrank.summaries import attach
from frformat.torch.lowrank.tucker import tucker_tensors
from frformat.torch.matching import Way
from frformat.torch.models import matched
from frformat.torch.regularization import spectral_tensors, unregularize
from frformat.torch.regularization.regularize import recompose
from frformat.torch.regularization.views import Example
from frformat.torch.wrappers import unwrap, unwrapped

StrPath = str | os.PathLike[str]


@torch.inference_mode(False)  # the result can run in any mode
def factorize(
    model: nn.Module,
    example: Example,
    weights: StrPath | None = None,
    *,
    fuse: bool = True,
    prefer: Preference = "speed",
    tier: int | None = None,
    memory_budget: int = limits.MEMORY_BUDGET,
    base: Source | FrzFile | None = None,
) -> nn.Module:
    """Return an inference model that runs on coefficients and never rebuilds most of its weights.

    A convolution becomes 1×1 → small core → 1×1, and a linear layer two or three thin products. A layer for which
    factors would cost more uses its rebuilt weight; :func:`frformat.torch.summary` shows the choices, their reasons and
    each layer's cost. Coefficients are those of spectra (:func:`frformat.torch.regularize`), or cores and factors
    (:func:`frformat.torch.decompose`). With ``fuse``, values stay thin between layers with spectra (see
    :mod:`frformat.torch.lowrank.algebra`): batch normalization is folded into bases, and the full set of channels
    exists only for one block of pixels at a time, while an activation and pooling are applied.

    >>> factored = factorize(model, images[:1])                     # of a model that regularize() changed
    >>> with torch.device("meta"):
    ...     skeleton = UNet()                                        # no weights in memory
    >>> factored = factorize(skeleton, images[:1], "unet.frz")
    >>> print(summary(factored))

    The given model is left unchanged. Hooks, and forward methods of individual modules, keep working in the result:
    layers with such additions are not replaced, and models in which a container has them are not fused.

    The result is in evaluation mode and keeps the names of parameters and buffers. A factored layer's ``weight`` is the
    vector of its coefficients, shape (k,); see :meth:`frformat.FrzFile.coefficients`. ``load_state_dict`` and
    :func:`frformat.torch.load_model` accept different coefficients, and :func:`frformat.torch.save_model` writes them
    in the form in which they were stored. The metadata of its state dict, which ``torch.save`` keeps and a copy such as
    ``dict(state)`` does not, records what the coefficients describe, for ``save_file`` and ``frformat encode``. Without
    ``fuse``, the result is the model with some layers replaced, and can be trained further. A fused model is for
    inference only: its normalization stays in evaluation mode, and ``train()`` has no effect. It computes in its own
    type even under autocast.

    Args:
        model: a model that :func:`frformat.torch.regularize` or :func:`frformat.torch.decompose` changed. With
            ``weights``, any model; best a plain one, created on the meta device so that it takes no memory. Wrappers,
            such as torch.compile's, are not part of the result.
        example: an input (a tensor, a sequence of positional inputs, or a mapping of keyword inputs) of the size to
            optimize for. Only its shape matters; other sizes work as well.
        weights: an ``.frz`` file with the coefficients and everything else in a plain model's state dict.
        fuse: whether to fuse layers with the operations between them, if :mod:`torch.fx` can trace the model and the
            trace does on the example what the model does. Optional inputs that the example contains become required.
        prefer: optimize for the shortest run (``speed``), or for the fewest resident bytes (``memory``).
        tier: the capacity tier to read from the file; None means the largest that is present.
        memory_budget: bytes that one tensor of the file and its working memory may take.
        base: the base of a delta file; see :func:`frformat.open`.

    Raises:
        ValueError: the model has no coefficients and no file is given, or it does not run on the example.
        MismatchError: the file and the model do not match, or values are too large for the model's type.
        FrzError: the file is not valid, the tier is not present, or the base is missing or is a different file.
        OSError: the file cannot be read.

    Warns:
        UserWarning: small values become zeros in the model's type.
    """
    if prefer not in ("speed", "memory"):
        raise ValueError(f"prefer={prefer!r} is neither 'speed' nor 'memory'")
    net = unwrap(copied(unwrapped(model))).eval()
    if weights is None:
        given = from_model(net)
        if not spectral_tensors(net) and not tucker_tensors(net):
            raise ValueError(
                f"{type(model).__name__} has neither coefficients nor factors: call regularize() or decompose(), or "
                "pass an .frz file as weights"
            )
        net, layers = _factor(net, example, given, fuse, prefer)
    else:
        net = recompose(unregularize(net))  # the file replaces its coefficients and factors
        with frformat.open(weights, tier=tier, memory_budget=memory_budget, base=base) as file:
            matched(net, file, weights, Way(assign=True), strict=True)
            net, layers = _factor(net, example, from_file(net, file), fuse, prefer)
            load_rest(net, file)
    fusion = fuse_layers(net, example) if fuse else Fusion(net, problem="not requested")
    attach(fusion.model, Summary(tuple(layers), fusion.streams, fusion.problem))
    return fusion.model


def _factor(
    net: nn.Module, example: Example, given: Mapping[nn.Module, Weight], fuse: bool, prefer: Preference
) -> tuple[nn.Module, list[LayerSummary]]:
    """Replace layers in place with factored ones where that reduces the cost, and return a summary."""
    candidates = list(find_candidates(net, given, find_runs(net, example, given)))
    around = dict.fromkeys((each.name for each in candidates), Surroundings())
    if fuse:  # use all factors everywhere, to find out which values are thin
        best = {each.layer: each.make(each.options[-1]) for each in candidates if each.options}
        net = replaced(net, best)
        fusion = fuse_layers(net)
        around = {name: Surroundings(name in fusion.thin_inputs, name in fusion.thin_outputs) for name in around}
        net = replaced(net, {new: old for old, new in best.items()})
    summaries = [each.choose(around[each.name], prefer) for each in candidates]
    chosen = zip(candidates, summaries, strict=True)
    net = replaced(net, {each.layer: each.make(summary.modes) for each, summary in chosen if summary.modes})
    run_parts(net)
    return recompose(unregularize(net)), summaries
