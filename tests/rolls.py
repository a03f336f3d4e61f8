"""Small collections of piano rolls in the published layout, made up on the spot."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from crnn_audio.config.rolls import RollsRecipe
from crnn_audio.corpora import piano_rolls
from tests import trainings

SMALL = {
    "task": {"kind": "rolls"},
    "data": {"corpus": "piano_rolls", "collection": "jsb", "batch_size": 2},
    "model": {
        "conv": [],
        "recurrent": {"bidirectional": False, "norm": "none", "hidden_size": 8, "num_layers": 1, "dropout": 0.0},
    },
    "optim": {"lr": 1e-2, "max_epochs": 3},
    "device": "cpu",
    "threads": 1,
}


def cells(rolls: list[np.ndarray]) -> np.ndarray:
    """MATLAB's cell array of matrices."""
    found = np.empty((1, len(rolls)), dtype=object)
    for index, roll in enumerate(rolls):
        found[0, index] = roll
    return found


def tune(seed: int, num_frames: int) -> np.ndarray:
    """Chords of three that go up and down by steps, so that a network has something to learn."""
    random = np.random.default_rng(seed)
    roll = np.zeros((num_frames, 88), dtype=np.uint8)
    place = int(random.integers(30, 45))
    for frame in range(num_frames):
        place = int(np.clip(place + random.choice([-2, 0, 2]), 20, 60))
        roll[frame, [place, place + 4, place + 7]] = 1
    return roll


def folder(path: Path, *, pieces: int = 5, num_frames: int = 20) -> Path:
    """A folder with all four collections, whose pieces grow from `num_frames` on."""
    path.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(piano_rolls.FILES.values()):
        splits = {
            column: cells([tune(100 * number + 10 * place + one, num_frames + 3 * one) for one in range(pieces)])
            for place, column in enumerate(piano_rolls.SPLITS.values())
        }
        savemat(path / name, splits)
    return path


def small(root: Path, changes: dict[str, Any] | None = None) -> RollsRecipe:
    """A recipe over the collections in `root`, changed by {"optim.lr": 1e-3}."""
    fields: dict[str, Any] = json.loads(json.dumps(SMALL))
    fields["data"]["root"] = str(root)
    return RollsRecipe.model_validate(trainings.changed(fields, changes or {}))
