"""Tatoeba: 143,000 pairs of an English and a French sentence, most of them short.

From the file that manythings.org makes for Anki. There is no official split: that of an English sentence is by its
CRC-32 modulo 100 (0 test, 1 dev, else train), so that none stands in two of them. All French sentences of an English
one are right.
"""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from crnn_audio.corpora import download
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.corpora.pairs import Pair, gathered, lines, split_of
from crnn_audio.errors import DataError

NAME = "tatoeba_eng_fra"
KIND = "transduction"
LICENCE = "CC BY 2.0 France, attribution: www.manythings.org/anki and tatoeba.org"
HOME = "https://www.manythings.org/anki/fra-eng.zip"
NOT_FOR = "Texts of several sentences, long sentences, names and technical words; its pairs are phrases of daily life."
FILE = "pairs.tsv"
SPLITS = ("train", "dev", "test")


def read_splits(folder: Path) -> dict[str, list[Pair]]:
    """The pairs by split, English to French, of pairs.tsv (or pairs.tsv.gz): split, English, French.

    Raises:
        DataError: it is missing or damaged.
    """
    path = next((one for one in (folder / f"{FILE}.gz", folder / FILE) if one.is_file()), None)
    if path is None:
        raise DataError(f"{folder}: no {FILE}. Fetch it again.")
    rows: dict[str, list[tuple[str, str]]] = {split: [] for split in SPLITS}
    for number, line in list(lines(path))[1:]:
        split, _, pair = line.partition("\t")
        source, tab, target = pair.partition("\t")
        if split not in rows or not tab:
            raise DataError(f"{path}, line {number}: not a split, an English and a French sentence but {line[:60]!r}.")
        rows[split].append((source, target))
    return {split: gathered(found, split) for split, found in rows.items()}


def obtain(folder: Path, progress: Progress | None = None, *, home: str = HOME) -> None:
    """Downloads the archive (8 MB), which grows with the years, and writes its pairs into pairs.tsv.

    Raises:
        DataError: it cannot be reached, or is damaged; `folder` is then not there.
    """
    with arriving(folder) as partial:
        archive = partial / "fra-eng.zip"
        download.fetch(home, archive, "Tatoeba", progress)
        try:
            with zipfile.ZipFile(archive) as packed:
                (partial / "fra.txt").write_bytes(packed.read("fra.txt"))
        except (zipfile.BadZipFile, KeyError, OSError, zlib.error) as error:
            raise DataError(f"{home}: is damaged ({error}). Try again later.") from None
        rows = dict.fromkeys(_pairs(partial / "fra.txt"))  # exact duplicates once
        text = "".join(f"{split_of(english, 100)}\t{english}\t{french}\n" for english, french in rows)
        (partial / FILE).write_text(f"split\teng\tfra\n{text}", encoding="utf-8")
        (partial / "fra.txt").unlink()
        archive.unlink()
        read_splits(partial)


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    for _, line in lines(path):
        english, french, *_ = [*line.split("\t"), ""]
        yield english, french
