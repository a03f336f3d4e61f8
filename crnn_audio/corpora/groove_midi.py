"""Groove MIDI: drummers on an electronic kit, 13.6 hours of MIDI in official splits, to be rendered with soundfonts.

Read here is version 1.0.0 without its recordings (Gillick et al. 2019, "Learning to groove with inverse sequence
transformations").
"""

from pathlib import Path

from crnn_audio.corpora import tables
from crnn_audio.corpora.rendered import Piece
from crnn_audio.errors import DataError
from crnn_audio.files import read_bytes
from crnn_audio.symbolic import played

SOURCE = "groove_midi"
LICENCE = "CC BY 4.0 (Google Inc.; Jon Gillick, Adam Roberts, Jesse Engel, Douglas Eck, David Bamman)"
HOME = "https://magenta.tensorflow.org/datasets/groove"
ADVICE = f"Download its MIDI files from {HOME} and unpack them as data/{SOURCE}."
TABLE = "info.csv"
COLUMNS = {"id", "midi_filename", "split", "beat_type"}
EXPECTED = {"train": 897, "dev": 124, "test": 129}


def read_pieces(folder: Path) -> dict[str, list[Piece]]:
    """The performances by split.

    Raises:
        DataError: the corpus is not whole, or a file is damaged.
    """
    table = tables.read(folder / TABLE)
    if missing := sorted(COLUMNS - set(table.columns)):
        raise DataError(f"{folder / TABLE}: no column {missing[0]!r}. Fetch the corpus again from {HOME}.")
    splits: dict[str, list[Piece]] = {split: [] for split in EXPECTED}
    for fields in (row.fields for row in table.rows):
        split = "dev" if fields["split"] == "validation" else fields["split"]
        splits.setdefault(split, []).append(_read(folder / fields["midi_filename"], fields["id"]))
    counts = {split: len(pieces) for split, pieces in splits.items()}
    if counts != EXPECTED:
        raise DataError(f"{folder}: {counts} performances where it has {EXPECTED}. Fetch it again from {HOME}.")
    return splits


def _read(path: Path, id: str) -> Piece:
    try:
        return Piece(id, played.from_midi(read_bytes(path)))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Fetch the corpus again from {HOME}.") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
