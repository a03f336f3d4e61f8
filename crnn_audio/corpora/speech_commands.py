"""Google Speech Commands v0.02, the test set: ten commands, other words and silence, 4,890 recordings of a second.

The label is the name of the folder: ten commands, `_unknown_` for 25 other words and `_silence_` for background noise.
Five folds by speaker: a fold holds all of a speaker's recordings; silence, which has no speaker, is parted by its file
names. Exact duplicates are left out. The corpus's own splits are those of fold 1. The training set of 2.3 GB, which has
other speakers, is not used.
"""

import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path

from crnn_audio import audio
from crnn_audio.batching.manifests import Cut, Recording
from crnn_audio.corpora import download
from crnn_audio.corpora.folds import parted
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.errors import DataError

NAME = "speech_commands"
KIND = "classification"
LICENCE = "CC BY 4.0 (Pete Warden and Google; arXiv:1804.03209)"
HOME = "http://download.tensorflow.org/data/speech_commands_test_set_v0.02.tar.gz"
COPY = "https://storage.googleapis.com/download.tensorflow.org/data/"
"""The same place, with encryption."""
ARCHIVE = "speech_commands_test_set_v0.02.tar.gz"
DIGEST = "sha256:cc2a00c1147c2254e9be3fa0f779d8c17421dc349b86366567a8edfa9acd51df"
NOT_FOR = (
    "It knows ten English words, said one at a time by adults and children into their own microphones. What is none of "
    "them should come out as _unknown_, which it learned of 25 other words: many words are like none of these."
)
COMMANDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
UNKNOWN, SILENCE = "_unknown_", "_silence_"
EXPECTED = 4890
FOLDS = 5
LAYOUTS = ("commands", ".")
SUFFIXES = (".wav", ".flac", ".opus", ".ogg")


def read_splits(folder: Path) -> dict[str, list[Cut]]:
    """The recordings with fold 1 as test, fold 2 as dev, and the others as train.

    Raises:
        DataError: as `read_folds`.
    """
    return parted(read_folds(folder))


def read_folds(folder: Path) -> list[list[Cut]]:
    """Five folds of the corpus in <label>/<name>, or commands/<label>/<name>, without exact duplicates.

    Raises:
        DataError: it is not 4,890 recordings, or one cannot be read.
    """
    folds: list[list[Cut]] = [[] for _ in range(FOLDS)]
    cuts = [_cut(path) for path in _recordings(folder)]
    repeated = _repeated(cuts)
    for cut in cuts:
        if cut.id not in repeated:
            folds[zlib.crc32((cut.speaker or cut.recording.path.stem).encode()) % FOLDS].append(cut)
    return folds


def _recordings(folder: Path) -> list[Path]:
    labels = (*COMMANDS, UNKNOWN, SILENCE)
    top = next((folder / one for one in LAYOUTS if (folder / one / UNKNOWN).is_dir()), folder)
    found = [path for label in labels for path in sorted((top / label).glob("*")) if path.suffix in SUFFIXES]
    if len(found) != EXPECTED:
        raise DataError(f"{folder}: {len(found)} recordings, where {NAME} has {EXPECTED}. Fetch it again.")
    return found


def _cut(path: Path) -> Cut:
    """A recording; the name is [<word>_]<speaker>_nohash_<number>, and that of silence a number."""
    label, (named, _, number) = path.parent.name, path.stem.partition("_nohash_")
    word, _, speaker = named.rpartition("_") if number else ("", "", "")
    info = audio.inspect(path)
    recording = Recording(f"{label}/{path.stem}", path, info.sample_rate, info.num_samples, info.num_channels)
    text = "" if label == SILENCE else word or label
    return Cut(recording.id, recording, 0.0, recording.duration, text, speaker or None, label)


def _repeated(cuts: Sequence[Cut]) -> set[str]:
    """The recordings whose samples are those of an earlier one, which has the same label and speaker."""
    alike: dict[tuple[object, ...], list[Cut]] = {}
    for cut in cuts:
        alike.setdefault((cut.label, cut.speaker, cut.recording.path.stat().st_size), []).append(cut)
    seen, repeated = set[tuple[object, bytes]](), set[str]()
    for cut in (cut for some in alike.values() if len(some) > 1 for cut in some):
        samples = audio.read(cut.recording.path, adjust=False)[0].tobytes()
        key = cut.label, hashlib.blake2b(samples, digest_size=16).digest()
        if key in seen:
            repeated.add(cut.id)
        seen.add(key)
    return repeated


def obtain(folder: Path, progress: Progress | None = None, *, home: str = COPY) -> None:
    """Downloads the archive of the test set (113 MB), unpacks it as `folder` and checks that it is whole.

    Raises:
        DataError: it cannot be reached, is cut short, damaged, or not what it should be; `folder` is then not there.
    """
    with arriving(folder) as partial:
        archive = partial / ARCHIVE
        download.fetch(home + ARCHIVE, archive, "Speech Commands", progress, digest=DIGEST)
        download.unpack(archive, partial, ".")
        read_folds(partial)
