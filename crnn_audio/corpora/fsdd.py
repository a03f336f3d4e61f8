"""Free Spoken Digit Dataset: single English digits, 6 speakers, 3,000 recordings, 8 kHz, 22 minutes.

The official test split is each speaker's takes 0 to 4 of a digit. There is no official dev split: takes 5 to 9 are held
out of train. So dev asks what test asks, which is new takes of voices that are known; a held-out speaker would ask
another question, and take a sixth of the training data. That question has its own splits: six folds, a speaker each.
"""

import re
from collections import Counter
from pathlib import Path

from crnn_audio import audio
from crnn_audio.batching.manifests import Cut, Recording, whole
from crnn_audio.corpora import download
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.corpora.spoken_digits import WORDS
from crnn_audio.errors import DataError

NAME = "fsdd"
KIND = "recognition"
LICENCE = "CC BY-SA 4.0 (Zohar Jackson and contributors): attribution, and the same licence on adapted data"
HOME = "https://github.com/Jakobovski/free-spoken-digit-dataset/"
NOT_FOR = (
    "Trained on six men who say one digit at a time, at a telephone's bandwidth (8 kHz): every sound becomes digits. "
    "Other voices, digits in a row, other words and noise are new to it."
)
COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
"""The state of the home that is downloaded; the dataset may grow."""

EXPECTED = {"train": 2400, "dev": 300, "test": 300}
TEST_TAKES, DEV_TAKES = range(5), range(5, 10)
# The home holds recordings/*.wav; the other forms are conversions that people keep.
LAYOUTS = (("recordings", ".wav"), ("flac", ".flac"), ("wav", ".wav"), ("recordings", ".flac"))
NAMED = re.compile(r"(?P<digit>\d)_(?P<speaker>[^_]+)_(?P<take>\d+)")


def read_splits(folder: Path) -> dict[str, list[Cut]]:
    """Reads the corpus from recordings/<digit>_<speaker>_<take>.wav: the file names are the labels.

    Transcripts are spelled as those of spoken_digits ("seven"), so that models of either can be tried on the other.

    Raises:
        DataError: it is not 3,000 recordings of such names, or one cannot be read.
    """
    splits: dict[str, list[Cut]] = {split: [] for split in EXPECTED}
    for split, cut in _cuts(folder):
        splits[split].append(cut)
    return splits


def read_folds(folder: Path) -> list[list[Cut]]:
    """All 500 recordings of each speaker, in alphabetical order of their names.

    Raises:
        DataError: as `read_splits`.
    """
    speakers: dict[str | None, list[Cut]] = {}
    for _, cut in _cuts(folder):
        speakers.setdefault(cut.speaker, []).append(cut)
    return [speakers[speaker] for speaker in sorted(filter(None, speakers))]


def _cuts(folder: Path) -> list[tuple[str, Cut]]:
    """Each recording as a cut, after its official split."""
    recordings = [(path, _named(path)) for path in _recordings(folder)]
    _refuse_incomplete(folder, [named for _, named in recordings])
    found = []
    for path, (split, speaker, text) in recordings:
        info = audio.inspect(path)
        recording = Recording(path.stem, path, info.sample_rate, info.num_samples, info.num_channels)
        found.append((split, whole(recording, text, speaker)))
    return found


def _recordings(folder: Path) -> list[Path]:
    for top, suffix in LAYOUTS:
        if found := sorted((folder / top).glob(f"*{suffix}")):
            return found
    raise DataError(f"{folder}: no recordings. FSDD's folder holds recordings/*.wav (or flac/*.flac).")


def _named(path: Path) -> tuple[str, str, str]:
    """Split, speaker and text."""
    named = NAMED.fullmatch(path.stem)
    if named is None:
        raise DataError(f"{path}: not named <digit>_<speaker>_<take>, as FSDD's recordings are. Move it elsewhere.")
    take = int(named["take"])
    split = "test" if take in TEST_TAKES else "dev" if take in DEV_TAKES else "train"
    return split, named["speaker"], WORDS[int(named["digit"])]


def _refuse_incomplete(folder: Path, names: list[tuple[str, str, str]]) -> None:
    found = {split: sum(name[0] == split for name in names) for split in EXPECTED}
    if found != EXPECTED:
        counts = ", ".join(f"{found[split]} {split} recordings of {EXPECTED[split]}" for split in EXPECTED)
        raise DataError(f"{folder}: {counts}; it is not FSDD as of {COMMIT[:7]}. Fetch it again.")
    for (split, speaker, text), count in Counter(names).items():
        each = EXPECTED[split] // 60  # six speakers say ten digits equally often
        if count != each:
            problem = f"{speaker!r} says {text!r} {count} times in {split}, where each speaker says it {each} times"
            raise DataError(f"{folder}: {problem}. Fetch it again.")


def obtain(folder: Path, progress: Progress | None = None, *, home: str = HOME) -> None:
    """Downloads the repository's archive, unpacks it as `folder` and checks that it is whole.

    Raises:
        DataError: it cannot be reached, is cut short, damaged, or not FSDD; `folder` is then not there.
    """
    with arriving(folder) as partial:
        archive = partial / "fsdd.tar.gz"
        download.fetch(f"{home}archive/{COMMIT}.tar.gz", archive, "FSDD", progress)
        download.unpack(archive, partial, f"free-spoken-digit-dataset-{COMMIT}")
        read_splits(partial)
