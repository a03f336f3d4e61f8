"""The commands that are suggested can be pasted as they are, whatever the folder is called."""

import shlex
from pathlib import Path

import pytest

from crnn_audio.batching.manifests import Recording, whole
from crnn_audio.config import next_steps
from crnn_audio.problems import load_recipe

FOLDERS = [
    "data/own/mine",
    "/data/a b",
    "it's",
    "7",
    "1e3",
    "yes",
    "a: b",
    "# c",
    "{x}",
    "naïve",
    "new\nline",
    "~",
    "x.y-z",
]


def cut(seconds: float):
    return whole(Recording("a", Path("a.wav"), 100, round(100 * seconds)), "a")


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_suggested_recipe_reads_that_folder(folder) -> None:
    words = shlex.split(next_steps.train(Path(folder), {"train": [cut(1)]}))
    assert words[:3] == ["crnn-audio", "train", "an4/bilstm"]
    overrides, out = words[3:-2], words[-2:]
    recipe = load_recipe(words[2], *overrides)
    assert (recipe.data.corpus, recipe.data.root) == ("manifests", folder)
    assert out == ["--out", f"runs/{Path(folder).resolve().name}"]
    assert shlex.split(next_steps.doctor(Path(folder))) == ["crnn-audio", "doctor", folder]


def test_batches_are_made_long_enough_and_no_longer() -> None:
    plain = load_recipe(next_steps.RECIPE)
    fits = plain.data.batch_seconds * min(plain.augment.speed)
    assert "batch_seconds" not in next_steps.train(Path("x"), {"train": [cut(fits - 0.01)]})
    words = shlex.split(next_steps.train(Path("x"), {"train": [cut(3), cut(1.89 * fits)]}))
    assert "data.batch_seconds=57" in words
