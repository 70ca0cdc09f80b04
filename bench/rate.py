"""Train networks to fit given file sizes, and measure their accuracy and the time of a training step.

    python -m bench.rate [WORD …]

This command trains the missing networks (only runs whose name contains one of the words), on a GPU if there is one,
and writes ``bench/results/rate.json`` and ``docs/lenet5-sizes.png``. Run it again to resume after an interruption. No
run selects an epoch: every network is tested after its last epoch, with weights decoded from its file.

* The small network on scikit-learn's digits is trained by its recipe, for several file sizes and without a limit.
* LeNet-5 on MNIST learns, in equal parts, from the labels and from the published LeNet-5 that was pruned with ADMM
  (99.31 %). Images are shifted as in the recipe.
* The published ResNet-20 is first fine-tuned on the JPEG images of CIFAR-10. The result is the teacher of all runs. The
  dense runs, which are the reference, start from it; all other runs start from a file to which
  ``frformat.torch.compress`` has compressed it, and fine-tune its weights in their compressed form.
* The UNet with 8 channels is first trained on ISBI 2012. The result is the teacher of all runs. The dense runs, which
  are the reference, start from it; all other runs start from scratch.
* The time of a step is processor time, averaged over a complete but short run, relative to LeNet-5's recipe without a
  limit, and to that recipe with as many coefficients as the run for the size starts with.
"""

from __future__ import annotations

import functools
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any, Final

import torch
from torch import Tensor, nn

from bench import DATA, ROOT, lenet5_sizes
from bench.compress import calibration, network
from bench.published import admm_lenet5
from bench.records import kept, recorded
from bench.unet import SmallUNet
from frformat.torch import compress, save_model
from frformat.torch.regularization import spectral_tensors
from frformat.train import ProcessGroup, Recipe, Settings, history, setup, train
from frformat.train.export import Outcome
from frformat.train.group import joined
from frformat.train.loop import HISTORY, MODEL
from frformat.train.recipes.digits import Digits
from frformat.train.recipes.lenet5 import LeNet5OnMnist
from frformat.train.recipes.resnet20 import ResNet20OnCifar10
from frformat.train.run import Run

BUILD: Final = ROOT / "build" / "rate"
RESULTS: Final = lenet5_sizes.RATE
SEEDS: Final = (0, 1, 2)

TRIAL: Final = 0.25
"""Length of the runs that choose a learning rate, relative to the other runs."""

HELD_OUT: Final = 1 / 12
"""Share of the training samples that serves as the validation set for choosing learning rates."""

STEP_EPOCHS: Final = 3
"""Number of epochs for which the time of steps is measured."""

