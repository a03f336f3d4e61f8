"""A table that lists recordings: which of its columns are paths, texts, speakers, times and splits, and its rows.

Columns are known by their names; without a header, paths by the files that are there, and the others by what they hold.
"""

import os
import unicodedata
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from crnn_audio import audio
from crnn_audio.corpora import tables
from crnn_audio.corpora.own.listing import Listing, split_named
from crnn_audio.corpora.own.pairs import places
from crnn_audio.corpora.tables import Row, Table
from crnn_audio.errors import DataError

PATH = (
    "path", "file", "audio", "filename", "wav", "file_name", "file_path", "filepath", "audio_path", "audio_file",
    "audio_filepath", "audio_filename", "wav_filename", "wav_path",
)  # fmt: skip
TEXT = ("text", "transcript", "sentence", "transcription", "wrd", "utterance")
SPEAKER = ("speaker", "client_id", "speaker_id", "spk", "spk_id")
SPLIT = ("split", "subset", "set", "partition")
START = ("start", "start_time", "begin", "offset")
END = ("end", "end_time", "stop")
BESIDE = ("", "clips", "wavs", "wav", "audio", "flac")
"""Folders beside a table in which its relative paths are looked for, its own first."""
SPACED = 0.2
"""Fraction of a column's fields that hold a space, where they are texts."""


@dataclass(frozen=True)
class Columns:
    """The columns that are used; `duration` is read where there is a start and no end."""

    path: str
    text: str
    speaker: str | None
    split: str | None
    start: str | None
    end: str | None
    duration: str | None

    @property
    def named(self) -> str:
        """The columns in use, for people."""
        used = (self.path, self.text, self.speaker, self.split, self.start, self.end, self.duration)
        return ", ".join(name for name in used if name)


def columns_of(table: Table) -> Columns:
    """Finds the columns by their names, the first of each list that is there.

    Raises:
        DataError: there is none of paths or none of texts.
    """
    path, text = _first(table, PATH), _first(table, TEXT)
    wanted = [("audio paths", path, PATH[:5]), ("texts", text, TEXT)]
    missing = [f"no column of {what} ({', '.join(names)})" for what, name, names in wanted if name is None]
    if path is None or text is None:
        first = ", ".join(map(repr, table.columns)) or "nothing"
        raise DataError(f"{table.path}, line 1: {' and '.join(missing)}; found {first}. Name the columns there.")
    start, end = _first(table, START), _first(table, END)
    return Columns(
        path=path,
        text=text,
        speaker=_first(table, SPEAKER),
        split=_first(table, SPLIT),
        start=start,
        end=end,
        duration="duration" if start and not end and "duration" in table.columns else None,
    )


def by_position(table: Table) -> Columns:
    """The columns of a list without a header.

    Of columns that hold several words the last is that of texts: the third of LJSpeech's has numbers as words. One that
    holds few different words is that of speakers.

    Raises:
        DataError: there is only one column.
    """
    path = next(name for name in table.columns if any(_is_there(table.path.parent, row, name) for row in table.rows))
    others = [name for name in table.columns if name != path]
    if not others:
        raise DataError(f"{table.path}, line 1: paths of audio and no texts. Write `path|text`, or name the columns.")
    fields = {name: [row.fields[name].strip() for row in table.rows] for name in others}
    spaced = [name for name in others if sum(" " in one for one in fields[name]) >= SPACED * len(table.rows)]
    text = (spaced or others[-1:])[-1]
    speakers = [name for name in others if name not in (text, *spaced) and _may_be_speakers(fields[name])]
    return Columns(path, text, next(iter(speakers), None), None, None, None, None)


def _may_be_speakers(fields: list[str]) -> bool:
    return all(fields) and len(set(fields)) <= len(fields) / 2 and not any("." in one for one in fields)


def _is_there(folder: Path, row: Row, column: str) -> bool:
    return os.path.isfile(_located(folder, row.fields[column].strip()))  # noqa: PTH113 - false where a name is too long


def _headless(folder: Path, first: list[str]) -> bool:
    """Whether the first row names an audio file, and not columns."""
    names = {name.strip().lower() for name in first}
    return names.isdisjoint(PATH + TEXT) and any(
        one.strip() and os.path.isfile(_located(folder, one.strip()))  # noqa: PTH113
        for one in first
    )


def _first(table: Table, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in table.columns), None)


def read(path: Path) -> Table:
    """A table, with or without a header.

    Raises:
        DataError: it cannot be read.
    """
    return tables.read(path, partial(_headless, path.parent))


