"""Files of pieces that were written: notes, picture, sound, and a line of JSON each; nobody else's file is replaced."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.errors import DataError
from crnn_audio.inference.composer import Composed

FORMATS = ("mid", "abc", "musicxml", "json")
LIST = "pieces.jsonl"
"""A line for each piece in the folder."""


@dataclass(frozen=True)
class PieceFiles:
    """Where one piece is written."""

    notes: Path
    picture: Path
    sound: Path | None

    def write(self, piece: Composed, facts: dict[str, Any]) -> None:
        """Its files, and its line in the folder's list, in place of an earlier one of the same file.

        Raises:
            DataError: they cannot be written.
        """
        piece.save(self.notes)
        piece.plot(self.picture)
        if self.sound:
            piece.render(self.sound)
        listed(self.notes.parent / LIST, facts)


def writing(out: Path, name: str, seeds: Sequence[int], *, form: str, wav: bool) -> list[PieceFiles]:
    """Where pieces of a model will stand, before the first is written.

    Raises:
        DataError: there is no such format, an extra is missing, the folder cannot be made, or a file stands there that
            is not in its list.
    """
    if form not in FORMATS:
        raise DataError(f"--format {form}: there are {', '.join(FORMATS)}.")
    if form == "musicxml" and find_spec("music21") is None:
        raise DataError("--format musicxml needs music21: pip install 'crnn-audio[music]'.")
    if wav and find_spec("pretty_midi") is None:
        raise DataError("--wav needs the soundfont of pretty_midi: pip install 'crnn-audio[music]'.")
    notes = free(out, [f"{name}-{seed}.{form}" for seed in seeds], LIST)
    return [PieceFiles(one, one.with_suffix(".png"), one.with_suffix(".wav") if wav else None) for one in notes]


def free(out: Path, names: Sequence[str], listing: str) -> list[Path]:
    """Paths in a folder, made if need be, where files may be written, and none stands that is not in its list.

    Raises:
        DataError: the folder cannot be made, or such a file stands there.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: cannot be made a folder ({error.strerror}).") from None
    own = {line.get("path") for line in _lines(out / listing)}
    for path in (found := [out / name for name in names]):
        if path.exists() and str(path) not in own:
            raise DataError(f"{path}: exists and is not from here. Choose another --out, or another --seed.")
    return found


def listed(path: Path, facts: dict[str, Any]) -> None:
    """Adds a line to a folder's list, in place of an earlier one of the same file."""
    lines = [line for line in _lines(path) if line.get("path") != facts["path"]]
    files.write_text(path, "".join(json.dumps(line) + "\n" for line in [*lines, facts]))


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        lines = [files.parse_json(line) for line in files.read_text(path, ValueError).splitlines()]
    except ValueError as error:
        raise DataError(f"{path}: damaged ({error}). Move it away.") from None
    return [line for line in lines if isinstance(line, dict)]
