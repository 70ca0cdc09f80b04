"""Find the layers of a model in the order in which they run, and the normalization that follows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

from frformat.torch.batch_norm import BATCH_NORMS, owners, reset_statistics, scale
from frformat.torch.compression.recording import Call, Recorder, Site
from frformat.torch.compression.state import overlapping

MARK: Final = "_frz_made_by"
"""Name of the attribute of a layer's output tensor that stores the tensor's origin."""

TOLERANCE: Final = 1e-3
"""Largest accepted change of the outputs by folding, relative to their norm."""

ROUNDINGS: Final = 8
"""The same, in units of the outputs' precision, which matters for half precision."""

DESCRIPTIONS: Final = (int, str, torch.Size, torch.dtype, torch.device, torch.layout)
"""Functions whose results have one of these types do not use the values of tensors."""


@dataclass
class Structure:
    """The layers of a model.

    Attributes:
        sites: weights in the order of their first use.
        calls: number of uses of each site in a run; the largest number if it differs between runs.
        biases: name of each site's bias; None if there is none that can be rounded, or it differs between uses.
        folds: for each site whose output is used only by batch normalization, the path of that module. No other module
            owns a tensor of either.
        positions: number of positions at which each site was applied in a run; the mean over several runs.
        overlapping: names of the tensors that share memory, none of which is a site or a bias.
    """

    sites: list[Site] = field(default_factory=list)
    calls: Counter[Site] = field(default_factory=Counter)
    biases: dict[Site, str | None] = field(default_factory=dict)
    folds: dict[Site, str] = field(default_factory=dict)
    positions: Counter[Site] = field(default_factory=Counter)
    overlapping: list[str] = field(default_factory=list)


class _Made:
    """The origin of a tensor: the layer whose output it is.

    Attributes:
        site: the layer's weights.
        uses: number of functions that use the tensor.
        norm: path of the batch normalization that uses it.
        normal: whether the layer's outputs lie along axis 1, as the channels of batch normalization do.
    """

    def __init__(self, site: Site, out: Tensor) -> None:
        self.site, self.uses, self.norm = site, 0, ""
        self.normal: bool = out.dim() == len(site.form.kernel) + 2


@torch.no_grad()
def structure(model: nn.Module, run: Any, shared: Collection[str] | None = None) -> Structure:
    """Run a model once to find its structure.

    Args:
        model: the model, in evaluation mode.
        run: a function without arguments that runs the model.
        shared: the names of tensors that share memory, if they are known.
    """
    shared = overlapping(model) if shared is None else shared
    found, count = Structure(overlapping=list(shared)), owners(model)
    norms = _norms(model, count, shared)
    made: list[_Made] = []

    def after(call: Call, out: Tensor) -> Tensor:
        use(None, (call.input,), {}, None)
        site = call.site
        if site.name in shared:
            return out
        if site not in found.calls:
            found.sites.append(site)
            found.biases[site] = call.bias
        elif found.biases[site] != call.bias:
            found.biases[site] = None
        found.calls[site] += 1
        found.positions[site] += out.numel() // site.form.outputs // site.form.groups
        made.append(_Made(site, out))
        setattr(out, MARK, made[-1])
        return out

    def use(func: Any, args: Any, kwargs: Any, out: Any) -> None:
        if isinstance(out, DESCRIPTIONS):
            return
        for leaf in tree_leaves((args, kwargs)):
            mark = getattr(leaf, MARK, None) if isinstance(leaf, Tensor) else None
            if mark is not None:
                mark.uses += 1
                if func is F.batch_norm and leaf is args[0] and mark.normal:
                    mark.norm = norms.get(id(args[1]), "")

    with Recorder(model, after=after, other=use):
        run()
    counts = Counter(each.norm for each in made)
    for each in made:
        names = [name for name in (each.site.name, found.biases[each.site]) if name is not None]
        if any(name in shared or count[id(model.get_parameter(name))] != 1 for name in names):
            continue
        whole = (each.site.start, each.site.stop) == (0, len(model.get_parameter(each.site.name)))
        if each.uses == 1 and each.norm and counts[each.norm] == 1 and found.calls[each.site] == 1 and whole:
            found.folds[each.site] = each.norm
    found.biases = {site: None if bias in shared else bias for site, bias in found.biases.items()}
    return found


