"""Labelled segments of recordings as people keep them: Audacity's label files, Praat's TextGrids, RTTM, and tables.

A label file has its recording's name and lies beside it. A table has columns path, start, end and label, in seconds. A
point, without a length, becomes a segment of a hundredth of a second.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from crnn_audio import audio, files
from crnn_audio.batching.manifests import SLACK, Cut, Recording, Segment, whole
from crnn_audio.corpora import tables
from crnn_audio.corpora.own.listing import Entry, Listing, split_named
from crnn_audio.corpora.own.pairs import places, walk
from crnn_audio.errors import DataError

POINT = 0.01
"""Seconds of what has a time and no length."""
COLUMNS = {"path", "start", "end", "label"}
_NUMBER = r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?"
_AUDACITY = re.compile(rf"({_NUMBER})\t({_NUMBER})(?:\t(.*))?")
_PRAAT = re.compile(rf'"((?:[^"]|"")*)"|(?<![\w\[])({_NUMBER})(?![\w\]])')

Rows = list[tuple[float, float, str]]


def read_audacity(text: str) -> Rows:
    """Start, end and label of each line; lines of frequencies, which begin with a backslash, are left out.

    Raises:
        ValueError: a line is none; with its number.
    """
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip("\r")
        if not line.strip() or line.startswith("\\"):
            continue
        match = _AUDACITY.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number}: no start, end and label with tabs between them")
        found.append((float(match[1]), float(match[2]), (match[3] or "").strip()))
    return found


def read_rttm(text: str) -> Rows:
    """Of each line of RTTM that says who speaks: start, end and the speaker as the label.

    Raises:
        ValueError: a line is none; with its number.
    """
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        try:
            start, seconds = float(fields[3]), float(fields[4])
            found.append((start, start + seconds, fields[7]))
        except (ValueError, IndexError):
            raise ValueError(f"line {number}: no line of RTTM (SPEAKER file 1 start seconds ...)") from None
    return found


def read_textgrid(text: str) -> Rows:
    """The intervals and points of all tiers of a TextGrid, long or short, that have a text.

    Raises:
        ValueError: it is none, or cut short.
    """
    tokens = [
        match[1].replace('""', '"') if match[1] is not None else float(match[2]) for match in _PRAAT.finditer(text)
    ]
    if tokens[:2] != ["ooTextFile", "TextGrid"]:
        raise ValueError("no TextGrid of Praat in text form")
    rest, found = iter(tokens[5:]), Rows()  # after two words, the times and the number of tiers
    try:
        for _ in range(_number(tokens[4])):
            kind, _, _, _, count = (next(rest) for _ in range(5))
            for _ in range(_number(count)):
                start = float(next(rest))
                end = float(next(rest)) if kind == "IntervalTier" else start
                found.append((start, end, str(next(rest)).strip()))
    except (StopIteration, RuntimeError, IndexError, ValueError):
        raise ValueError("a TextGrid that is cut short or damaged") from None
    return [row for row in found if row[2]]


def _number(token: object) -> int:
    return int(float(str(token)))


READERS: dict[str, Callable[[str], Rows]] = {".textgrid": read_textgrid, ".rttm": read_rttm, ".txt": read_audacity}


def find(root: Path) -> Listing | None:
    """Every recording below a folder with its label file; None if there is no label file.

    Raises:
        DataError: a folder cannot be read.
    """
    paths = [path for path in walk(root) if not path.name.startswith(".")]
    beside = {path.with_suffix(""): path for path in paths if path.suffix.lower() in READERS and _is_labels(path)}
    sounds = [path for path in paths if path.suffix.lower() in audio.SUFFIXES]
    if not any(path.with_suffix("") in beside for path in sounds):
        return None
    found = Listing()
    for path in sounds:
        labels = beside.get(path.with_suffix(""))
        name = path.relative_to(root)
        try:
            rows = READERS[labels.suffix.lower()](files.read_text(labels, DataError)) if labels else []
            cut = labelled(path, name.with_suffix("").as_posix(), rows)
        except (DataError, ValueError) as error:
            found.problems.append(f"{labels or path}: {str(error).removeprefix(f'{labels}: ')}")
            continue
        found.entries.append(Entry(cut, str(labels or path), places(name)[0]))
    bare = sum(path.with_suffix("") not in beside for path in sounds)
    found.notes += [f"{bare} recordings have no label file and so no labels."] if bare else []
    return found


def _is_labels(path: Path) -> bool:
    """Of a .txt, whether its first line is that of a label file and not of a transcript."""
    if path.suffix.lower() != ".txt":
        return True
    try:
        lines = files.read_text(path, ValueError).split("\n")
    except ValueError:
        return False
    first = next((line.strip("\r") for line in lines if line.strip()), "")
    return _AUDACITY.fullmatch(first) is not None


def is_table(path: Path) -> bool:
    """Whether a table lists labelled segments and no texts."""
    if not tables.is_table(path):
        return False
    try:
        columns = set(tables.read(path).columns)
    except DataError:
        return False
    return columns >= COLUMNS and not columns & {"text", "transcript", "sentence", "recording", "sources"}


def from_table(path: Path) -> Listing:
    """The recordings of a table of segments, one a row; a column `split` is read where there is one.

    Raises:
        DataError: the table cannot be read.
    """
    table, found = tables.read(path), Listing()
    found.problems += table.problems
    rows: dict[str, Rows] = defaultdict(list)
    splits, lines = dict[str, str | None](), dict[str, int]()
    for row in table.rows:
        try:
            start, end = float(row.fields["start"]), float(row.fields["end"])
        except (KeyError, ValueError):
            found.problems.append(f"{path}, line {row.line}: start and end should be seconds. Correct the row.")
            continue
        name = row.fields["path"].strip()
        rows[name].append((start, end, row.fields["label"].strip()))
        splits[name], lines[name] = split_named(row.fields.get("split", "")), lines.get(name, row.line)
    for name, own in rows.items():
        file = path.parent / name
        where = f"{path}, line {lines[name]}"
        try:
            cut = labelled(file, Path(name).with_suffix("").as_posix().lstrip("/"), own)
        except (DataError, ValueError) as error:
            found.problems.append(f"{where}: {error}")
            continue
        found.entries.append(Entry(cut, where, splits[name]))
    return found


def labelled(path: Path, id: str, rows: Iterable[tuple[float, float, str]]) -> Cut:
    """A whole recording with its segments.

    Raises:
        DataError: it cannot be read, or a segment has no label or does not lie within it.
    """
    if files.endless(path):
        raise DataError(f"{path}: {files.ENDLESS}.")
    info = audio.inspect(path)
    recording = Recording(id, path, info.sample_rate, info.num_samples, info.num_channels)
    segments = tuple(_segment(*row, recording.duration) for row in rows)
    return replace(whole(recording, ""), segments=tuple(sorted(segments, key=lambda one: (one.start, one.end))))


def _segment(start: float, end: float, label: str, seconds: float) -> Segment:
    if not label:
        raise DataError(f"a segment from {start:g} to {end:g} s without a label. Write one, or remove it.")
    if not (0 <= start <= end and end <= seconds + SLACK):
        raise DataError(
            f"the segment {label!r} from {start:g} to {end:g} s does not lie within the recording of {seconds:.2f} s. "
            "Correct its times, the end after the start."
        )
    if end - start >= POINT:
        return Segment(start, min(end, seconds), label)
    first = max(min(start, seconds - POINT), 0.0)
    return Segment(first, first + POINT, label)
