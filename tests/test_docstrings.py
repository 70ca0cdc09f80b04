"""Run the examples in docstrings. The objects that they assume, such as a trained model, are defined below."""

from __future__ import annotations

import ast
import doctest
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import frformat  # noqa: E402
from frformat import checkpoints  # noqa: E402
from frformat.runtimes import export  # noqa: E402
from frformat.scheduling import App, Tier  # noqa: E402
from frformat.torch import (  # noqa: E402
    compress,
    each_tier,
    factorize,
    load_model,
    load_quantized,
    parameter_groups,
    regularize,
    save_model,
    set_tier,
    summary,
)
from frformat.torch.factorization import portable  # noqa: E402
from frformat.torch.regularization import TailTruncation, make_tiers  # noqa: E402
from frformat.train.models import LeNet5  # noqa: E402
from tests.parity.strategies import document  # noqa: E402

PACKAGE = Path(frformat.__file__).parent
NEEDS_MORE = (
    "integrations/lightning.py",
    "integrations/transformers.py",
    "runtimes/executorch/__init__.py",
    "runtimes/litert/__init__.py",
    "runtimes/onnxruntime/__init__.py",
    "runtimes/template/__init__.py",
    "train/__init__.py",
    "train/data/__init__.py",
)
"""Modules whose examples are slow, or need a library or data that may be missing."""


def _docstrings() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = ast.get_docstring(node) if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) else None
            if text and ">>>" in text and not str(path).replace("\\", "/").endswith(NEEDS_MORE):
                yield f"{module}:{getattr(node, 'name', '')}".rstrip(":"), text


DOCSTRINGS = dict(_docstrings())

FINE_TUNING = ("frformat.torch.finetuning:load_quantized", "frformat.torch.quantized:set_softness")
"""Examples that first compress LeNet-5 to a size; it is :class:`Narrow` there, because that takes half a minute."""


class Narrow(LeNet5):
    """LeNet-5 with a tenth of its parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2 = torch.nn.Conv2d(20, 20, 5)
        self.fc1 = torch.nn.Linear(20 * 4 * 4, 100)
        self.fc2 = torch.nn.Linear(100, 10)


def _namespace() -> dict[str, Any]:
    """Return the objects that examples assume; to save time, ``UNet`` is LeNet-5."""
    torch.manual_seed(0)
    images = torch.randn(4, 1, 28, 28)
    model = regularize(LeNet5(), 60)
    make_tiers(model, [20, 40])
    for name in ("model.frz", "unet.frz"):
        save_model(model, name)
    with checkpoints.load("model.frz") as checkpoint:
        for name in ("model.pt", "model.safetensors"):
            checkpoints.save(checkpoint, name)
    outputs = {"a": np.ones((1, 10), np.float32)}
    Path("report.json").write_text(json.dumps(document(outputs, outputs)), "utf-8")
    optimizer = torch.optim.Adam(model.parameters())
    tiers = (Tier(0.9, 2e6, 40_000), Tier(0.95, 4e6, 90_000))
    return {
        "accuracy": lambda model: 100 * float((model(images).argmax(1) == 0).float().mean()),
        "LeNet5": LeNet5,
        "TailTruncation": TailTruncation,
        "UNet": LeNet5,
        "bias": np.zeros(4, np.float32),
        "checkpoints": checkpoints,
        "compress": compress,
        "desktop": outputs,
        "each_tier": each_tier,
        "evaluate": lambda model: float(model(images).sum().detach()),
        "export": export,
        "factorize": factorize,
        "frformat": frformat,
        "image": images[:1],
        "images": images,
        "load_model": load_model,
        "load_quantized": load_quantized,
        "loader": [(images, torch.tensor([3, 1, 4, 1]))],
        "model": model,
        "network": LeNet5(),
        "nn": torch.nn,
        "optimizer": optimizer,
        "other": App("other", tiers, accuracy=0.9, latency=1 / 10),
        "parameter_groups": parameter_groups,
        "portable": portable,
        "register_parametrization": torch.nn.utils.parametrize.register_parametrization,
        "regularize": regularize,
        "save_model": save_model,
        "set_tier": set_tier,
        "summary": summary,
        "torch": torch,
        "train": lambda model, optimizer: None,
        "trained": LeNet5(),
        "weights": np.ones((8, 4, 3, 3), np.float32),
    }


def _is_written(name: str, value: Any, module: ModuleType) -> bool:
    """Return whether a module itself defines a name. Other tests can add submodules."""
    added = isinstance(value, ModuleType) and value.__name__ == f"{module.__name__}.{name}"
    return not name.startswith("__") and not added


def test_the_examples_of_fine_tuning_exist() -> None:
    assert set(FINE_TUNING) <= set(DOCSTRINGS)


@pytest.mark.parametrize("name", DOCSTRINGS)
def test_the_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name.partition(":")[0])
    names = _namespace() | {key: value for key, value in vars(module).items() if _is_written(key, value, module)}
    if name in FINE_TUNING:
        names["LeNet5"] = Narrow
    for example in doctest.DocTestParser().get_examples(DOCSTRINGS[name]):
        source = example.source.replace('device="cuda"', 'device="cpu"')
        exec(compile(source, f"<docstring of {name}>", "exec"), names)
