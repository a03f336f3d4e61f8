"""A tiny corpus of labelled recordings that tests write: bursts of a low and of a high tone in noise; and a recipe."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import yaml

from crnn_audio.batching import manifests
from crnn_audio.batching.loader import pad_tokens
from crnn_audio.batching.manifests import Cut, Recording, Segment, whole
from crnn_audio.config.labelling import LabellingRecipe
from crnn_audio.features.normalize import NoNorm
from crnn_audio.features.spectrogram import Fbank
from crnn_audio.models.conv import ConvFront, ConvSpec
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.frame_heads import LabelHead, NotesHead
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.problems import load_recipe
from crnn_audio.tasks.labelling import Labelling
from crnn_audio.tasks.sound import SoundParts
from crnn_audio.types import AudioBatch, SpeechBatch

RATE = 8000
TONES = {"high": 2000.0, "low": 500.0}
RECIPE = """
task: {kind: labelling, targets: segments}
data: {corpus: manifests, root: ROOT, batch_seconds: 12, workers: 0}
features: {kind: fbank, sample_rate: 8000, num_mels: 16}
model:
  conv: [{channels: 4, kernel: [3, 3], stride: [1, 2]}]
  conv_time: causal
  recurrent: {cell: gru, hidden_size: 12, num_layers: 1, bidirectional: false, dropout: 0, look_ahead: 2}
optim: {lr: 2.0e-2, max_epochs: 6}
device: cpu
threads: 1
"""

FIELDS = {name: section for name, section in yaml.safe_load(RECIPE).items() if name != "data"}


def recording(path: Path, seed: int, seconds: float = 1.5) -> tuple[np.ndarray, tuple[Segment, ...]]:
    """Writes a recording of bursts; its samples and its segments."""
    generator = np.random.default_rng(seed)
    sound = 0.003 * generator.standard_normal(round(seconds * RATE))
    segments = []
    for place, label in enumerate(generator.permutation(sorted(TONES)).tolist()):
        hertz, half = TONES[label], seconds / 2
        start = place * half + float(generator.uniform(0.1, 0.2))
        end = start + float(generator.uniform(0.2, 0.45))
        first, last = round(start * RATE), round(end * RATE)
        sound[first:last] += 0.2 * np.sin(2 * np.pi * hertz * np.arange(last - first) / RATE)
        segments.append(Segment(round(first / RATE, 4), round(last / RATE, 4), label))
    soundfile.write(path, sound, RATE, subtype="PCM_16")
    return sound, tuple(segments)


def folder(path: Path, counts: tuple[int, int, int] = (12, 4, 4)) -> Path:
    """A folder of manifests of train, dev and test."""
    path.mkdir(parents=True, exist_ok=True)
    for split, count in zip(("train", "dev", "test"), counts, strict=True):
        manifests.save([cut(path, split, number) for number in range(count)], path / f"{split}.jsonl")
    return path


def cut(path: Path, split: str, number: int) -> Cut:
    """One recording of a split."""
    file = path / f"{split}{number}.wav"
    sound, segments = recording(file, 1000 * len(split) + number)
    return replace(whole(Recording(file.stem, file, RATE, len(sound)), ""), segments=segments)


def recipe(root: Path, *overrides: str) -> LabellingRecipe:
    """The recipe of such a folder."""
    path = root / "recipe.yaml"
    path.write_text(RECIPE.replace("ROOT", str(root)), encoding="utf-8")
    found = load_recipe(path, *overrides)
    assert isinstance(found, LabellingRecipe)
    return found


def task(targets: str = "segments", cell: str = "gru", *, bidirectional: bool = False, **options: Any) -> Labelling:
    """A small model of two labels in float64, whose every weight counts."""
    torch.manual_seed(options.pop("seed", 0))
    front = ConvFront(8, [ConvSpec(3, (3, 3), (2, 2)), ConvSpec(4, (3, 3), (1, 2))], time_padding="causal")
    ahead = 0 if bidirectional else 2
    recurrent = Recurrent(
        front.output_size, cell=cell, hidden_size=6, num_layers=2, bidirectional=bidirectional, look_ahead=ahead
    )
    exclusive = bool(options.get("exclusive"))
    size = recurrent.output_size
    head = NotesHead(size, 2) if targets == "notes" else LabelHead(size, 2, exclusive=exclusive)
    front_end = Fbank(sample_rate=RATE, num_mels=8)
    parts = SoundParts(front_end, NoNorm(), Crnn(front, recurrent, head))
    made = Labelling(parts, targets=targets, labels=2, **options)
    with torch.no_grad():
        for parameter in made.model.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
    return made.double().eval()


def batch(rows: Sequence[int], length: int = 4000) -> SpeechBatch:
    """Noise of different lengths, each with a segment of both labels."""
    waves = [torch.from_numpy(np.random.default_rng(row).normal(0, 0.1, length - 700 * row)) for row in rows]
    padded = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
    lengths = torch.tensor([len(wave) for wave in waves])
    targets = [[0, 500 + 100 * row, 2000, 1, 1000, 1800 + 100 * row] for row in rows]
    names = tuple(map(str, rows))
    return SpeechBatch(AudioBatch(padded, lengths, RATE), pad_tokens(targets), names, tuple(rows), 0)


def audio(samples: np.ndarray) -> AudioBatch:
    """One recording as a batch."""
    return AudioBatch(torch.from_numpy(samples)[None], torch.tensor([len(samples)]), RATE)
