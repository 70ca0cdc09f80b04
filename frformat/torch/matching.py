"""Match the tensors of a file with those of a module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import ParametrizationList

from frformat import FrzFile, TensorInfo
from frformat.checkpoints import precision
from frformat.checkpoints.fitting import BATCHES
from frformat.checkpoints.torch_tensors import TORCH_DTYPES, aliases, to_torch
from frformat.checkpoints.wrappers import AMBIGUOUS, COUNTER, MARKERS
from frformat.torch import memory, wrappers
from frformat.torch.corners import corner_of, cornered
from frformat.torch.lowrank import tucker_files
from frformat.torch.lowrank.layers import Coded, coded
from frformat.torch.lowrank.tucker import tucker_tensors
from frformat.torch.quantized import quantized_tensors
from frformat.torch.regularization.parametrization import EXTRA, spectral_of
from frformat.torch.regularization.spectral_tensor import is_sharded, places
from frformat.torch.regularization.state import plain_state
from frformat.torch.regularization.tiers import statistics
from frformat.wording import count


class Difference(NamedTuple):
    """Names that occur only in the file or only in the model.

    Attributes:
        missing: names in the model that are not in the file; their tensors are left unchanged.
        unexpected: names in the file that are not in the model; they are not read.
    """

    missing: list[str]
    unexpected: list[str]


@dataclass(frozen=True)
class Target:
    """The destination of a tensor of the file.

    Attributes:
        path: its name in the model.
        tensor: the tensor as the model's users see it, or its coefficients; any object if it is not a tensor.
        held: the object that manages its coefficients, if it is regularized.
        own: whether it is a parameter or buffer, so that writing to it changes the model.
        extra: the module that receives it through ``set_extra_state``, if it is an extra state.
        coded: the tensor that its coefficients describe, if it is the parameter of a factored layer.
        tucker: the object that manages its core and factors, if it is in Tucker form.
        quantized: whether it consists of coefficients that are rounded as another file stores them.
    """

    path: str
    tensor: Any
    held: ParametrizationList | None = None
    own: bool = True
    extra: nn.Module | None = None
    coded: Coded | None = None
    tucker: ParametrizationList | None = None
    quantized: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it is an extra state that the module does not have yet, but may receive."""
        return self.extra is not None and self.tensor is None

    def read(self, file: FrzFile, source: str) -> Tensor:
        """Read the tensor of the file in the form that the target needs."""
        if self.held is None and self.coded is None:
            whole = to_torch(file[source])
            return whole[corner_of(tuple(self.tensor.shape))] if _is_narrow(file, source, self.tensor) else whole
        return to_torch(file.coefficients(source))


@dataclass(frozen=True)
class Way:
    """Options for transferring tensors to the model.

    Attributes:
        assign: replace the model's tensors instead of copying into them.
        device: with ``assign``, the device of the tensors; None means the device of the model's tensors.
        dtype: the type of floating-point tensors; None means the type of the model's tensors.
    """

    assign: bool = False
    device: torch.device | str | None = None
    dtype: torch.dtype | None = None

    def dtype_for(self, tensor: Tensor) -> torch.dtype:
        """Return the type that a tensor of the model will have."""
        return self.dtype if self.dtype is not None and tensor.dtype.is_floating_point else tensor.dtype

    def device_for(self, tensor: Tensor) -> torch.device | str:
        """Return the device that a tensor of the model will be on."""
        return self.device or ("cpu" if tensor.device.type == "meta" else tensor.device)


