"""Train by recipe, from the first step to the ``.frz`` file; a recipe is a network, its data and proven settings.

>>> outcome = train(RECIPES["digits"](), "runs/digits")
>>> outcome.nbytes, outcome.metrics["accuracy"]

``frformat train digits`` does the same. To train your own models, :func:`frformat.torch.regularize` is enough; to use
this loop with its checkpoints, write a :class:`Recipe`.
"""

from frformat.train.checkpoint import CheckpointError
from frformat.train.classification import Classification
from frformat.train.export import Outcome
from frformat.train.group import ProcessGroup, joined
from frformat.train.history import Row
from frformat.train.loop import Callback, train
from frformat.train.recipe import Data, Recipe
from frformat.train.recipes import RECIPES
from frformat.train.segmentation import Segmentation
from frformat.train.settings import Settings

__all__ = [
    "RECIPES",
    "Callback",
    "CheckpointError",
    "Classification",
    "Data",
    "Outcome",
    "ProcessGroup",
    "Recipe",
    "Row",
    "Segmentation",
    "Settings",
    "joined",
    "train",
]
