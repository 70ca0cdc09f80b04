"""Restore a model if changing it fails halfway."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.parametrize import remove_parametrizations

from frformat.torch.parametrizations import is_parametrized
from frformat.torch.regularization.parametrization import replace_data


@contextmanager
def undone_on_error(modules: Iterable[nn.Module], parameters: Iterable[Tensor]) -> Iterator[None]:
    """Restore the modules' classes and tensors, and the parameters' data and gradients, if the block raises.

    The old data stays in memory until the block ends.

    Args:
        modules: modules with parameters that are replaced or parametrized.
        parameters: parameters that get new data.
    """
    known = [_Module(module) for module in modules]
    data = [(parameter, parameter.data, parameter.grad) for parameter in parameters]
    try:
        yield
    except BaseException:
        for each in known:
            each.restore()
        for parameter, tensor, gradient in data:
            parameter.grad = None
            replace_data(parameter, tensor)
            parameter.grad = gradient
        raise


def take_off(module: nn.Module, attribute: str, *, keep: bool) -> None:
    """Remove a parametrization. Copies of the module keep theirs, although they share the class that PyTorch created.

    Args:
        module: the parametrized module.
        attribute: name of the parametrized attribute.
        keep: whether the attribute keeps its computed value rather than the original tensor.
    """
    kind = type(module)
    module.__class__ = type(kind.__name__, kind.__bases__, dict(vars(kind)))
    remove_parametrizations(module, attribute, leave_parametrized=keep)


class _Module:
    """The parts of a module to restore."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.kind = module, type(module)
        # Only a parametrized module has a class of its own.
        self.methods = dict(vars(self.kind)) if is_parametrized(module) else None
        holders = [module, *([module.parametrizations] if is_parametrized(module) else [])]
        tables = [table for each in holders for table in _tables(each)]  # type: ignore[arg-type]
        self.tables = [(table, dict(table)) for table in tables]

    def restore(self) -> None:
        self.module.__class__ = self.kind
        for table, before in self.tables:
            table.clear()
            table.update(before)
        if self.methods is not None:
            for name in vars(self.kind).keys() - self.methods.keys():
                delattr(self.kind, name)
            if "forward" in self.methods:
                self.kind.forward = self.methods["forward"]


def _tables(module: nn.Module) -> tuple[dict[str, Any], ...]:
    return module._parameters, module._buffers, module._modules
