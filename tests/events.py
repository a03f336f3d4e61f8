"""Small networks that read and write music as tokens, and pieces made up on the spot."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from crnn_audio.batching.music import EncodedPiece
from crnn_audio.config.music import MusicRecipe
from crnn_audio.corpora import jsb16, tunes
from crnn_audio.corpora.tunes import Tune
from crnn_audio.models.autoregressive import AutoregressiveHead
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.embedding import RowFront
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.problems.music import pitch_columns
from crnn_audio.symbolic import chorale_tokens, melody_tokens, quartet_tokens
from crnn_audio.symbolic.representation import DecodingState, context_of
from crnn_audio.symbolic.score import Key, Note, Part, Score, TimeSignature
from crnn_audio.tasks.prediction import Prediction
from tests import trainings

CONDITIONS = (4, 3)
"""Ids of each condition, 0 among them."""
ABOUT = Score((), time_signatures=(TimeSignature(0.0, 4, 4),), keys=(Key(0.0, 1),))


def task(
    representation: ModuleType, *, cell: str = "lstm", ahead: bool = False, hidden_size: int = 8, intervals: bool = True
) -> Prediction:
    """A network of that representation in float64, with weights that are all off their initial zeros."""
    columns = [size + 1 for size in representation.VOCABULARY]
    encoder = Recurrent(len(columns) * 4, hidden_size=5, num_layers=1) if ahead else None
    front = RowFront([*columns, *representation.CONTEXT_SIZES, *CONDITIONS], 4, columns if ahead else (), encoder)
    recurrent = Recurrent(front.output_size, cell=cell, hidden_size=hidden_size, num_layers=2, bidirectional=False)
    voices = pitch_columns(representation, front) if intervals else ()
    head = AutoregressiveHead(hidden_size, representation.VOCABULARY, 7, voices=voices)
    made = Prediction(Crnn(front, recurrent, head))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made.double().eval()


def melody(seed: int, bars: int = 4, title: str = "") -> Score:
    """Quarters, eighths and halves on a scale in 4/4, the last note a whole one on the tonic."""
    random = np.random.default_rng(seed)
    notes, now, degree = [], 0.0, 0
    while now < 4 * (bars - 1):
        left = 4 - now % 4
        duration = float(random.choice([one for one in (0.5, 1.0, 2.0) if one <= left]))
        degree = int(np.clip(degree + random.integers(-2, 3), -3, 9))
        notes.append(Note(now, duration, 67 + 12 * (degree // 7) + (0, 2, 4, 5, 7, 9, 11)[degree % 7]))
        now += duration
    notes.append(Note(now, 4.0, 67))
    return Score((Part("melody", tuple(notes)),), title=title, time_signatures=ABOUT.time_signatures, keys=ABOUT.keys)


def chorale(seed: int, bars: int = 2, title: str = "") -> Score:
    """Four voices in quarters and eighths, the last chord a half with a fermata."""
    random = np.random.default_rng(seed)
    parts, end = [], 4.0 * bars
    for name, middle in (("soprano", 71), ("alto", 65), ("tenor", 58), ("bass", 48)):
        notes, now = [], 0.0
        while now < end - 2:
            duration = float(random.choice([one for one in (0.5, 1.0) if one <= end - 2 - now]))
            notes.append(Note(now, duration, middle + int(random.integers(-4, 5))))
            now += duration
        parts.append(Part(name, (*notes, Note(now, 2.0, middle))))
    return Score(tuple(parts), title=title, time_signatures=ABOUT.time_signatures, keys=ABOUT.keys, fermatas=(end - 2,))


MADE = {chorale_tokens: chorale, melody_tokens: melody, quartet_tokens: chorale}


def piece(representation: ModuleType, seed: int, bars: int = 2) -> EncodedPiece:
    """A made-up piece as tokens."""
    score = MADE[representation](seed, bars)
    rows = representation.encode(score)
    condition = np.array([seed % CONDITIONS[0], seed % CONDITIONS[1]])
    return EncodedPiece(f"piece-{seed}", rows, context_of(representation, rows, score), condition)


def mask(state: DecodingState, sampled: Sequence[int]) -> np.ndarray:
    """Which tokens of the next column may stand in the one piece of that state."""
    found: np.ndarray = state.mask(np.array([sampled], dtype=np.int64))[0]
    return found


def quartets(path: Path, count: int = 30) -> Path:
    """Made-up quartets in the layout in which `jsb16` is published: so many train pieces, and a few to judge."""
    path.mkdir(parents=True, exist_ok=True)
    few = max(count // 5, 2)
    pieces = [_pitches(chorale(seed, 2 + seed % 3)) for seed in range(count + 2 * few)]
    splits = {"train": pieces[:count], "valid": pieces[count : count + few], "test": pieces[count + few :]}
    (path / jsb16.PLAIN).write_text(json.dumps(splits), encoding="utf-8")
    return path


def _pitches(score: Score) -> list[list[int]]:
    sounding = quartet_tokens.encode(score)[:-1, 1:]
    return np.where(
        sounding == quartet_tokens.SILENCE, -1, sounding - quartet_tokens.FIRST_PITCH + quartet_tokens.LOWEST
    ).tolist()


def folder(path: Path, kind: str, count: int = 30) -> Path:
    """A corpus of made-up pieces, as it lies once it was made."""
    if kind == "quartet":
        return quartets(path, count)
    make = {"chorale": chorale, "melody": melody}[kind]
    found = [
        Tune(f"piece-{seed}", make(seed, 2 + seed % 3, f"piece {seed}"), {"key": "G", "metre": "4/4"})
        for seed in range(count)
    ]
    path.mkdir(parents=True, exist_ok=True)
    tunes.save(found, {}, path)
    return path


SMALL = {
    "chorale": {
        "task": {"kind": "music", "fixed_voice_probability": 0.5},
        "data": {"corpus": "chorales", "representation": "chorale", "batch_size": 8, "transpose": 1},
        "model": {"embedding_size": 6, "encoder": {"hidden_size": 8}, "head_size": 12},
    },
    "melody": {
        "task": {"kind": "music", "condition_dropout": 0.2},
        "data": {"corpus": "folk_tunes", "batch_size": 8, "transpose": 1},
        "model": {"embedding_size": 6, "head_size": 12},
    },
    "quartet": {
        "task": {"kind": "music"},
        "data": {"corpus": "jsb16", "representation": "quartet", "batch_size": 8, "transpose": 1},
        "model": {"embedding_size": 6, "head_size": 12},
    },
}


def small(kind: str, root: Path, changes: dict[str, Any] | None = None) -> MusicRecipe:
    """A small recipe over the corpus in `root`, changed by {"optim.lr": 1e-3}."""
    fields: dict[str, Any] = json.loads(json.dumps(SMALL[kind]))
    fields["data"]["root"] = str(root)
    recurrent = {"bidirectional": False, "hidden_size": 16, "num_layers": 1, "dropout": 0.0}
    rest: dict[str, Any] = {"optim": {"lr": 1e-2, "max_epochs": 2}, "device": "cpu", "threads": 1}
    rest["generation"] = {"guided": False, "attempts": 1}
    fields["model"]["recurrent"] = recurrent
    return MusicRecipe.model_validate(trainings.changed(fields | rest, changes or {}))
