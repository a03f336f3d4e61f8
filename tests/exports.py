"""Small runs with random weights that say something, and their exported folders."""

from pathlib import Path

import torch

from crnn_audio import runs
from crnn_audio.config import load
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.features.normalize import Statistics
from crnn_audio.problems import recognition
from crnn_audio.problems.recognition import Assets
from crnn_audio.text.vocabulary import Vocabulary

BINS = 12
MODEL = {
    "conv": [{"channels": 2, "stride": [2, 2]}, {"channels": 2, "stride": [2, 2]}],
    "recurrent": {"hidden_size": 16, "num_layers": 1, "dropout": 0.0},
}


def recipe(bidirectional: bool, **features: object) -> RecognitionRecipe:
    live = {} if bidirectional else {"bidirectional": False, "look_ahead": 2}
    return RecognitionRecipe.model_validate(
        {
            "data": {"corpus": "manifests", "root": "data/tiny", "workers": 0},
            "features": {"kind": "fbank", "num_mels": BINS} | features,
            "model": MODEL | {"recurrent": MODEL["recurrent"] | live},
            "device": "cpu",
        }
    )


def run(path: Path, bidirectional: bool, text: str = "zero one two three four five", **features: object) -> Path:
    """A finished run in a new folder, its head sharpened so that it says something."""
    made = recipe(bidirectional, **features)
    count = made.features.num_mels
    assets = Assets(Vocabulary.build([text], "characters"), Statistics((-8.0,) * count, (3.0,) * count))
    task = recognition.task(made, assets)
    with torch.no_grad():
        task.model.head.linear.weight.mul_(20)
    opened = runs.create(path, load.dump(made), assets, {"epochs": 1})
    opened.save_weights("best", task.model.state_dict())
    opened.set_state("finished")
    return path
