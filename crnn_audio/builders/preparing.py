"""Corpora by their names: found, made or fetched, and all of it looked through once."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from crnn_audio.batching import checks
from crnn_audio.builders.speech import Splits
from crnn_audio.corpora import CORPORA, home, piano_rolls, texts, tunes
from crnn_audio.corpora.own.prepare import write_manifests
from crnn_audio.corpora.piano_rolls import Piece
from crnn_audio.corpora.tunes import Tune
from crnn_audio.errors import DataError


@dataclass(frozen=True)
class Prepared:
    """A corpus of speech that lies in `folder`: its cuts, and those that cannot be used, by split."""

    folder: Path
    splits: Splits
    findings: dict[str, list[checks.Finding]]


@dataclass(frozen=True)
class PreparedRolls:
    """Piano rolls that lie in `folder`: the pieces of each collection by split, and those whose file is damaged.

    Damaged ones come with what is wrong; `absent` are the files that are not there.
    """

    folder: Path
    collections: dict[str, dict[str, list[Piece]]]
    damaged: dict[str, str]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class PreparedTunes:
    """Music that lies in `folder`: its pieces by split, and the reasons for those that were left out."""

    folder: Path
    splits: dict[str, list[Tune]]
    left_out: dict[str, str]


@dataclass(frozen=True)
class PreparedText:
    """A text that lies in `folder`, by split."""

    folder: Path
    splits: texts.Splits


def prepare(
    corpus: str,
    *,
    root: str | Path | None = None,
    out: str | Path | None = None,
    progress: home.Progress | None = None,
) -> Prepared | PreparedRolls | PreparedTunes | PreparedText:
    """Finds, makes or downloads a corpus and reads all of it once.

    Args:
        corpus: its name.
        root: where it lies, if not where it is looked for.
        out: a folder for manifests of speech, <split>.jsonl, which Lhotse reads too; by default none are written.
        progress: told what is done.

    Raises:
        DataError: there is no such corpus, or it cannot be had; with what there is and what was tried.
    """
    place = Path(root) if root else None
    if corpus not in CORPORA:
        raise DataError(f"{corpus}: no such corpus. There are {', '.join(CORPORA)}.")
    found = CORPORA[corpus]
    if found.KIND != "recognition" and out is not None:
        raise DataError(f"{corpus}: manifests are of recordings, and these are none; leave --out away.")
    folder = home.locate(found, place, progress)
    if found.KIND == "rolls":
        return _rolls(folder)
    splits = dict(found.read_splits(folder))
    if found.KIND == "music":
        left_out = tunes.left_out(folder) if (folder / tunes.LEFT_OUT).exists() else {}
        return PreparedTunes(folder, splits, left_out)
    if found.KIND == "text":
        return PreparedText(folder, splits)
    cache = checks.cache_of(corpus)
    findings = {
        split: [
            *checks.unreadable(cuts, cache, progress and partial(progress, f"checking {split}")),
            *checks.empty(cuts),
        ]
        for split, cuts in splits.items()
    }
    if out is not None:
        write_manifests(splits, Path(out), folder)
    return Prepared(folder, splits, findings)


def _rolls(folder: Path) -> PreparedRolls:
    collections: dict[str, dict[str, list[Piece]]] = {}
    damaged: dict[str, str] = {}
    absent = [file for file in piano_rolls.FILES.values() if not (folder / file).exists()]
    if len(absent) == len(piano_rolls.FILES):
        raise DataError(f"{folder}: holds none of {', '.join(absent)}. They come from {piano_rolls.HOME}.")
    for name in (name for name, file in piano_rolls.FILES.items() if file not in absent):
        try:
            collections[name] = piano_rolls.read_splits(folder, name)
        except DataError as error:
            damaged[name] = str(error)
    return PreparedRolls(folder, collections, damaged, tuple(absent))
