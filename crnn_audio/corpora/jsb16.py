"""382 of Bach's chorales in their own keys, pitches of four voices on the sixteenth, in the published split.

The notes are Moray Allan's; the split is that of Boulanger-Lewandowski, Bengio and Vincent (2012); Huang and Cooijmans
divided the voices for Coconet (2017). A held note and one that is repeated look alike.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from crnn_audio import files
from crnn_audio.corpora import download, object_arrays
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.corpora.tunes import Tune
from crnn_audio.errors import DataError
from crnn_audio.symbolic import quartet_tokens
from crnn_audio.symbolic.chorale_tokens import VOICES
from crnn_audio.symbolic.score import Score

NAME = "jsb16"
KIND = "music"
LICENCE = "Bach's music is in the public domain; the encodings state no licence, and are neither copied nor shipped"
HOME = "https://github.com/czhuang/JSB-Chorales-dataset"
FILES = "https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/"
COMMIT = "9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d"
NOT_FOR = "anything but four voices in Bach's manner: repeated notes, bars, words, dynamics or tempo"
PLAIN, ARRAYS = "Jsb16thSeparated.json", "Jsb16thSeparated.npz"
"""Either will do: lists of [soprano, alto, tenor, bass], silence -1; or arrays, silence NaN."""
LARGEST = 1 << 23
"""Bytes of a split, unpacked; the largest has half a million."""
SPLITS = {"train": "train", "dev": "valid", "test": "test"}
EXPECTED = {"train": 229, "dev": 76, "test": 77}

Pitches = Int[np.ndarray, "T 4"]


def read_splits(folder: Path) -> dict[str, list[Tune]]:
    """The pieces by split; they have no conditions, not even a metre.

    Raises:
        DataError: the folder holds neither file; it is damaged; a piece is not of four voices, ends in silence or has a
            pitch out of range.
    """
    return {
        split: [
            Tune(
                name := f"{NAME}-{split}-{number}",
                quartet_tokens.decode(quartet_tokens.of_pitches(one), Score((), title=name)),
                {},
            )
            for number, one in enumerate(found)
        ]
        for split, found in pitches(folder).items()
    }


def pitches(folder: Path) -> dict[str, list[Pitches]]:
    """The MIDI pitches of each piece by split, -1 being silence.

    Raises:
        DataError: as `read_splits`.
    """
    path = next((folder / name for name in (PLAIN, ARRAYS) if (folder / name).is_file()), folder / PLAIN)
    content = _arrays(path) if path.name == ARRAYS else _lists(path)
    if missing := [name for name in SPLITS.values() if name not in content]:
        raise DataError(f"{path}: holds no {missing[0]!r}. {_anew(path)}")
    return {
        split: [_checked(one, f"{path}, {NAME}-{split}-{number}") for number, one in enumerate(content[name])]
        for split, name in SPLITS.items()
    }


def _anew(path: Path) -> str:
    return f"Fetch it again from {FILES}{path.name}."


def _lists(path: Path) -> dict[str, Any]:
    missing = f"no such file, nor {ARRAYS}. {_anew(path)}"
    found = files.read_json_object(path, DataError, advice=_anew(path), missing=missing)
    if not all(isinstance(one, list) for one in found.values()):
        raise DataError(f"{path}: no lists of pieces by split. {_anew(path)}")
    return found


def _arrays(path: Path) -> dict[str, Any]:
    """The splits of the archive: arrays of arrays, which NumPy keeps as a pickle."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy"): _split(archive, name) for name in archive.namelist()}
    except Exception as error:  # a damaged file lets zipfile and its decoders raise anything
        raise DataError(f"{path}: cannot be read ({error!r}). {_anew(path)}") from None


def _split(archive: zipfile.ZipFile, name: str) -> list[Any]:
    with archive.open(name) as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"{name} is of more than {LARGEST:,} bytes")
    if not content.startswith(b"\x93NUMPY\x01\x00"):
        raise ValueError(f"{name} is of another version")
    header = 10 + int.from_bytes(content[8:10], "little")
    return list(object_arrays.read(content[header:]))


def _checked(found: Any, where: str) -> Pitches:
    try:
        grid = np.asarray(found, dtype=np.float64)
    except (ValueError, TypeError):
        grid = np.zeros(0)
    if grid.ndim != 2 or grid.shape[1] != len(VOICES) or not len(grid):
        raise DataError(f"{where}: no table of four voices, a row a sixteenth.")
    grid = np.where(np.isnan(grid), -1, grid)
    fits = (grid == -1) | ((grid >= quartet_tokens.LOWEST) & (grid <= quartet_tokens.HIGHEST) & (grid % 1 == 0))
    if not fits.all():
        row, voice = np.argwhere(~fits)[0].tolist()
        raise DataError(
            f"{where}, {VOICES[voice]}, sixteenth {row}: {grid[row, voice]:g}; it should be a MIDI pitch from "
            f"{quartet_tokens.LOWEST} to {quartet_tokens.HIGHEST}, or silence."
        )
    if (grid[-1] == -1).all():
        raise DataError(f"{where}: ends in silence, which no note keeps; its last sixteenth should sound.")
    return grid.astype(np.int64)


def obtain(folder: Path, progress: Progress | None = None, *, home: str = FILES) -> None:
    """Downloads the file (1.7 MB) as `folder` and checks that it is whole.

    Raises:
        DataError: it cannot be reached, is cut short, damaged, or not the collection; `folder` is then not there.
    """
    with arriving(folder) as partial:
        address = f"{home}{COMMIT}/{PLAIN}"
        download.fetch(address, partial / PLAIN, "jsb16", progress)
        counts = {split: len(found) for split, found in pitches(partial).items()}
        if counts != EXPECTED:
            raise DataError(f"{address}: {counts} pieces, where the collection has {EXPECTED}.")
