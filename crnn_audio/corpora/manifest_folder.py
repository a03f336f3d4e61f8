"""Manifests as a corpus: a folder of train.jsonl, dev.jsonl and test.jsonl (or .jsonl.gz), such as `prepare` writes."""

from pathlib import Path

from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut
from crnn_audio.corpora.home import LOCAL, Progress
from crnn_audio.errors import DataError

NAME = "manifests"
KIND = "recognition"
LICENCE = "Your own: whoever trains on recordings answers for what is in them"
HOME = LOCAL
NOT_FOR = "Anything unlike the recordings that it was trained on."


def read_splits(folder: Path) -> dict[str, list[Cut]]:
    """The cuts by split; dev and test may be missing.

    Raises:
        DataError: there is no manifest of train, or one is damaged.
    """
    paths = {split: _path(folder, split) for split in ("train", "dev", "test")}
    return {split: manifests.load(path) for split, path in paths.items() if split == "train" or path.exists()}


def _path(folder: Path, split: str) -> Path:
    packed = folder / f"{split}.jsonl.gz"
    return packed if packed.exists() and not (folder / f"{split}.jsonl").exists() else folder / f"{split}.jsonl"


def obtain(folder: Path, progress: Progress | None = None) -> None:
    """There is nothing to download.

    Raises:
        DataError: always.
    """
    raise DataError("Make manifests of your recordings with `crnn-audio prepare folder PATH`, and give their folder.")