def structure_of_all(model: nn.Module, runs: Sequence[Callable[[], Any]]) -> Structure:
    """Find the structure of a model whose layers may not all run on the same inputs, as in a mixture of experts.

    Args:
        model: the model, in evaluation mode.
        runs: functions without arguments that each run the model. They are called until all weights have been used.
    """
    missing = {name for name, parameter in model.named_parameters() if parameter.dim() > 1 and parameter.numel()}
    found, total, count = Structure(overlapping=overlapping(model)), Counter[Site](), 0
    missing -= set(found.overlapping)
    for run in runs:
        latest = structure(model, run, found.overlapping)
        _merge(found, latest)
        total += latest.positions
        count += 1
        missing -= {site.name for site in latest.sites}
        if not missing:
            break
    found.positions = Counter({site: -(-total[site] // count) for site in found.sites})
    return found


def _merge(found: Structure, latest: Structure) -> None:
    """Add what another run has shown. Each new site is placed after the site that it followed in that run."""
    known = set(found.sites)
    for site, before in zip(latest.sites, [None, *latest.sites], strict=False):
        if site not in known:
            found.sites.insert(0 if before is None else found.sites.index(before) + 1, site)
            found.biases[site] = latest.biases[site]
        elif found.biases[site] != latest.biases[site]:
            found.biases[site] = None
        same = site not in known or found.folds.get(site) == latest.folds.get(site)
        if same and site in latest.folds:
            found.folds[site] = latest.folds[site]
        elif not same:
            found.folds.pop(site, None)
    found.calls |= latest.calls  # the larger of both numbers
    counts = Counter(found.folds.values())
    found.folds = {site: path for site, path in found.folds.items() if counts[path] == 1}


def _norms(model: nn.Module, count: Counter[int], shared: Collection[str]) -> dict[int, str]:
    """Return the paths of the batch normalizations that can be folded, by the identity of their running means.

    Args:
        model: the model.
        count: see :func:`owners`.
        shared: names of tensors that share memory and must not change.
    """
    found = {}
    for path, module in model.named_modules():
        plain = type(module) in BATCH_NORMS and module.track_running_stats and not module.training
        if not plain or not module.affine or module.running_mean is None:
            continue
        own = module._parameters | module._buffers
        if all(count[id(each)] == 1 and f"{path}.{name}" not in shared for name, each in own.items()):
            found[id(module.running_mean)] = path
    return found


@torch.no_grad()
def fold(model: nn.Module, found: Structure, outputs: Callable[[], Iterable[list[Tensor]]]) -> None:
    """Fold batch normalization into the preceding weights, in place. Each module remains and only adds its bias.

    Its running mean becomes 0, and its running variance and its weight become 1. In evaluation mode, the model still
    computes the same outputs; otherwise nothing is folded, because the model uses these tensors in other ways, too, or
    normalizes only some of its inputs.

    Args:
        model: the model.
        found: its structure; the folded biases, or the absence of folds, is noted there.
        outputs: a function that runs the model on one batch after the other, and yields the outputs.
    """
    if not found.folds:
        return
    changed = [tensor for site, path in found.folds.items() for tensor in _changed(model, found, site, path)]
    before = [tensor.clone() for tensor in changed]
    expected = [[each.detach().cpu() for each in batch] for batch in outputs()]
    biases = dict(found.biases)
    for site, path in found.folds.items():
        _fold_one(model, found, site, path)
    if not _alike(expected, outputs()):
        for tensor, value in zip(changed, before, strict=True):
            tensor.copy_(value)
        found.folds, found.biases = {}, biases


def _changed(model: nn.Module, found: Structure, site: Site, path: str) -> list[Tensor]:
    """Return the tensors that a fold changes."""
    norm, names = model.get_submodule(path), (site.name, found.biases[site])
    own = [model.get_parameter(name) for name in names if name is not None]
    return [*own, *norm.parameters(recurse=False), *norm.buffers(recurse=False)]


def _fold_one(model: nn.Module, found: Structure, site: Site, path: str) -> None:
    norm: Any = model.get_submodule(path)
    weight = model.get_parameter(site.name)
    factor = scale(norm)
    mean = norm.running_mean.double()
    bias = found.biases[site]
    if bias is not None:
        mean = mean - model.get_parameter(bias).double()
        model.get_parameter(bias).zero_()
    norm.bias.copy_(norm.bias.double() - mean * factor)
    factors = (factor * reset_statistics(norm)).cpu().numpy().reshape(site.form.groups, -1, 1)
    matrix = site.form.matrix(weight.double().cpu().numpy())
    weight.copy_(torch.from_numpy(site.form.tensor(matrix * factors)))
    norm.weight.fill_(1)
    found.biases[site] = f"{path}.bias"


def _alike(expected: Sequence[list[Tensor]], batches: Iterable[list[Tensor]]) -> bool:
    """Return whether outputs are the same, apart from the rounding of folded weights."""
    error = energy = 0.0
    tolerance = TOLERANCE
    for one, other in zip(expected, batches, strict=True):
        if [each.shape for each in one] != [each.shape for each in other]:
            return False
        for reference, tensor in zip(one, other, strict=True):
            tolerance = max(tolerance, ROUNDINGS * torch.finfo(tensor.dtype).eps)
            error += float((tensor.detach().cpu().double() - reference.double()).square().sum())
            energy += float(reference.double().square().sum())
    return error <= tolerance**2 * energy
