"""Ryan's Mammoth Collection (Boston 1883): reels, hornpipes, jigs and strathspeys, in ABC in the pip package music21.

The tunes are read as they stand, each strain once and with its last ending. Settings of one melody share a split.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from crnn_audio import files
from crnn_audio.corpora import tunes
from crnn_audio.corpora.abc_tunes import melody, without_copies
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.corpora.music21_package import repertory
from crnn_audio.corpora.tunes import Tune
from crnn_audio.errors import DataError
from crnn_audio.symbolic import abc

NAME = "folk_tunes"
KIND = "music"
LICENCE = (
    "The book of 1883 is in the public domain; the transcriptions come with music21, of which its makers say that they "
    "are public domain or used by permission, and are neither copied nor shipped"
)
HOME = "https://github.com/cuthbertLab/music21"
NOT_FOR = (
    "anything but short melodies of fiddlers' dances of the nineteenth century: no chords, no second voice, no songs"
)
STYLES = ("reel", "hornpipe", "jig", "slip jig", "strathspey", "highland fling", "clog")
"""Those of more than a few tunes; another is no condition."""
SPELLINGS = {"slipjig": "slip jig", "fling": "highland fling"}


def read_splits(folder: Path) -> dict[str, list[Tune]]:
    """The tunes by split; each has the conditions key, metre and, mostly, style.

    Raises:
        DataError: the folder does not hold what `obtain` writes.
    """
    return tunes.split(tunes.load(folder))


def obtain(folder: Path, progress: Progress | None = None) -> None:
    """Reads the package's tunes and writes them as `folder`.

    Raises:
        DataError: music21 is not installed, or the folder cannot be written.
    """
    paths = sorted(repertory("ryansMammoth").glob("*.abc"))
    found, left_out = tunes.read_each(paths, read, "tunes", progress)
    kept, copies = without_copies(list(found.values()))
    with arriving(folder) as partial:
        tunes.save(kept, left_out | copies, partial)


def read(path: Path) -> Tune:
    """The tune of one file.

    Raises:
        DataError: it cannot be read, or is no melody whose bars are all full.
    """
    sources = abc.tune_sources(abc.text_of(files.read_content(path, DataError)))
    if len(sources) != 1:
        raise DataError(f"its file holds {len(sources)} tunes")
    tune = abc.read_tune(sources[0], repeats=False)
    return melody(path.stem, tune, _style(tune.fields))


def _style(fields: Mapping[str, str]) -> str:
    """By the R: field, else by the title: "Lanigan's Ball -- Jig"."""
    name = fields.get("R") or fields.get("T", "").rpartition("--")[2]
    name = re.sub(r"[^a-z ]", "", name.lower()).strip()
    style = SPELLINGS.get(name, name)
    return style if style in STYLES else ""
