"""All classes of recipes by `task.kind`, and how a recipe is loaded."""

from pathlib import Path

from crnn_audio.config.load import load
from crnn_audio.config.music import MusicRecipe
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.config.rolls import RollsRecipe
from crnn_audio.config.schema import Kinds, Recipe
from crnn_audio.config.text import TextRecipe

RECIPES: Kinds = {"recognition": RecognitionRecipe, "rolls": RollsRecipe, "music": MusicRecipe, "text": TextRecipe}


def load_recipe(path: str | Path, *overrides: str) -> Recipe:
    """Loads a recipe from a file or by a shipped name, with overrides such as "optim.lr=2e-4".

    Raises:
        RecipeError: the file cannot be read, or something in it or in an override is wrong; lists all problems.
    """
    return load(path, overrides, RECIPES)