def lists_audio(path: Path) -> bool:
    """Whether a file of any name is a table of recordings that are there, of two columns or more."""
    try:
        table = read(path)
        name = (by_position if table.numbered else columns_of)(table).path
    except DataError:
        return False
    return any(_is_there(path.parent, row, name) for row in table.rows if name in row.fields)


def find(table: Table, *, split: str | None = None, resplit: bool = False, speaker_folders: bool = False) -> Listing:
    """The table's rows as cuts; `split` is that of them all, where the table's own name is one.

    With `resplit` a split column is not looked at.

    Raises:
        DataError: a column is missing.
    """
    columns = (by_position if table.numbered else columns_of)(table)
    found = Listing(problems=list(table.problems))
    if columns.split and (resplit or not _names_splits(table, columns.split, found)):
        columns = replace(columns, split=None)
    used = f"columns used: {columns.named}"
    if table.numbered:
        speaker = f", {columns.speaker} for speakers" if columns.speaker else ""
        used = f"no header; column {columns.path} is taken for paths, {columns.text} for texts{speaker}"
    found.notes.insert(0, f"{table.path}: {len(table.rows)} rows; {used}.")
    for row in table.rows:
        _add(table.path, row, columns, found, split, speaker_folders)
    return found


def _names_splits(table: Table, column: str, found: Listing) -> bool:
    """Whether a column names splits in any row; if in none, what it holds instead is noted."""
    values = sorted({row.fields.get(column, "") for row in table.rows})
    if any(split_named(value) for value in values):
        return True
    shown = ", ".join(map(repr, values[:5])) + (", ..." if len(values) > 5 else "")
    found.notes.append(f"{table.path}: column {column!r} is not used: it holds {shown}, not train, dev or test.")
    return False


def _add(table: Path, row: Row, columns: Columns, found: Listing, split: str | None, speaker_folders: bool) -> None:
    where = f"{table}, line {row.line}"
    try:
        name, text = _path_and_text(table, row, columns)
        start, end = _times(row, columns)
        folder_split, folder = places(Path(name))
        split = split or (_split(row, columns.split) if columns.split else folder_split)
    except ValueError as error:
        found.problems.append(f"{where}: {error}")
        return
    if columns.speaker:
        folder = row.fields.get(columns.speaker, "").strip()
    path = _located(table.parent, name)
    found.add(
        path,
        text,
        where,
        id=Path(name).as_posix().removesuffix(path.suffix).lstrip("/"),
        speaker=folder or None if columns.speaker or speaker_folders else None,
        split=split,
        start=start,
        end=end,
    )


def _path_and_text(table: Path, row: Row, columns: Columns) -> tuple[str, str]:
    name, text = row.fields.get(columns.path, "").strip(" "), row.fields.get(columns.text)
    if not name or text is None:
        column = columns.text if name else columns.path
        raise ValueError(f"nothing in column {column!r}. Fill it in, or drop the row.")
    if "\n" in text.strip() and table.suffix.lower() == ".csv":
        raise ValueError("its text runs over several lines. Write it on one, or close its quote.")
    return name, text


def _split(row: Row, column: str) -> str:
    written = row.fields.get(column, "")
    split = split_named(written)
    if split is None:
        advice = "where other rows say train, dev or test. Name it so, or make new splits with --resplit."
        raise ValueError(f"split {written!r}, {advice}")
    return split


def _located(folder: Path, name: str) -> Path:
    """The file that a path in a table means: as it stands or in a folder beside it, of Windows or without ending."""
    spellings = [name] if "\\" not in name else [name, name.replace("\\", "/")]
    if not name.isascii():  # file systems of Apple take letters apart
        spellings += [unicodedata.normalize(form, one) for form in ("NFC", "NFD") for one in spellings[:2]]
    whole = not name or Path(name).suffix.lower() in audio.SUFFIXES
    endings = ("",) if whole else ("", *sorted(audio.READABLE))  # LJSpeech lists names without
    paths = (folder / beside / f"{one}{ending}" for ending in endings for one in spellings for beside in BESIDE)
    return next((path for path in paths if os.path.isfile(path)), folder / name)  # noqa: PTH113 - false if too long


def _times(row: Row, columns: Columns) -> tuple[float | None, float | None]:
    start, end = _seconds(row, columns.start), _seconds(row, columns.end)
    length = _seconds(row, columns.duration)
    return start, end if length is None else (start or 0.0) + length


def _seconds(row: Row, column: str | None) -> float | None:
    written = row.fields.get(column, "").strip() if column else ""
    if not written:
        return None
    try:
        return float(written)
    except ValueError:
        raise ValueError(f"{written!r} in column {column!r} is no number of seconds. Correct it.") from None