@dataclass
class Plan:
    """The result of matching a file with a model.

    Attributes:
        steps: pairs of a tensor's name in the file and its target.
        missing: see :class:`Difference`.
        unexpected: see :class:`Difference`.
        faults: obstacles to loading, one line each.
        notes: remarks for the user, one line each.
    """

    steps: list[tuple[str, Target]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def match(model: nn.Module, file: FrzFile, way: Way) -> Plan:
    """Match the tensors of a file with those of a model; find unmatched names and obstacles to loading."""
    targets = _targets(model)
    names, plan = _names(targets, file)
    # Modules may share an extra state, but each has to receive it.
    ties = aliases({name: target.tensor for name, target in targets.items() if target.extra is None})
    sources: dict[str, str] = {}
    fixed = wrappers.is_distributed(model)
    for name, target in targets.items():
        if name not in names:
            continue
        own = names[name]
        fault = (
            _fault(file, own, target, way) or _misfit(file, own, target, fixed) or _loss(file, own, target, way, plan)
        )
        if fault:
            plan.faults.append(f"{name}: {fault}")
            continue
        first, source = ties.get(name, name), file.aliases.get(own, own)
        if first not in sources:
            sources[first] = source
            plan.steps.append((source, target))
        elif sources[first] != source and not _equal(file[sources[first]], file[source]):
            plan.faults.append(f"{first}, {name}: one tensor in the model, but two that differ in the file")
    plan.missing += [
        name
        for name, target in targets.items()
        if ties.get(name, name) not in sources
        and name not in names
        and not target.is_empty
        and not name.endswith(BATCHES)
    ]
    if way.assign:
        plan.faults += _left_on_meta(model, plan)
    else:
        plan.faults += memory.conflicts(
            memory.Write(target.path, target.tensor, partial(target.read, file, source))
            for source, target in plan.steps
            if target.held is None and target.extra is None and target.tucker is None
        )
    return plan


def _targets(model: nn.Module) -> dict[str, Target]:
    """Return everything that can be loaded, by its name in the plain model."""
    state = plain_state(model, keep_vars=True)
    modules = dict(model.named_modules(remove_duplicate=False))
    own = {id(tensor) for tensors in (model.parameters(), model.buffers()) for tensor in tensors}
    found = {name: Target(name, tensor, own=id(tensor) in own) for name, tensor in state.items()}
    for name in state:
        path, _, last = name.rpartition(".")
        if last == EXTRA:
            found[name] = Target(name, state[name], own=False, extra=modules.get(path))
    found |= {name: Target(name, state[name], coded=each) for name, each in coded(model).items()}
    found |= {name: Target(name, held.original[-1]) for name, held in statistics(model).items()}
    found |= {name: Target(name, held.original) for name, held in cornered(model).items()}
    found |= {name: Target(name, held.original, held) for _, name, held in places(model)}
    found |= {name: Target(name, held.original0, tucker=held) for name, held in tucker_tensors(model).items()}
    found |= {name: Target(name, held.original, quantized=True) for name, held in quantized_tensors(model).items()}
    return {plain: found[name] for name, plain in wrappers.plain_names(model, found).items()}


def _names(targets: Iterable[str], file: FrzFile) -> tuple[dict[str, str], Plan]:
    """Match the model's names with those in the file; the plan lists names that only the file has.

    Names that match exactly come first, then those that match after removing what wrappers added to either name.
    """
    plan = Plan()
    targets = list(targets)
    names = {name: name for name in targets if name in file}
    left = [name for name in targets if name not in names]
    common = Counter(map(_reduced, left))
    by_reduced = {_reduced(name): name for name in left if common[_reduced(name)] == 1}
    renamed = False
    for name in file:
        if name in names:
            continue
        target = by_reduced.pop(_reduced(name), None)
        if target is not None:
            names[target] = name
            renamed = True
        else:
            plan.unexpected.append(name)
    if renamed:
        plan.notes.append("names in the file are read without the prefixes of wrappers, such as module. or _orig_mod.")
        plan.unexpected = [name for name in plan.unexpected if name.rpartition(".")[2] != COUNTER]
    return names, plan


def _reduced(name: str) -> str:
    """Return a name without any of the parts that wrappers add."""
    *parts, last = name.split(".")
    return ".".join([*(part for part in parts if part not in (*MARKERS, AMBIGUOUS)), last])


def _fault(file: FrzFile, source: str, target: Target, way: Way) -> str | None:
    """Return why a tensor of the file cannot be loaded into its target."""
    tensor: Any = target.tensor
    info = file.info(source)
    own = target.held.original if target.held is not None else tensor
    if target.quantized:
        return "quantized in the model; load the file into a new model"
    if isinstance(own, Tensor) and is_sharded(own):
        return "sharded in the model; load the file before fully_shard(model)"
    if target.held is not None:
        return None
    if target.tucker is not None:
        return tucker_files.misfit(info, target.tucker, file.tier)
    if target.is_empty or (target.extra is not None and isinstance(tensor, Tensor)):
        return None
    if not isinstance(tensor, Tensor):
        return f"a tensor in the file, but of type {type(tensor).__name__} in the model"
    if not target.own:
        return "the model computes this entry of its state dict; use model.load_state_dict(load_file(…)) instead"
    if is_lazy(tensor):
        return "not initialized in the model; run it once"
    if tensor.device.type == "meta" and not way.assign:
        return "on the meta device in the model; call model.to_empty(device=…) first, or load with assign=True"
    if tensor.is_inference() and not way.assign and not torch.is_inference_mode_enabled():
        return "created in inference mode in the model; load the file in that mode, or with assign=True"
    if target.coded is not None:
        return _other_coefficients(info, target.coded, len(tensor), file.tier)
    if info.shape != tuple(tensor.shape) and not _is_narrow(file, source, tensor):
        return f"shape {list(info.shape)} in the file, {list(tensor.shape)} in the model"
    dtype = TORCH_DTYPES[info.dtype]
    if dtype != tensor.dtype and not (dtype.is_floating_point and tensor.dtype.is_floating_point):
        return f"{dtype} in the file, {tensor.dtype} in the model"
    return None


def _equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Return whether two arrays have the same type and the same elements, bit for bit."""
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()


def _is_narrow(file: FrzFile, source: str, tensor: object) -> bool:
    """Return whether a target has exactly the size of the corner that the current tier has of a plain tensor."""
    info = file.info(source)
    shape = tuple(tensor.shape) if isinstance(tensor, Tensor) else info.shape
    if shape == info.shape or not info.plain or info.view is not None:
        return False
    return bool(info.corners) and shape == info.corners[file.tier]


def _other_coefficients(info: TensorInfo, coded: Coded, kept: int, tier: int) -> str | None:
    """Return why a factored layer cannot take its coefficients from the file."""
    form = info.form(tier)
    if form and (info.shape, form) == coded and (not coded.spectral or info.kept[tier] == kept):
        return None
    there = "weights"
    if form:
        there = f"{info.kept[tier]:,} in shape {list(form)}" if info.spectral else f"a core of {list(info.box(tier))}"
    own = f"in shape {list(coded.form)}" if coded.spectral else f"in a core with factors of {list(coded.shape)}"
    return f"{count(kept, 'coefficient')} {own} in the model, {there} in the file; factorize() again"


def _misfit(file: FrzFile, source: str, target: Target, fixed: bool) -> str | None:
    """Return why a regularized tensor cannot take its coefficients from the file."""
    if target.held is None:
        return None
    info, spectral = file.info(source), spectral_of(target.held)
    if not info.spectral or len(target.held) > 1:
        return "not stored as coefficients; load the file before regularize(model, trained=True)"
    if (info.shape, info.view) != (spectral.shape, spectral.view):
        stored, wanted = list(info.view or info.shape), list(spectral.view or spectral.shape)
        return f"a spectrum in shape {stored} in the file, {wanted} in the model"
    if 0 in info.kept[: file.tier + 1]:
        return f"no coefficient at tier {info.kept.index(0)} of the file"
    if fixed and info.kept[file.tier] != spectral.kept:
        return (
            f"{count(info.kept[file.tier], 'coefficient')} in the file, {spectral.kept:,} in the model; under "
            "DistributedDataParallel this number cannot change: load the file into its .module, then wrap it again"
        )
    return None


def _loss(file: FrzFile, source: str, target: Target, way: Way, plan: Plan) -> str | None:
    """Return why a tensor cannot be converted to the model's type; minor losses become notes in the plan."""
    if target.extra is not None:
        return None
    spectral = target.held is not None or target.coded is not None
    stored = torch.float32 if spectral else TORCH_DTYPES[file.info(source).dtype]
    wanted = way.dtype_for(target.tensor) if way.assign else target.tensor.dtype
    if not precision.is_narrower(wanted, stored):
        return None
    values = target.read(file, source)
    note = precision.vanishing(values, wanted)
    if note:
        plan.notes.append(f"{target.path}: {note}")
    fault = precision.overflow(values, wanted)
    return fault and f"{fault}, the type in the model"


def _left_on_meta(model: nn.Module, plan: Plan) -> list[str]:
    """Report buffers that would have no elements after loading because no file stores them."""
    made = {id(b) for _, target in plan.steps if target.held is not None for b in target.held.buffers()}
    stored = {id(tensor) for tensor in model.state_dict(keep_vars=True).values()} | made
    lost = [name for name, buffer in model.named_buffers() if buffer.is_meta and id(buffer) not in stored]
    return (
        [f"{', '.join(lost)}: on the meta device and not in any file; create these buffers on the CPU"] if lost else []
    )
