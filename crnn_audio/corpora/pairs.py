"""Your own pairs of texts: a folder of train.tsv, dev.tsv and test.tsv (or .tsv.gz): source, tab, target in a line.

`crnn-audio prepare pairs FILE --out FOLDER` makes such a folder of one table. A source that stands in several lines has
several right targets.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crnn_audio import files
from crnn_audio.corpora.home import LOCAL, Progress
from crnn_audio.errors import DataError

NAME = "pairs"
KIND = "transduction"
LICENCE = "as you say"
HOME = LOCAL
NOT_FOR = "Anything that differs from the pairs that it learned from."
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Pair:
    """A source and what it may become: one target, or several that are all right."""

    id: str
    source: str
    targets: tuple[str, ...]


def read_splits(folder: Path) -> dict[str, list[Pair]]:
    """The pairs by split; there may be no test.

    Raises:
        DataError: train or dev is missing, or a line holds no pair.
    """
    found = {}
    for split in SPLITS:
        path = next(
            (folder / f"{split}{end}" for end in (".tsv", ".tsv.gz") if (folder / f"{split}{end}").is_file()), None
        )
        if path:
            found[split] = gathered(table(path), split)
        elif split != "test":
            raise DataError(
                f"{folder}: no {split}.tsv. A folder of pairs holds train.tsv and dev.tsv, and test.tsv if it has one."
            )
    return found


def split(path: Path, folder: Path) -> dict[str, list[Pair]]:
    """Makes train.tsv, dev.tsv and test.tsv in `folder` of one table: a source's split is by its CRC-32 modulo 10.

    0 is test, 1 dev, all else train: no source stands in two of them, and a table that has grown is split the same way.

    Raises:
        DataError: the table cannot be read, is too short for a dev split, or `folder` holds other splits.
    """
    found = gathered(table(path), path.name.partition(".")[0])
    splits: dict[str, list[Pair]] = {name: [] for name in SPLITS}
    for pair in found:
        splits[split_of(pair.source)].append(pair)
    if not splits["dev"] or not splits["train"]:
        raise DataError(
            f"{path}: {len(found)} sources are too few to hold a tenth of them out. Write the splits yourself."
        )
    for name, pairs in splits.items():
        text = "".join(f"{pair.source}\t{target}\n" for pair in pairs for target in pair.targets)
        out = folder / f"{name}.tsv"
        if out.exists() and files.read_text(out, DataError) != text:
            raise DataError(f"{out}: holds other pairs. Choose another --out, or remove it.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files.write_text(out, text)
        except OSError as error:
            raise DataError(f"{out}: cannot be written ({error.strerror}). Choose another --out.") from None
    return splits


def split_of(source: str, parts: int = 10) -> str:
    """The split of a source, by its CRC-32 modulo `parts`: 0 is test, 1 dev, else train."""
    return {0: "test", 1: "dev"}.get(zlib.crc32(source.encode()) % parts, "train")


def obtain(folder: Path, progress: Progress | None = None) -> None:
    """Your own files are nowhere to be had.

    Raises:
        DataError: always.
    """
    raise DataError(
        f"{folder}: no such folder. Name yours with data.root, or make one with `crnn-audio prepare pairs`."
    )


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a UTF-8 file, compressed or not, without empty ones.

    Raises:
        DataError: it cannot be read, or is not UTF-8.
    """
    for number, line in enumerate(files.read_text(path, DataError).split("\n"), 1):
        if line.strip():
            yield number, line.removesuffix("\r")


def table(path: Path) -> Iterator[tuple[str, str]]:
    """The pairs of a table: a source, a tab and a target a line; further columns are not read.

    Raises:
        DataError: a line has no tab, an empty source or an empty target.
    """
    for number, line in lines(path):
        source, tab, rest = line.partition("\t")
        target = rest.partition("\t")[0]
        if not tab:
            raise DataError(f"{path}, line {number}: no tab between a source and a target, but {line[:60]!r}.")
        if not source.strip() or not target.strip():
            what = "target" if source.strip() else "source"
            raise DataError(
                f"{path}, line {number}: a pair without a {what}: {line[:60]!r}. Remove the line, or fill it."
            )
        yield source, target


def gathered(found: Iterable[tuple[str, str]], name: str) -> list[Pair]:
    """Pairs with all targets of a source together, in order of their first line."""
    targets: dict[str, list[str]] = {}
    for source, target in found:
        known = targets.setdefault(source, [])
        if target not in known:
            known.append(target)
    return [Pair(f"{name}-{number}", source, tuple(known)) for number, (source, known) in enumerate(targets.items(), 1)]
