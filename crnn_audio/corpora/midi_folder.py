"""Any folder of music as a corpus: MIDI, ABC and MusicXML files, in it or below; bad ones are listed, the rest used."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from crnn_audio.corpora import tunes
from crnn_audio.corpora.duplicates import families
from crnn_audio.corpora.home import LOCAL, Progress
from crnn_audio.corpora.tunes import Tune
from crnn_audio.errors import DataError
from crnn_audio.files import read_bytes
from crnn_audio.symbolic import abc, chorale_tokens, files, fitting, melody_tokens, quartet_tokens
from crnn_audio.symbolic.parsed import ParsedScore
from crnn_audio.symbolic.score import Score

NAME = "midi_folder"
KIND = "music"
LICENCE = "Your own: whoever trains on a folder answers for what is in it"
HOME = LOCAL
NOT_FOR = "other music than that of the folder it learned from"
SUFFIXES = tuple(suffix for suffix in files.READ if suffix != ".json")
"""Of files that are read; a folder holds JSON for many reasons."""
Fit = Callable[[Score], tuple[Score, list[str]]]
KINDS: dict[str, tuple[Fit, Callable[[Score], np.ndarray]]] = {
    "melody": (fitting.to_melody, melody_tokens.encode),
    "chorale": (fitting.to_chorale, chorale_tokens.encode),
    "quartet": (fitting.to_chorale, quartet_tokens.encode),
}
"""What pieces are made to fit."""
_NUMBER_OR_VOICE = re.compile(rf"\d[\d.,]*|^(?:{'|'.join(chorale_tokens.VOICES)}): ")
"""What two remarks of one kind may differ by."""
NAMED = 5
"""Problems that an error names; all are in `FolderContents`."""


@dataclass(frozen=True)
class FolderContents:
    """What a folder holds: pieces; of each file or tune that is none the reason; and what was changed, by piece."""

    tunes: list[Tune]
    problems: list[str]
    changes: list[tuple[str, str]]

    @property
    def remarks(self) -> list[str]:
        """What was changed, piece by piece."""
        return [f"{piece}: {change}" for piece, change in self.changes]

    @property
    def summary(self) -> str:
        """What was changed, in a line: each kind of change with the number of pieces and an example; "" if nothing."""
        kinds: dict[str, dict[str, str]] = {}
        for piece, change in self.changes:
            kind = _NUMBER_OR_VOICE.sub("", change)
            kinds.setdefault(kind, {}).setdefault(piece, change)
        if not kinds:
            return ""
        examples = [
            f"{len(pieces)} as {next(iter(pieces))}: {next(iter(pieces.values())).rstrip('.')}"
            for pieces in sorted(kinds.values(), key=len, reverse=True)
        ]
        changed = len({piece for piece, _ in self.changes})
        return f"{changed} of {len(self.tunes)} pieces were changed to fit: {'; '.join(examples)}."


def read_splits(folder: Path, kind: str = "melody") -> dict[str, list[Tune]]:
    """The pieces by split.

    Raises:
        DataError: as of `read`.
    """
    return tunes.split(read(folder, kind).tunes)


def read(folder: Path, kind: str = "melody") -> FolderContents:
    """The pieces, made to fit a "melody" or a "chorale", each with its key and time signature where the file has them.

    Raises:
        DataError: there is no such folder, no file of music in it, or more than half of them cannot be used.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of music.")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise DataError(f"{folder}: holds no music. Files should end in {', '.join(SUFFIXES)}.")
    found = FolderContents([], [], [])
    bad = sum(not _add(found, path, path.relative_to(folder), kind) for path in paths)
    if not found.tunes or 2 * bad > len(paths):
        first = "; ".join(found.problems[:NAMED])
        more = f"; and {len(found.problems) - NAMED} more" if len(found.problems) > NAMED else ""
        raise DataError(f"{folder}: {bad} of {len(paths)} files cannot be used: {first}{more}. Correct or remove them.")
    numbers = families([tune.score for tune in found.tunes])
    named = [replace(tune, family=found.tunes[first].id) for tune, first in zip(found.tunes, numbers, strict=True)]
    return replace(found, tunes=named)


def _add(found: FolderContents, path: Path, name: Path, kind: str) -> bool:
    """Adds a file's pieces; whether it has any that can be used."""
    fit, encode = KINDS[kind]
    before = len(found.tunes)
    for where, piece in _pieces(path, name):
        try:
            parsed = piece()
            fitted, changes = fit(parsed.score)
            encode(fitted)
        except (DataError, OSError) as error:
            found.problems.append(f"{where}: {str(error).removeprefix(f'{path}: ')}")
        else:
            found.tunes.append(Tune(where, fitted, _condition(fitted)))
            found.changes.extend((where, change) for change in (*changes, *parsed.remarks))
    return len(found.tunes) > before


def _pieces(path: Path, name: Path) -> list[tuple[str, Callable[[], ParsedScore]]]:
    """Of each piece in a file its place and what reads it; of tunes in ABC as they stand, each strain once."""
    sources = _sources(path) if path.suffix.lower() == ".abc" else []
    if len(sources) < 2:
        return [(name.as_posix(), partial(_tune, sources[0]) if sources else partial(files.load, path))]
    return [(f"{name.as_posix()}, tune {number}", partial(_tune, source)) for number, source in enumerate(sources, 1)]


def _sources(path: Path) -> list[abc.Source]:
    try:
        return abc.tune_sources(abc.text_of(read_bytes(path)))
    except (DataError, OSError):
        return []  # whoever reads it as one piece reports the error


def _tune(source: abc.Source) -> ParsedScore:
    tune = abc.read_tune(source, repeats=False)
    return ParsedScore(tune.score, tune.remarks)


def _condition(score: Score) -> dict[str, str]:
    key = {"key": str(score.keys[0])} if score.keys else {}
    return key | ({"metre": str(score.time_signatures[0])} if score.time_signatures else {})


def obtain(folder: Path, progress: Progress | None = None) -> None:
    """Says that nobody but its owner has such a folder.

    Raises:
        DataError: always.
    """
    raise DataError("Any folder of MIDI, ABC or MusicXML files will do: give it as the corpus's root.")
