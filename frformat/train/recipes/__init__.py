"""The recipes included in frformat, one per file."""

from __future__ import annotations

from typing import Final

from frformat.train.recipe import Recipe
from frformat.train.recipes.digits import Digits
from frformat.train.recipes.gan import GanOnMnist
from frformat.train.recipes.lenet5 import LeNet5OnMnist
from frformat.train.recipes.resnet20 import ResNet20OnCifar10
from frformat.train.recipes.srcnn import SrcnnOnPhoto
from frformat.train.recipes.unet import UNetOnCarvana, UNetOnIsbi
from frformat.train.recipes.vae import VaeOnMnist
from frformat.train.recipes.vit import VisionTransformerOnMnist

RECIPES: Final[dict[str, type[Recipe]]] = {
    recipe.name: recipe
    for recipe in (
        Digits,
        LeNet5OnMnist,
        ResNet20OnCifar10,
        UNetOnCarvana,
        UNetOnIsbi,
        VisionTransformerOnMnist,
        VaeOnMnist,
        GanOnMnist,
        SrcnnOnPhoto,
    )
}
"""All recipes, by the word after ``frformat train``."""
