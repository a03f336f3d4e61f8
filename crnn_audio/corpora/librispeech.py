"""LibriSpeech, the 100 hours of clean speech: read audio books, 251 train speakers, 16 kHz.

train is train-clean-100, dev is dev-clean, test is test-clean; dev-other and test-other are splits of their own where
they lie beside them. For all 960 hours, unpack the other parts too and run `crnn-audio prepare folder LibriSpeech`,
which takes every train-* as train.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from crnn_audio import audio, files
from crnn_audio.batching.manifests import Cut, Recording, whole
from crnn_audio.corpora import download
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.errors import DataError

NAME = "librispeech"
KIND = "recognition"
LICENCE = "CC BY 4.0 (Vassil Panayotov, Guoguo Chen, Daniel Povey, Sanjeev Khudanpur; OpenSLR 12)"
HOME = "https://www.openslr.org/resources/12/"
NOT_FOR = (
    "Trained on people who read old books aloud in English, alone and at a good microphone. Conversation, noise, "
    "distant microphones, strong accents and modern names are new to it, and it writes no punctuation, digits or "
    "small letters."
)
PARTS = {"train": "train-clean-100", "dev": "dev-clean", "test": "test-clean"}
OTHERS = {"dev-other": "dev-other", "test-other": "test-other"}
EXPECTED = {"train-clean-100": 28539, "dev-clean": 2703, "test-clean": 2620, "dev-other": 2864, "test-other": 2939}
DIGESTS = {
    "train-clean-100": "sha256:d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
    "dev-clean": "sha256:76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
    "test-clean": "sha256:39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23",
}
"""Of the archives, as torchaudio lists them."""
# The official archives hold FLAC; the other forms are conversions that people keep.
SUFFIXES = (".flac", ".wav", ".opus", ".ogg", ".mp3")
TRANSCRIPT = re.compile(r"(?P<id>\d+-\d+-\d+) (?P<text>.*\S)")


def read_splits(folder: Path) -> dict[str, list[Cut]]:
    """Reads the corpus from its official layout, <part>/<speaker>/<chapter>/*.trans.txt and the audio beside it.

    Raises:
        DataError: a part is missing or not whole.
    """
    top = _top(folder)
    others = {split: part for split, part in OTHERS.items() if (top / part).is_dir()}
    return {split: read_part(top / part, EXPECTED[part]) for split, part in {**PARTS, **others}.items()}


def _top(folder: Path) -> Path:
    """The folder of the parts, with or without the folder that the official archives put around them."""
    return folder / "LibriSpeech" if (folder / "LibriSpeech").is_dir() else folder


def read_part(folder: Path, expected: int) -> list[Cut]:
    """The cuts of one part, such as dev-clean, that has `expected` utterances.

    Raises:
        DataError: it is not there, has another number of utterances, a broken transcript or missing audio.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder. LibriSpeech's parts lie side by side, as their archives unpack.")
    lists = sorted(folder.glob("*/*/*.trans.txt"))
    cuts = [_cut(path.parent, *pair) for path in lists for pair in transcripts(path)]
    if len(cuts) != expected:
        raise DataError(f"{folder}: {len(cuts)} utterances where {folder.name} has {expected}; fetch it again.")
    return cuts


def transcripts(path: Path) -> list[tuple[str, str]]:
    """The ids and texts of one chapter.

    Raises:
        DataError: the file is not ASCII, or a line is not `<speaker>-<chapter>-<number> WORDS`.
    """
    lines = files.read_text(path, DataError, advice="Fetch it again.", encoding="ascii").splitlines()
    matches = [TRANSCRIPT.fullmatch(line) for line in lines]
    for number, (line, match) in enumerate(zip(lines, matches, strict=True), 1):
        if match is None:
            raise DataError(f"{path}, line {number}: not `1-2-0003 WORDS` but {line[:60]!r}. Fetch it again.")
    return [(match["id"], match["text"]) for match in matches if match]


def _cut(chapter: Path, utterance: str, text: str) -> Cut:
    path = next((chapter / f"{utterance}{suffix}" for suffix in SUFFIXES if _is_file(chapter, utterance, suffix)), None)
    if path is None:
        raise DataError(f"{chapter}: no audio of {utterance}, which has a transcript. Fetch it again.")
    info = audio.inspect(path)
    recording = Recording(utterance, path, info.sample_rate, info.num_samples, info.num_channels)
    return whole(recording, text, speaker=utterance.partition("-")[0])


def _is_file(chapter: Path, utterance: str, suffix: str) -> bool:
    return (chapter / f"{utterance}{suffix}").is_file()


def obtain(folder: Path, progress: Progress | None = None, *, home: str = HOME) -> None:
    """Downloads the three official archives (7 GB), unpacks them as `folder` and checks that they are whole.

    Raises:
        DataError: one cannot be reached, is cut short, damaged, or not what it should be; `folder` is then not there.
    """
    with arriving(folder) as partial:
        obtain_parts(partial, {part: DIGESTS[part] for part in PARTS.values()}, home, progress)
        read_splits(partial)


def obtain_parts(folder: Path, parts: Mapping[str, str], home: str, progress: Progress | None) -> None:
    """Downloads and unpacks the archives of parts, each with its digest, into one folder."""
    for part, digest in parts.items():
        archive = folder / f"{part}.tar.gz"
        download.fetch(f"{home}{archive.name}", archive, part, progress, digest=digest)
        download.unpack(archive, folder, "LibriSpeech")
