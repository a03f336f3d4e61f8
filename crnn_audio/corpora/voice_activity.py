"""Voice activity: read speech with pauses, made from Mini LibriSpeech; the energy of clean speech says where.

A recording is made of excerpts of several speakers at different levels, and pauses of up to some seconds. A frame is
voice if it is less than 35 dB below the loud frames of its excerpt; gaps of less than 200 ms are voice too, since
nobody means them by a pause. Noise and reverberation are for a recipe's `augment` to add.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from crnn_audio import audio
from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut, Recording, Segment, whole
from crnn_audio.corpora import home, mini_librispeech
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.decoding.events import runs

NAME = "voice_activity"
KIND = "labelling"
LICENCE = mini_librispeech.LICENCE
HOME = mini_librispeech.HOME
NOT_FOR = (
    "Voices of adults who read English aloud. Singing, whispering, crying and far-away voices are new to it, and so is "
    "music; it does not say who speaks."
)
LABEL = "speech"
SAMPLE_RATE = 16000
MINUTES = {"train": 150.0, "dev": 20.0, "test": 20.0}
SECONDS = 20.0
"""Of a recording."""
EXCERPT, PAUSE = (1.0, 8.0), (0.3, 4.0)
"""Seconds of speech and of pauses, shortest and longest."""
LEVEL_DB, FLOOR_DB = (-32.0, -12.0), -75.0
FRAME = SAMPLE_RATE // 100
BELOW_DB, GAP, SHORTEST = 35.0, 20, 3
"""What is voice: decibels below the loud frames; frames of a gap that is closed; frames of the shortest segment."""


def read_splits(folder: Path) -> dict[str, list[Cut]]:
    """Reads the manifests of recordings that were made before."""
    return {split: manifests.load(folder / f"{split}.jsonl") for split in MINUTES}


def obtain(folder: Path, progress: Progress | None = None) -> None:
    """Makes the corpus as `folder`, whole or not at all.

    Raises:
        DataError: Mini LibriSpeech cannot be had, or the folder cannot be written.
    """
    source = mini_librispeech.read_splits(home.locate(mini_librispeech, None, progress))
    speakers = sorted({str(cut.speaker) for cut in source["dev"]})
    halves = [[cut for cut in source["dev"] if cut.speaker in speakers[half::2]] for half in (0, 1)]
    with arriving(folder) as partial:
        for split, cuts in zip(MINUTES, (source["train"], *halves), strict=True):
            make(split, cuts, partial, round(60 * MINUTES[split] / SECONDS), progress)


def make(split: str, cuts: Sequence[Cut], folder: Path, count: int, progress: Progress | None = None) -> None:
    """Writes `count` recordings of a split and its manifest."""
    import soundfile  # here, so that naming the corpus needs no libsndfile

    (folder / split).mkdir(exist_ok=True)
    made = list[Cut]()
    for number in range(count):
        generator = np.random.default_rng([len(split), number])
        sound, segments = recorded(cuts, generator)
        path = folder / split / f"{number:04d}.flac"
        soundfile.write(path, sound, SAMPLE_RATE, subtype="PCM_16")
        recording = Recording(f"{split}-{number:04d}", path, SAMPLE_RATE, len(sound))
        made.append(replace(whole(recording, ""), segments=segments))
        if progress:
            progress(f"making {split}", number + 1, count)
    manifests.save(made, folder / f"{split}.jsonl")


def recorded(cuts: Sequence[Cut], generator: np.random.Generator) -> tuple[np.ndarray, tuple[Segment, ...]]:
    """One recording and where there is voice in it."""
    sound = np.zeros(round(SECONDS * SAMPLE_RATE), dtype=np.float32)
    active, place = np.zeros(len(sound) // FRAME, dtype=bool), _samples(PAUSE, generator)
    while place < len(sound):
        speech = _excerpt(cuts[int(generator.integers(len(cuts)))], generator)
        speech = speech[: len(sound) - place]
        sound[place : place + len(speech)] = speech
        voice = voiced(speech)
        active[place // FRAME : place // FRAME + len(voice)] = voice[: len(active) - place // FRAME]
        place += (len(speech) + _samples(PAUSE, generator)) // FRAME * FRAME
    sound += (generator.standard_normal(len(sound)) * 10 ** (FLOOR_DB / 20)).astype(np.float32)
    found = [Segment(start * FRAME / SAMPLE_RATE, end * FRAME / SAMPLE_RATE, LABEL) for start, end in closed(active)]
    return sound, tuple(found)


def _samples(seconds: tuple[float, float], generator: np.random.Generator) -> int:
    return round(float(np.exp(generator.uniform(*np.log(seconds)))) * SAMPLE_RATE) // FRAME * FRAME


def _excerpt(cut: Cut, generator: np.random.Generator) -> np.ndarray:
    """Some of an utterance at a random level."""
    speech, _ = audio.read(cut.recording.path, SAMPLE_RATE)
    length = min(_samples(EXCERPT, generator), len(speech) // FRAME * FRAME)
    start = generator.integers(len(speech) - length + 1)
    speech = speech[start : start + length]
    level = 10 ** (generator.uniform(*LEVEL_DB) / 20)
    return np.asarray(speech * np.float32(level / max(float(np.sqrt(np.mean(speech**2))), 1e-4)), dtype=np.float32)


def voiced(speech: np.ndarray) -> np.ndarray:
    """For each frame of 10 ms, whether clean speech has energy in it."""
    frames = speech[: len(speech) // FRAME * FRAME].reshape(-1, FRAME)
    level = 10 * np.log10(np.mean(frames.astype(np.float64) ** 2, axis=1) + 1e-12)
    return np.asarray(level > np.percentile(level, 95) - BELOW_DB) if len(level) else np.zeros(0, dtype=bool)


def closed(active: np.ndarray) -> list[tuple[int, int]]:
    """First and last frame (exclusive) of each segment, gaps closed, short ones left out."""
    return runs(active, minimum=SHORTEST, gap=GAP)
