"""Files of generated pieces: notes, a picture, sound, and a line of JSON each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from crnn_audio.errors import DataError
from crnn_audio.inference import generated_files
from crnn_audio.symbolic import files, plotting
from crnn_audio.symbolic.score import Score

FORMATS = ("mid", "abc", "musicxml", "json")
LIST = "pieces.jsonl"
"""A line for each piece in the folder."""


@runtime_checkable
class Piece(Protocol):
    """A piece that can be written."""

    def save(self, path: Path, *, mechanical: bool = False) -> None:
        """As notes, in the format of the suffix."""

    def plot(self, path: Path) -> None:
        """As a picture."""

    def render(self, path: Path, *, mechanical: bool = False) -> None:
        """As sound."""


@dataclass(frozen=True)
class PieceFiles:
    """Where one piece is written: its notes at `path`, and what stands beside them."""

    path: Path
    picture: Path
    sound: Path | None
    settings: Mapping[str, Any]
    mechanical: bool = False

    @property
    def names(self) -> list[str]:
        """Of its files."""
        return [path.name for path in (self.path, self.picture, self.sound) if path]

    def write(self, piece: Piece, facts: dict[str, Any]) -> None:
        """Its files, and its line in the folder's list, in place of an earlier one of the same file.

        Raises:
            DataError: they cannot be written.
        """
        generated_files.add(self.path.parent / LIST, facts, self.names, self.settings)
        piece.save(self.path, mechanical=self.mechanical)
        piece.plot(self.picture)
        if self.sound:
            piece.render(self.sound, mechanical=self.mechanical)


def output_files(
    out: Path, name: str, seeds: Sequence[int], settings: Mapping[str, Any], *, form: str, wav: bool, mechanical: bool
) -> list[PieceFiles]:
    """Where pieces of a model will be written, before the first is generated.

    Args:
        settings: what, beside its seed, decides what a piece is.
        mechanical: all notes equally loud, at an even tempo.

    Raises:
        DataError: there is no such format, an extra is missing, the folder cannot be created, or another file stands
            there.
    """
    if form not in FORMATS:
        raise DataError(f"--format {form}: there are {', '.join(FORMATS)}.")
    if form == "musicxml" and find_spec("music21") is None:
        raise DataError("--format musicxml needs music21: pip install 'crnn-audio[music]'.")
    if wav and find_spec("pretty_midi") is None:
        raise DataError("--wav needs the soundfont of pretty_midi: pip install 'crnn-audio[music]'.")
    notes = [out / f"{name}-{seed}.{form}" for seed in seeds]
    found = [
        PieceFiles(one, one.with_suffix(".png"), one.with_suffix(".wav") if wav else None, settings, mechanical)
        for one in notes
    ]
    generated_files.free(out, [one.names for one in found], LIST, settings)
    return found


@dataclass(frozen=True)
class ScoreSample:
    """A piece that a model generated while it was trained."""

    score: Score

    @property
    def text(self) -> str:
        """Nothing: music is listened to."""
        return ""

    def save(self, stem: Path) -> None:
        """Writes MIDI and a picture, unless it has no notes."""
        if self.score.notes:
            files.save(self.score, stem.with_suffix(".mid"))
            plotting.plot(self.score, stem.with_suffix(".png"))