TEACHER_EPOCHS: Final = 12
"""Number of epochs for which the dense teachers are trained."""

Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Case:
    """A network, and the runs to compare.

    Attributes:
        recipe: the network, its data and its metric.
        settings: what all runs share.
        aims: target metric for each size in bytes. If the size is None, the network is dense or, if ``dense`` is None,
            trained by its recipe without a limit. A negative target is relative to the dense network.
        dense: changes to the settings of dense runs; None if there are none.
        start: returns the file with the weights that regularized runs start from; None to start from scratch.
        teacher: returns the file of the teacher, from which dense runs also start; None if there is none.
        compressed: returns calibration inputs for a seed, with which the start is compressed to the size of the run;
            None if runs start from the weights themselves.
        rates: candidates for the learning rate of coefficients. Short runs with the first seed choose the one with the
            best metric on a validation set. If empty, the learning rate of the settings is used.
    """

    recipe: type[Recipe]
    settings: Settings
    aims: Mapping[int | None, float | None]
    dense: Mapping[str, Any] | None = None
    start: Callable[[], Path] | None = None
    teacher: Callable[[], Path] | None = None
    compressed: Callable[[int], list[Tensor]] | None = None
    rates: tuple[float, ...] = ()

    def names(self, size: int | None) -> list[str]:
        """Return the names of the runs for a size, one for each seed."""
        kind = size or ("default" if self.dense is None else "dense")
        return [f"{self.recipe.name}-{kind}-{seed}" for seed in SEEDS]

    def trained(self, size: int | None, seed: int) -> Json:
        """Train a network, and return its measurements."""
        changes = dict(self.dense or {}) if size is None else {"lr": self.rate(size)}
        settings = replace(self.settings, size=size, seed=seed, **changes)
        outcome = self._train(settings, self.names(size)[SEEDS.index(seed)])
        return {
            "epochs": settings.epochs,
            "lr": settings.quantized_lr if settings.quantized else settings.plain_lr if settings.dense else settings.lr,
            "nbytes": outcome.nbytes,
            "numbers": outcome.numbers,
            "score": round(outcome.decoded[self.recipe.metric], 4),
        }

    def rate(self, size: int) -> float:
        """Return the learning rate of coefficients for a size."""
        if not self.rates:
            return self.settings.lr
        return max(self.rates, key=lambda rate: self.validated(size, rate))

    def validated(self, size: int, rate: float) -> float:
        """Return the metric on a validation set after a short run."""
        settings = replace(
            self.settings, size=size, lr=rate, epochs=math.ceil(TRIAL * self.settings.epochs), holdout=HELD_OUT
        )
        name = f"{self.recipe.name}-{size}-lr{rate:g}"

        def measure() -> Json:
            self._train(settings, name)
            rows = history.read(BUILD / name / HISTORY)
            return {"epochs": settings.epochs, "validation": round(rows[-1].metrics[self.recipe.metric], 4)}

        return float(kept(RESULTS, name, measure)["validation"])

    def _train(self, settings: Settings, name: str) -> Outcome:
        print(name, flush=True)
        teacher = self.teacher() if self.teacher else None
        start = teacher if settings.dense else self.start() if self.start else None
        recipe = self.recipe(settings)
        if settings.quantized and start is not None:
            start = self._compress(recipe, start, name)
        with joined() as group:
            return train(recipe, BUILD / name, folder=DATA, weights=start, teacher=teacher, group=group, resume=True)

    def _compress(self, recipe: Recipe, start: Path, name: str) -> Path:
        """Compress the start to the size of a run, unless the file exists, and return the file."""
        assert self.compressed is not None
        path = BUILD / f"{name}.frz"
        if not path.exists():
            model = setup.plain_model(recipe, start).eval()
            seed = recipe.settings.seed
            compress(model, path, self.compressed(seed), size=recipe.settings.size, seed=seed)
        return path


@functools.cache
def _pruned_lenet5() -> Path:
    """Return the file of the published network."""
    path = BUILD / "teacher.frz"
    BUILD.mkdir(parents=True, exist_ok=True)
    save_model(admm_lenet5(), path)
    return path


@functools.cache
def _tuned_resnet20() -> Path:
    """Return the published ResNet-20, fine-tuned on the JPEG images."""
    published = BUILD / "resnet20.frz"
    BUILD.mkdir(parents=True, exist_ok=True)
    save_model(network(), published)
    tuning = replace(RESNET20, **DENSE, distill=0.0, epochs=TEACHER_EPOCHS)
    return _dense(ResNet20OnCifar10(replace(tuning, batch=512, plain_lr=3e-3, weight_decay=1e-4)), published)


@functools.cache
def _dense_unet() -> Path:
    return _dense(SmallUNet(replace(UNET, **DENSE, distill=0.0, epochs=TEACHER_EPOCHS)), None)


def _dense(recipe: Recipe, weights: Path | None) -> Path:
    """Train a dense network unless its file exists, and return the file."""
    folder = BUILD / f"{recipe.name}-teacher"
    if not (folder / MODEL).exists():
        with joined() as group:
            train(recipe, folder, folder=DATA, weights=weights, group=group, resume=True)
    return folder / MODEL


DENSE: Final[dict[str, Any]] = {"dense": True, "quantized": False, "optimizer": "adamw", "precision": "bf16"}

RESNET20: Final = replace(
    ResNet20OnCifar10.defaults,
    epochs=6,
    batch=128,
    plain_lr=5e-4,
    warmup=0.1,
    distill=0.5,
    quantized=True,
    quantized_lr=0.015,
    quantize_from=0.0,  # soft rounding gained nothing: 82.55 instead of 82.47 % in 16 kB with the first seed
)

