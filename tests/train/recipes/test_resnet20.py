from __future__ import annotations

from collections import Counter
from dataclasses import replace

from frformat.torch import save_model
from frformat.torch.regularization import spectral_tensors
from frformat.train import Data, ProcessGroup
from frformat.train.models import ResNet20
from frformat.train.recipes.resnet20 import ResNet20OnCifar10
from frformat.train.run import Run
from tests.train.recipes.small import digits


def images() -> Data:
    """Return a few small images in color."""
    parts = digits()
    for part in (parts.train, parts.test):
        part.tensors = (part.tensors[0][:, :, ::2, ::2].repeat(1, 3, 1, 1), part.tensors[1])
    return parts


def test_a_trained_network_keeps_a_twentieth_of_its_coefficients(tmp_path):
    recipe = ResNet20OnCifar10(replace(ResNet20OnCifar10.defaults, epochs=2, batch=16))
    save_model(ResNet20(), tmp_path / "dense.frz", compression="none")
    run = Run(recipe, images(), ProcessGroup(), tmp_path / "dense.frz")
    assert run.numbers == 269_722
    counts = [run.numbers]
    while run.step < run.steps:
        run.advance()
        counts.append(run.numbers)
    assert counts == sorted(counts, reverse=True)
    assert run.numbers == 13_474 <= counts[0] / 20
    assert Counter(run.kept.values()) == {288: 6, 531: 6, 1017: 6}
    assert all(tensor.coefficients[-1] != 0 for tensor in spectral_tensors(run.model).values())
