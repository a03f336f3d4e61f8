"""Recipes of all kinds from texts, as `load_recipe` reads them from files."""

from collections.abc import Sequence

from crnn_audio.config import load
from crnn_audio.config.schema import Recipe
from crnn_audio.problems import RECIPES


def loads(text: str, overrides: Sequence[str] = (), *, source: str = "recipe") -> Recipe:
    """A text as a recipe."""
    return load.loads(text, overrides, RECIPES, source=source)
