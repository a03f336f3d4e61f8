"""Corpora by their names: found, made or fetched, and all of it read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crnn_audio.config.explain import nearest
from crnn_audio.corpora import CORPORA, home
from crnn_audio.corpora.home import Progress
from crnn_audio.corpora.own.prepare import write_manifests
from crnn_audio.errors import DataError
from crnn_audio.problems.registry import PROBLEMS


@dataclass(frozen=True)
class Prepared:
    """A corpus that lies in `folder`: figures of each split, what makes it unusable, what a person should know."""

    folder: Path
    rows: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]


def prepare(
    corpus: str,
    *,
    root: str | Path | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Finds, makes or downloads a corpus and reads all of it once.

    Args:
        corpus: its name.
        root: where it lies, if not where it is looked for.
        out: a folder for manifests of recordings, <split>.jsonl, which Lhotse reads too; by default none are written.
        progress: called with what is done.

    Raises:
        DataError: there is no such corpus, or it cannot be had; with what there is and what was tried.
    """
    if corpus not in CORPORA:
        known = ", ".join(name for name, one in CORPORA.items() if one.HOME != home.LOCAL)
        near = nearest(corpus, CORPORA)
        raise DataError(f"{corpus}: no such corpus{f'; did you mean {near!r}?' if near else '.'} There are {known}.")
    source = CORPORA[corpus]
    if out is not None and source.KIND != "recognition":
        raise DataError(f"{corpus}: manifests are of recordings, and these are none; leave out --out.")
    folder = home.locate(source, Path(root) if root else None, progress)
    found = PROBLEMS[source.KIND].inspect(corpus, folder, progress)
    if out is not None:
        write_manifests(dict(source.read_splits(folder)), Path(out), folder)
    return Prepared(folder, found.rows, found.problems, found.remarks)
