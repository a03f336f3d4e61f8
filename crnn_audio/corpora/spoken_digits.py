"""Spoken digits, made on the spot: strings of one to seven digits by espeak-ng in many voices, 16 kHz.

A voice is an espeak-ng variant, whatever the accent; those of dev and test never occur in train. The corpus is a
function of its seed, sizes and the version of espeak-ng.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crnn_audio import audio
from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut, Recording, whole
from crnn_audio.corpora import espeak
from crnn_audio.corpora.home import Progress, arriving

NAME = "spoken_digits"
KIND = "recognition"
LICENCE = "Made on this machine; speech synthesised by espeak-ng (GPL-3) is not itself covered by its licence"
HOME = "https://github.com/espeak-ng/espeak-ng"
NOT_FOR = (
    "Trained on synthetic voices that say the ten digits in English: every sound becomes digits. "
    "People's voices, noise and reverberation are new to it."
)

SAMPLE_RATE = 16000
SEED = 1
SIZES = {"train": 2400, "dev": 240, "test": 400}
LONGEST = 7
CHUNK = 80
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en", "en-US", "en-029", "en-GB-scotland", "en-GB-x-rp", "en-US-nyc", "en-GB-x-gbclan", "en-GB-x-gbcwmd")

# espeak-ng's voice variants; those of one family (iven2, iven3; klatt, klatt2) stand in one split. Not used:
# kaukovalta, zac, Alicia, shelby, Demonic, Lee, ian, UniRobot and norbert, of whose ten digits template matching (DTW
# over MFCC against ten other voices) recognised seven at most, where it recognised eight or more of every other voice;
# "fast", which is the plain voice; "Mr serious", for the space; anikaRobot and Gene2, whose originals are here.
_NAMES = {
    "train": """
        Alex Andy Annie AnxiousAndy Diogo Gene Henrique Hugo Mario Michael Mike Nguyen RicishayMax RicishayMax2
        RicishayMax3 Storm Tweaky adam anika announcer benjamin caleb croak david edward edward2 f2 f4 f5 grandpa iven
        iven2 iven3 iven4 john klatt klatt2 klatt3 klatt4 klatt5 klatt6 m1 m3 m5 m7 m8 max michel miguel mike2 pedro rob
        robert robosoft robosoft2 robosoft3 robosoft4 robosoft5 robosoft6 robosoft7 robosoft8 steph steph2 steph3 victor
        whisper whisperf""",
    "dev": "Jacky Marco Reed antonio belinda f1 linda m4 marcelo travis",
    "test": "Andrea Denis aunty boris ed f3 grandma gustave m2 m6 pablo paul quincy sandro",
}
VOICES = {split: tuple(names.split()) for split, names in _NAMES.items()}


@dataclass(frozen=True)
class Utterance:
    """One utterance to be made; its key seeds everything random about it."""

    id: str
    split: str
    line: espeak.Line
    key: tuple[int, ...]


def read_splits(folder: Path) -> dict[str, list[Cut]]:
    """Reads the manifests of a corpus that was made before."""
    return {split: manifests.load(folder / f"{split}.jsonl") for split in VOICES}


def obtain(folder: Path, progress: Progress | None = None) -> None:
    """Makes the corpus as `folder`, whole or not at all, on all cores.

    Raises:
        DataError: espeak-ng is not installed or failed, or the folder cannot be written.
    """
    with arriving(folder) as partial:
        make(partial, progress=progress)


def make(
    folder: Path,
    *,
    sizes: Mapping[str, int] = SIZES,
    longest: int = LONGEST,
    seed: int = SEED,
    progress: Progress | None = None,
) -> None:
    """Writes <split>/<id>.flac and <split>.jsonl into `folder`: `sizes` utterances of at most `longest` digits."""
    planned = [one for split, size in sizes.items() for one in plan(split, size, longest, seed)]
    for split, of_split in speak(planned, folder, progress).items():
        manifests.save(of_split, folder / f"{split}.jsonl")


def speak(utterances: list[Utterance], folder: Path, progress: Progress | None = None) -> dict[str, list[Cut]]:
    """Speaks utterances into <split>/<id>.flac, on all cores; the cuts of each split.

    Raises:
        DataError: espeak-ng is not installed or failed.
    """
    cuts: dict[str, list[Cut]] = {one.split: [] for one in utterances}
    for split in cuts:
        (folder / split).mkdir(exist_ok=True)
    chunks = [chunk for split in cuts for chunk in _chunks([one for one in utterances if one.split == split])]
    done = 0
    for chunk, made in zip(chunks, _in_parallel(chunks, lambda chunk: _make_chunk(chunk, folder)), strict=True):
        cuts[chunk[0].split] += made
        done += len(made)
        if progress:
            progress("speaking", done, len(utterances))
    return cuts


def plan(split: str, size: int, longest: int = LONGEST, seed: int = SEED) -> list[Utterance]:
    """Samples the utterances of a split; every voice speaks equally often, give or take one."""
    generator = np.random.default_rng((seed, _number(split)))
    voices = [str(voice) for voice in generator.permutation(VOICES[split])]
    order = generator.permutation(size) % len(voices)
    return [_sample(split, index, voices[place], longest, seed) for index, place in enumerate(order)]


def _number(split: str) -> int:
    return list(VOICES).index(split)


def _sample(split: str, index: int, voice: str, longest: int, seed: int) -> Utterance:
    key = (seed, _number(split), index)
    generator = np.random.default_rng((*key, 0))
    digits = generator.integers(0, len(WORDS), size=int(generator.integers(1, longest + 1)))
    line = espeak.Line(
        text=" ".join(WORDS[digit] for digit in digits),
        language=str(generator.choice(ACCENTS)),
        variant=voice,
        speed=int(generator.integers(130, 221)),
        pitch=int(generator.integers(30, 71)),
        pitch_range=int(generator.integers(25, 76)),
        word_gap=int(generator.integers(0, 7)),
    )
    return Utterance(f"{split}-{index:04d}", split, line, key)


def _chunks(utterances: list[Utterance]) -> Iterator[list[Utterance]]:
    return (utterances[start : start + CHUNK] for start in range(0, len(utterances), CHUNK))


def _in_parallel(chunks: list[list[Utterance]], work: Callable[[list[Utterance]], list[Cut]]) -> Iterator[list[Cut]]:
    # Threads suffice: espeak-ng speaks in child processes, and soxr and FLAC run outside Python's lock.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        yield from pool.map(work, chunks)


def _make_chunk(chunk: list[Utterance], folder: Path) -> list[Cut]:
    spoken = espeak.speak([utterance.line for utterance in chunk])
    return [_write(utterance, speech, folder) for utterance, speech in zip(chunk, spoken, strict=True)]


def _write(utterance: Utterance, speech: np.ndarray, folder: Path) -> Cut:
    import soundfile  # here, so that naming the corpus needs no libsndfile

    waveform = _recorded(speech, np.random.default_rng((*utterance.key, 1)))
    path = folder / utterance.split / f"{utterance.id}.flac"
    soundfile.write(path, waveform, SAMPLE_RATE, subtype="PCM_16")
    recording = Recording(utterance.id, path, SAMPLE_RATE, len(waveform))
    return whole(recording, utterance.line.text, speaker=utterance.line.variant)


def _recorded(speech: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """As a microphone would have it: at some loudness, with silence before and after, and never wholly silent."""
    waveform = audio.resample(speech.astype(np.float32) / 32768, espeak.SAMPLE_RATE, SAMPLE_RATE)
    peak = np.exp(generator.uniform(np.log(0.1), np.log(0.8)))
    before, after = generator.integers(SAMPLE_RATE // 20, SAMPLE_RATE // 4, size=2)
    padded = np.pad(waveform * (peak / np.abs(waveform).max()), (before, after))
    noise = generator.normal(0.0, peak * 10 ** generator.uniform(-3.2, -2.2), size=padded.shape)
    return (padded + noise).astype(np.float32)
