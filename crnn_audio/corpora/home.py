"""Where a corpus lies: `--root`, $CRNN_AUDIO_DATA/<name>, data/<name>; else it is made or fetched into data/<name>."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from crnn_audio import audio
from crnn_audio.errors import DataError

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is in all (0: not known)."""


LOCAL = "files of your own"
"""The home of corpora that nobody but their owner has: a recipe names their root."""


@runtime_checkable
class Corpus(Protocol):
    """What every module of a corpus offers."""

    NAME: str
    KIND: str
    """The kind of recipe that trains on it: recognition, rolls, music or text."""
    LICENCE: str
    HOME: str
    NOT_FOR: str
    """What a model of this corpus alone is not good for, for its model card."""

    def obtain(self, folder: Path, progress: Progress | None = None) -> None:
        """Makes or downloads the corpus as `folder`, which must not exist, whole or not at all."""

    def read_splits(self, folder: Path, /) -> Mapping[str, Any]:
        """Reads the corpus that lies in `folder`: train, dev and test, each cuts, pieces or a text."""


def sounds(folder: str | Path, sample_rate: int) -> tuple[np.ndarray, ...]:
    """Every recording in a folder and the folders in it, such as noises or impulse responses, in order of their names.

    A relative folder counts from here, then from $CRNN_AUDIO_DATA, then from data/.

    Raises:
        DataError: there is no such folder, nothing in it, or a file that cannot be read.
    """
    roots = [Path(), *([Path(set_to)] if (set_to := os.environ.get("CRNN_AUDIO_DATA")) else []), Path("data")]
    places = [root / folder for root in roots]
    place = next((one for one in places if one.is_dir()), None)
    if place is None:
        raise DataError(f"{folder}: no such folder of recordings (looked at {', '.join(map(str, places))}).")
    paths = sorted(path for path in place.rglob("*") if path.suffix.lower() in audio.READABLE and path.is_file())
    if not paths:
        raise DataError(f"{place}: holds no recordings (WAV, FLAC, Ogg, Opus, MP3 and the like).")
    return tuple(audio.read(path, sample_rate, adjust=False)[0] for path in paths)


def locate(corpus: Corpus, root: Path | None = None, progress: Progress | None = None) -> Path:
    """The folder that the corpus lies in, made or fetched into data/<name> first if it lies nowhere.

    A `root` that is given is the only place looked at, and nothing is fetched into it. What has no home is nowhere
    else, be it a folder or a file; reading it reports what is wrong.

    Raises:
        DataError: it is not there and could not be had; with every place tried and what to do.
    """
    if root is not None and corpus.HOME == LOCAL:
        return root
    found = find(corpus.NAME, root=root)
    if found is not None:
        return found
    tried = "looked at " + ", ".join(map(str, places(corpus.NAME, root=root)))
    if root is not None:
        raise DataError(f"{corpus.NAME}: not found ({tried}). Without a root it is obtained from {corpus.HOME}.")
    target = _own_place(corpus.NAME)
    try:
        corpus.obtain(target, progress)
    except DataError as error:
        advice = f"Then run `crnn-audio prepare {corpus.NAME}`, or set CRNN_AUDIO_DATA to the folder above it."
        raise DataError(f"{corpus.NAME}: not found ({tried}) and not obtained. {error} {advice}") from None
    return target


def find(name: str, *, root: Path | None = None) -> Path | None:
    """The first of `places` that is there."""
    return next((place for place in places(name, root=root) if place.is_dir()), None)


def places(name: str, *, root: Path | None = None) -> list[Path]:
    """Where the corpus is looked for, in order."""
    if root is not None:
        return [root]
    shared = os.environ.get("CRNN_AUDIO_DATA")
    return [*([Path(shared) / name] if shared else []), _own_place(name)]


def _own_place(name: str) -> Path:
    return Path("data") / name


@contextmanager
def arriving(folder: Path) -> Iterator[Path]:
    """Gives an empty folder beside `folder`, which becomes it on leaving without an error and vanishes otherwise.

    Raises:
        DataError: the disk is full or the place cannot be written.
    """
    partial: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".partial"))
        yield partial
        partial.chmod(0o755)
        partial.rename(folder)
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error}).") from None
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
