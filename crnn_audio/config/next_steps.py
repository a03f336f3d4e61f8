"""The commands to run next on a folder of manifests, ready to be pasted into a shell."""

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from crnn_audio.batching.manifests import Cut
from crnn_audio.config import flat_yaml
from crnn_audio.config.load import load
from crnn_audio.config.recognition import RecognitionRecipe

RECIPE = "an4/bilstm"
"""A recipe for speech of any kind and about an hour of it."""
LABELS = "vad/vad"
"""A recipe for labelled segments."""
BACKGROUND = "background"
"""The label of what is no keyword, in the recipe for one's own keywords."""


def doctor(folder: Path) -> str:
    """The command that checks the data."""
    return shlex.join(["crnn-audio", "doctor", str(folder)])


def train(folder: Path, splits: Mapping[str, Sequence[Cut]]) -> str:
    """The command that trains on the data; with larger batches if a cut is longer than the recipe's."""
    if any(cut.segments for cut in splits["train"]):
        root = f"data.root={_as_yaml(str(folder))}"
        words = ["crnn-audio", "train", LABELS, "data.corpus=manifests", root, "task.labels=[]"]
        return shlex.join([*words, "--out", f"runs/{folder.resolve().name}"])
    words = ["crnn-audio", "train", RECIPE, "data.corpus=manifests", f"data.root={_as_yaml(str(folder))}"]
    recipe = load(RECIPE, (), {"recognition": RecognitionRecipe})
    assert isinstance(recipe, RecognitionRecipe), RECIPE
    longest = max(cut.duration for cut in splits["train"]) / min(recipe.augment.speed)
    if longest > recipe.data.batch_seconds:
        words.append(f"data.batch_seconds={math.ceil(longest)}")
    return shlex.join([*words, "--out", f"runs/{folder.resolve().name}"])


def of_speech(folder: Path, splits: Mapping[str, Sequence[Cut]]) -> tuple[str, ...]:
    """What to run on transcribed recordings."""
    return doctor(folder), train(folder, splits)


def of_classes(folder: Path, splits: Mapping[str, Sequence[Cut]]) -> tuple[str, ...]:
    """What to run on labelled recordings."""
    words = ["crnn-audio", "train", "wake_words/keyword", f"data.root={_as_yaml(str(folder))}"]
    if BACKGROUND not in {cut.label for cut in splits["train"]}:
        words.append("task.background=[]")
    return (shlex.join([*words, "--out", f"runs/{folder.resolve().name}"]),)


def _as_yaml(text: str) -> str:
    """A text as it is if YAML reads it back so, else between quotes."""
    try:
        plain = flat_yaml.parse(text).value == text
    except ValueError:
        plain = False
    return text if plain else json.dumps(text, ensure_ascii=False)
