"""Recipes of all kinds from texts, as `load_recipe` reads them from files; and runs that were never trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crnn_audio.config import load
from crnn_audio.config.schema import Recipe
from crnn_audio.problems import RECIPES, Assets
from crnn_audio.runs import Run


def loads(text: str, overrides: Sequence[str] = (), *, source: str = "recipe") -> Recipe:
    """A text as a recipe."""
    return load.loads(text, overrides, RECIPES, source=source)


def run_of(
    recipe: Recipe, path: Path = Path(), *, facts: Mapping[str, Any] | None = None, assets: Assets | None = None
) -> Run:
    """A finished run of a recipe. Of its files there are at most those of its assets, in the new folder `path`."""
    if assets:
        path.mkdir()
        assets.save(path)
    return Run(path, recipe.model_dump(mode="json"), load.dump(recipe), facts or {"state": "finished"})
