"""Cross-validation: a corpus whose cuts are parted into folds, one of which is tested on, the next one chosen on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from crnn_audio.corpora.home import Corpus
from crnn_audio.errors import DataError


@runtime_checkable
class Folded(Protocol):
    """A corpus that has folds."""

    def read_folds(self, folder: Path, /) -> Sequence[Sequence[Any]]:
        """Reads the corpus that lies in `folder`: the cuts of each fold."""


def read_splits(corpus: Corpus, folder: Path, fold: int | None) -> Mapping[str, Any]:
    """The splits of a corpus: its own, or the fold of that number (from 1) as test, the next as dev, the rest as train.

    After the last fold comes the first.

    Raises:
        DataError: the corpus has no folds, or not as many; or it cannot be read.
    """
    if fold is None:
        return corpus.read_splits(folder)
    if not isinstance(corpus, Folded):
        raise DataError(f"{corpus.NAME}: has no folds. Leave data.fold out, for its own train, dev and test.")
    found = corpus.read_folds(folder)
    if fold > len(found):
        raise DataError(f"{corpus.NAME}: has folds 1 to {len(found)}, so there is no data.fold {fold}.")
    return parted(found, fold)


def parted(folds: Sequence[Sequence[Any]], fold: int = 1) -> dict[str, list[Any]]:
    """The fold of that number (from 1) as test, the next as dev, the rest as train."""
    test, dev = fold - 1, fold % len(folds)
    train = [cut for number, cuts in enumerate(folds) if number not in (test, dev) for cut in cuts]
    return {"train": train, "dev": list(folds[dev]), "test": list(folds[test])}
