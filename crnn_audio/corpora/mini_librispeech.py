"""Mini LibriSpeech: five hours of read audio books for trying things, 28 train speakers, 16 kHz.

train is train-clean-5 and dev is dev-clean-2, as officially; there is no test split. Copies of train-clean-5 with
another dev and `transcripts.tsv` are read too: their splits are as that table says, and their dev scores are not those
of dev-clean-2.
"""

from pathlib import Path

from crnn_audio import audio
from crnn_audio.batching.manifests import Cut, Recording, whole
from crnn_audio.corpora import librispeech, tables
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.errors import DataError

NAME = "mini_librispeech"
KIND = "recognition"
LICENCE = "CC BY 4.0 (Vassil Panayotov, Guoguo Chen, Daniel Povey, Sanjeev Khudanpur; OpenSLR 31)"
HOME = "https://www.openslr.org/resources/31/"
NOT_FOR = (
    "Five hours are far too little for English: it spells by ear, and knows few words. It was trained on people who "
    "read old books aloud, alone and at a good microphone; conversation, noise and distant microphones are new to it."
)
PARTS = {"train": "train-clean-5", "dev": "dev-clean-2"}
EXPECTED = {"train-clean-5": 1519, "dev-clean-2": 1089}
DIGESTS = {
    "train-clean-5": "sha256:47805806c8b15f7549f3c51bd6b7da72ec0128a34d32830c8014a88658c0292d",
    "dev-clean-2": "md5:6d7ab67ac6a1d2c993d050e16d61080d",
}
"""Of the archives; the second is the publisher's, of which no other is known."""
TABLE = "transcripts.tsv"
COLUMNS = {"path", "speaker", "split", "text"}


def read_splits(folder: Path) -> dict[str, list[Cut]]:
    """Reads the corpus from its official layout, or from a copy with transcripts.tsv.

    Raises:
        DataError: a part is missing or not whole.
    """
    if (folder / TABLE).is_file():
        return _from_table(folder)
    top = folder / "LibriSpeech" if (folder / "LibriSpeech").is_dir() else folder
    return {split: librispeech.read_part(top / part, EXPECTED[part]) for split, part in PARTS.items()}


def _from_table(folder: Path) -> dict[str, list[Cut]]:
    table = tables.read(folder / TABLE)
    missing = sorted(COLUMNS - set(table.columns))
    if missing or table.problems:
        what = f"no column {missing[0]!r}." if missing else table.problems[0]
        raise DataError(f"{folder / TABLE}: {what} Fetch it again.")
    splits: dict[str, list[Cut]] = {split: [] for split in PARTS}
    for fields in (row.fields for row in table.rows):
        splits.setdefault(fields["split"], []).append(_cut(folder / fields["path"], fields["text"], fields["speaker"]))
    expected = EXPECTED[PARTS["train"]]
    if len(splits["train"]) != expected or not splits["dev"]:
        found = f"{len(splits['train'])} train and {len(splits['dev'])} dev utterances"
        raise DataError(f"{folder}: {found} where it has {expected} train utterances and a dev split; fetch it again.")
    return splits


def _cut(path: Path, text: str, speaker: str) -> Cut:
    info = audio.inspect(path)
    recording = Recording(path.stem, path, info.sample_rate, info.num_samples, info.num_channels)
    return whole(recording, text, speaker)


def obtain(folder: Path, progress: Progress | None = None, *, home: str = HOME) -> None:
    """Downloads the two official archives (0.5 GB), unpacks them as `folder` and checks that they are whole.

    Raises:
        DataError: one cannot be reached, is cut short, damaged, or not what it should be; `folder` is then not there.
    """
    with arriving(folder) as partial:
        librispeech.obtain_parts(partial, DIGESTS, home, progress)
        read_splits(partial)