UNET: Final = replace(
    SmallUNet.defaults,
    epochs=12,
    batch=8,
    optimizer="eigen",
    lr=0.05,
    plain_lr=2e-3,
    distill=0.5,
    temperature=1.0,
    precision="bf16",
)

LENET5: Final = Case(
    LeNet5OnMnist,
    replace(LeNet5OnMnist.defaults, epochs=30, precision="bf16", distill=0.5),
    {520: 0.98, 900: 0.987, 1500: 0.9905, 3000: 0.9932},
    teacher=_pruned_lenet5,
    rates=(0.01, 0.02, 0.04),
)

CASES: Final = (
    Case(Digits, Digits.defaults, {None: None, 400: None, 600: None}),
    LENET5,
    Case(
        ResNet20OnCifar10,
        RESNET20,
        {None: None, 64_000: -0.007, 32_000: -0.02, 16_000: -0.05},
        DENSE,
        start=_tuned_resnet20,
        teacher=_tuned_resnet20,
        compressed=calibration,
    ),
    Case(SmallUNet, UNET, {None: None, 1_000: -0.01}, DENSE, teacher=_dense_unet, rates=(0.03, 0.06)),
)


def main(words: Sequence[str]) -> None:
    """Train the missing networks, write the results, and print them."""
    torch.set_num_threads(1)
    for case in CASES:
        for size in case.aims:
            for seed, name in zip(SEEDS, case.names(size), strict=True):
                if any(word in name for word in words or [name]):
                    kept(RESULTS, name, functools.partial(case.trained, size, seed))
    if not words or "step" in words:
        kept(RESULTS, "steps", _steps)
    found = recorded(RESULTS)
    for case in CASES:
        dense = _mean(case, None, found) if case.dense else None
        for size, aim in case.aims.items():
            if (score := _mean(case, size, found)) is not None:
                if aim is not None and aim < 0:
                    aim = None if dense is None else dense + aim
                sizes = [found[name]["nbytes"] for name in case.names(size) if name in found]
                words = [case.recipe.name, " ".join(f"{nbytes:,}" for nbytes in sizes) + " bytes", f"mean {score:.2%}"]
                print(" | ".join([*words, "" if aim is None else f"aim: {aim:.2%}"]))
    lenet5_sizes.draw()


def _mean(case: Case, size: int | None, found: Mapping[str, Json]) -> float | None:
    """Return the mean metric of the recorded runs for a size; None if there are none."""
    scores = [found[name]["score"] for name in case.names(size) if name in found]
    return mean(scores) if scores else None


def _steps() -> Json:
    """Measure the steps of complete, short runs: by the recipe, for several sizes, and without a size but with equally
    many coefficients. The runs take turns."""
    data = LeNet5OnMnist().data(str(DATA))
    short = replace(LeNet5OnMnist.defaults, epochs=STEP_EPOCHS)

    def run(**changes: Any) -> Run:
        return Run(LeNet5OnMnist(replace(short, **changes)), data, ProcessGroup())

    runs = {"recipe": run()}
    for size in LENET5.aims:
        runs[f"{size}"] = run(size=size)
        runs[f"{size} regularized"] = run(rules=_rules(runs[f"{size}"].model))
    seconds = dict.fromkeys(runs, 0.0)
    steps = runs["recipe"].steps
    for _ in range(steps):
        for name, each in runs.items():
            start = time.process_time()
            each.advance()
            seconds[name] += time.process_time() - start
    return {
        f"{size}": {
            "seconds": round(seconds[f"{size}"] / steps, 5),
            "to_recipe": round(seconds[f"{size}"] / seconds["recipe"], 2),
            "to_regularized": round(seconds[f"{size}"] / seconds[f"{size} regularized"], 2),
        }
        for size in LENET5.aims
    }


def _rules(model: nn.Module) -> tuple[str, ...]:
    """Return rules that keep as many coefficients as a regularized model has, in the same views."""
    return tuple(
        f"{name}: keep={tensor.kept}"
        + (f" view={','.join(map(str, tensor.spectral.view))}" if tensor.spectral.view else "")
        for name, tensor in spectral_tensors(model).items()
    )


if __name__ == "__main__":
    main(sys.argv[1:])
