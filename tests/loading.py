"""Recipes of all kinds from texts, as `load_recipe` reads them from files; and runs without files."""

from collections.abc import Sequence
from pathlib import Path

from crnn_audio.config import load
from crnn_audio.config.schema import Recipe
from crnn_audio.problems import RECIPES
from crnn_audio.runs import Run


def loads(text: str, overrides: Sequence[str] = (), *, source: str = "recipe") -> Recipe:
    """A text as a recipe."""
    return load.loads(text, overrides, RECIPES, source=source)


def run_of(recipe: Recipe) -> Run:
    """A finished run of a recipe, which lies nowhere."""
    return Run(Path(), recipe.model_dump(mode="json"), load.dump(recipe), {"state": "finished"})
