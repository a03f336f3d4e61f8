"""CMU AN4 (Census, about 1991): spelled names, addresses, dates and commands, 84 speakers, 16 kHz, 48 minutes.

The official test split is the test split. There is no official dev split: eight whole train speakers are held out.
"""

import re
from pathlib import Path

from crnn_audio import audio, files
from crnn_audio.batching.manifests import Cut, Recording, whole
from crnn_audio.corpora import download
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.errors import DataError

NAME = "an4"
KIND = "recognition"
LICENCE = "Free for any purpose, commercial or otherwise, with the notice kept (Carnegie Mellon University, BSD-like)"
HOME = "http://www.speech.cs.cmu.edu/databases/an4/"
NOT_FOR = (
    "It knows the words of AN4: spelled letters, numbers, months and a few commands, about a hundred words in "
    "all, in American English by adults at a close microphone. Other words come out as letters that sound like them. "
    "Its training data have no noise, no distant microphones, no children and few accents."
)
COPY = "https://dldata-public.s3.us-east-2.amazonaws.com/"
"""NVIDIA's copy of the official archive, which its home has without encryption alone."""
ARCHIVE = "an4_sphere.tar.gz"
DIGEST = "sha256:a0525579493735d32b60fb6fa5975dd0eaacde087b0a4eeb7f13b7ef33077b12"

# Four women and four men, evenly spaced in the sorted list; none whose id may be a second session (mdcs, mdcs2).
DEV_SPEAKERS = ("fclc", "fjmd", "fnsv", "ftal", "mcrt", "mjbh", "mmsh", "mskh")
EXPECTED = {"train": 948, "test": 130}
# The official archive holds wav/*.sph; the other forms are conversions that people keep.
LAYOUTS = (("wav", ".sph"), ("flac", ".flac"), ("wav", ".wav"), ("flac", ".wav"), ("wav", ".flac"))
TRANSCRIPT = re.compile(r"(?:<s>)?(?P<text>.*?)(?:</s>)?\s*\((?P<id>[^()\s]+)\)\s*")


def read_splits(folder: Path) -> dict[str, list[Cut]]:
    """Reads the corpus from its official layout: etc/an4_{train,test}.{fileids,transcription} and the audio.

    Raises:
        DataError: a list is missing or damaged, it is not 948 + 130 utterances, or audio is missing.
    """
    official = {split: _split(folder, split) for split in EXPECTED}
    train = [cut for cut in official["train"] if cut.speaker not in DEV_SPEAKERS]
    dev = [cut for cut in official["train"] if cut.speaker in DEV_SPEAKERS]
    return {"train": train, "dev": dev, "test": official["test"]}


def _split(folder: Path, split: str) -> list[Cut]:
    file_ids = _lines(folder / "etc" / f"an4_{split}.fileids")
    if len(file_ids) != EXPECTED[split]:
        raise DataError(
            f"{folder}: {len(file_ids)} {split} utterances where AN4 has {EXPECTED[split]}; fetch it again."
        )
    transcripts = _transcripts(folder / "etc" / f"an4_{split}.transcription")
    missing = [file_id for file_id in file_ids if Path(file_id).name not in transcripts]
    if missing:
        raise DataError(f"{folder}: {len(missing)} {split} utterances have no transcript, the first is {missing[0]}.")
    paths = {file_id: _audio_path(folder, file_id) for file_id in file_ids}
    missing = [file_id for file_id, path in paths.items() if path is None]
    if missing:
        raise DataError(f"{folder}: audio of {len(missing)} {split} utterances is missing, the first is {missing[0]}.")
    return [_cut(path, transcripts[path.stem]) for path in paths.values() if path is not None]


def _lines(path: Path) -> list[str]:
    missing = "no such file. AN4's folder holds etc/ and wav/ (or flac/)."
    text = files.read_text(path, DataError, advice="Fetch it again.", missing=missing, encoding="ascii")
    return [line.strip() for line in text.splitlines() if line.strip()]


def _transcripts(path: Path) -> dict[str, str]:
    transcripts = {}
    for number, line in enumerate(_lines(path), 1):
        match = TRANSCRIPT.fullmatch(line)
        if match is None:
            raise DataError(f"{path}, line {number}: not `<s> WORDS </s> (id)` but {line[:60]!r}.")
        transcripts[match["id"]] = match["text"].strip()
    return transcripts


def _audio_path(folder: Path, file_id: str) -> Path | None:
    candidates = (folder / top / f"{file_id}{suffix}" for top, suffix in LAYOUTS)
    return next((path for path in candidates if path.is_file()), None)


def _cut(path: Path, text: str) -> Cut:
    info = audio.inspect(path)
    recording = Recording(path.stem, path, info.sample_rate, info.num_samples, info.num_channels)
    return whole(recording, text, speaker=path.parent.name)


def obtain(folder: Path, progress: Progress | None = None, *, home: str = COPY) -> None:
    """Downloads the official archive (64 MB), unpacks it as `folder` and checks that it is whole.

    Raises:
        DataError: it cannot be reached, is cut short, damaged, or not AN4; `folder` is then not there.
    """
    with arriving(folder) as partial:
        archive = partial / ARCHIVE
        download.fetch(home + ARCHIVE, archive, "AN4", progress, digest=DIGEST)
        download.unpack(archive, partial, "an4")
        read_splits(partial)
