"""SCAN: commands such as "jump twice and walk left", and the actions that they mean (Lake and Baroni 2018).

`data.collection` names an official split: "simple" (at random), "length" (longer actions in test), "addprim_jump" or
"addprim_turn_left" (a verb that train shows by itself alone). There is no official dev: a tenth of train, by the hash
of the command, is held out.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

from crnn_audio.corpora import download
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.corpora.pairs import Pair, gathered, lines
from crnn_audio.errors import DataError

NAME = "scan"
KIND = "transduction"
LICENCE = "BSD (Facebook, 2016), with the notice kept"
COMMIT = "c4b756cbc010d75c912f16c42c8f15dc6b7e6c8f"
HOME = f"https://raw.githubusercontent.com/brendenlake/SCAN/{COMMIT}/"
NOT_FOR = (
    "Anything but the commands of SCAN, an artificial language of thirteen words that asks how a model generalises."
)
FILES = {
    "simple": ("simple_split", "simple", 16728, 4182),
    "length": ("length_split", "length", 16990, 3920),
    "addprim_jump": ("add_prim_split", "addprim_jump", 14670, 7706),
    "addprim_turn_left": ("add_prim_split", "addprim_turn_left", 21890, 1208),
}
"""Folder, ending of the names, and lines of train and test of each split."""
COLLECTIONS = tuple(FILES)


def read_splits(folder: Path, collection: str | None = None) -> dict[str, list[Pair]]:
    """The commands of an official split, with dev held out of train.

    Raises:
        DataError: there is no such split, or a file is missing, damaged or not whole.
    """
    if collection not in FILES:
        raise DataError(f"{NAME}: data.collection names its split, one of {', '.join(FILES)} (found {collection!r}).")
    inner, ending, *expected = FILES[collection]
    found = {}
    for split, count in zip(("train", "test"), expected, strict=True):
        rows = list(_commands(folder / inner / f"tasks_{split}_{ending}.txt"))
        if len(rows) != count:
            raise DataError(f"{folder}: {len(rows)} commands in {split} of {collection}, where SCAN has {count}.")
        found[split] = gathered(rows, f"{collection}-{split}")
    held_out = {pair.id for pair in found["train"] if zlib.crc32(pair.source.encode()) % 10 == 0}
    return {
        "train": [pair for pair in found["train"] if pair.id not in held_out],
        "dev": [pair for pair in found["train"] if pair.id in held_out],
        "test": found["test"],
    }


def _commands(path: Path) -> Iterator[tuple[str, str]]:
    packed = path.with_name(f"{path.name}.gz")
    for number, line in lines(packed if packed.is_file() else path):
        command, out, actions = line.removeprefix("IN: ").partition(" OUT: ")
        if not out:
            raise DataError(f"{path}, line {number}: not `IN: words OUT: actions` but {line[:60]!r}.")
        yield command, actions


def obtain(folder: Path, progress: Progress | None = None, *, home: str = HOME) -> None:
    """Downloads the four splits as `folder`.

    Raises:
        DataError: they cannot be reached, or are not whole; `folder` is then not there.
    """
    with arriving(folder) as partial:
        for inner, ending, *_ in FILES.values():
            (partial / inner).mkdir(exist_ok=True)
            for name in (f"tasks_{split}_{ending}.txt" for split in ("train", "test")):
                download.fetch(f"{home}{inner}/{name}", partial / inner / name, name, progress)
        for collection in FILES:
            read_splits(partial, collection)
