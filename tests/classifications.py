"""Recordings of three classes made up on the spot, a recipe for them, and small classifiers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut, Recording
from crnn_audio.config.classification import ClassificationRecipe
from crnn_audio.features.normalize import NoNorm
from crnn_audio.features.spectrogram import Fbank
from crnn_audio.models.conv import ConvFront, ConvSpec
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.pooling import ClassHead
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.tasks.classification import Classification
from crnn_audio.tasks.sound import SoundParts
from tests import trainings

POOLS = ("last", "mean", "max", "attention")
PITCHES = {"high": 1800.0, "low": 300.0, "noise": 0.0}
RATE = trainings.RATE


def sound(label: str, seconds: float, seed: int) -> np.ndarray:
    """A tone of the class's pitch, or noise."""
    generator = np.random.default_rng(seed)
    samples = np.arange(round(seconds * RATE))
    tone = 0.3 * np.sin(2 * np.pi * PITCHES[label] * generator.uniform(0.9, 1.1) * samples / RATE)
    return (tone + generator.normal(0, 0.2 if label == "noise" else 0.02, len(samples))).astype(np.float32)


def recorded(folder: Path, name: str, label: str, seconds: float, seed: int) -> Cut:
    """A recording of the class."""
    wave = sound(label, seconds, seed)
    soundfile.write(folder / f"{name}.wav", wave, RATE, subtype="PCM_16")
    recording = Recording(name, folder / f"{name}.wav", RATE, len(wave))
    return Cut(name, recording, 0.0, recording.duration, "", None, label)


def corpus(folder: Path, train: int = 12, dev: int = 6, test: int = 6) -> Path:
    """Manifests and recordings of 0.3 to 0.6 seconds, in a new folder."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("dev", dev), ("test", test)):
        labels = [list(PITCHES)[number % 3] for number in range(count)]
        seconds = random.uniform(0.3, 0.6, count).round(4)
        cuts = [
            recorded(folder, f"{split}-{n}", label, long, random.integers(2**31))
            for n, (label, long) in enumerate(zip(labels, seconds, strict=True))
        ]
        manifests.save(cuts, folder / f"{split}.jsonl")
    return folder


SMALL = {**trainings.SMALL, "task": {"kind": "classification"}, "optim": {"lr": 1e-2, "max_epochs": 2}}


def small(root: Path, changes: dict[str, Any] | None = None) -> ClassificationRecipe:
    """A recipe over the manifests in `root`, changed by {"optim.lr": 1e-3}."""
    fields: dict[str, Any] = json.loads(json.dumps(SMALL))
    fields["data"]["root"] = str(root)
    return ClassificationRecipe.model_validate(trainings.changed(fields, changes or {}))


def task(pool: str, cell: str = "gru", *, bidirectional: bool = True, seed: int = 0, **options: Any) -> Classification:
    """A small classifier of three classes in float64."""
    torch.manual_seed(seed)
    front = ConvFront(8, [ConvSpec(3, (3, 3), (2, 2)), ConvSpec(4, (3, 3), (1, 2))])
    recurrent = Recurrent(front.output_size, cell=cell, hidden_size=6, num_layers=2, bidirectional=bidirectional)
    head = ClassHead(recurrent.output_size, 3, pool, bidirectional=bidirectional, dropout=0.0)
    front_end = Fbank(sample_rate=RATE, num_mels=8)
    made = Classification(SoundParts(front_end, NoNorm(), Crnn(front, recurrent, head)), 3, **options)
    with torch.no_grad():
        for parameter in made.model.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
    return made.double().eval()
