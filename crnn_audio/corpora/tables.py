"""A table as people keep them, read row by row: CSV (comma or semicolon, quoted), TSV (never quoted) or JSON lines.

Problems are reported with their line. A row of the wrong shape is a problem of that row; broken quoting is one of the
whole table, since nobody knows where the next row begins.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.errors import DataError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".jsonl.gz")


@dataclass(frozen=True)
class Row:
    """One row: the line that it begins on, and its fields by column; a field that JSON does not have is missing."""

    line: int
    fields: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table's columns, lower-case; its rows; and what is wrong with those that could not be read."""

    path: Path
    columns: tuple[str, ...]
    rows: list[Row]
    problems: list[str]


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table."""
    return path.name.lower().endswith(SUFFIXES)


def read(path: Path) -> Table:
    """Reads a table.

    Raises:
        DataError: it cannot be read, is not UTF-8, empty, without a header, or its quoting is broken; with the line.
    """
    text = files.read_text(path, DataError)
    if not text.strip():
        raise DataError(f"{path}: empty. A table needs a header and a row for each recording.")
    if path.name.lower().endswith((".jsonl", ".jsonl.gz")):
        return _json_lines(path, text)
    header, _, _ = text.partition("\n")
    if path.suffix.lower() == ".tsv":
        return _separated(path, text, "\t", quoted=False)
    return _separated(path, text, max(",;\t", key=header.count), quoted=True)


def _separated(path: Path, text: str, delimiter: str, quoted: bool) -> Table:
    rows = _csv_rows(path, text, delimiter, quoted)
    _, header = next(rows)
    columns = tuple(name.strip().lower() for name in header)
    _refuse_duplicate_columns(path, columns)
    found, problems = [], []
    for line, fields in rows:
        if len(fields) == len(columns):
            found.append(Row(line, dict(zip(columns, fields, strict=True))))
        elif fields:
            counts = f"{len(fields)} fields where the header has {len(columns)}"
            problems.append(f"{path}, line {line}: {counts}. {_advice(delimiter, quoted)}")
    return Table(path, columns, found, problems)


def _advice(delimiter: str, quoted: bool) -> str:
    if not quoted:
        return "A field may hold no tab and no line break, since a TSV has no quoting."
    return f"Put fields that hold {delimiter!r} between quotes, and check that no quote is missing."


def _csv_rows(path: Path, text: str, delimiter: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line that each begins on, the header first."""
    lines = io.StringIO(text, newline="")
    if quoted:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
    else:
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    line = 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"{path}, line {line}: broken quoting in the row that begins here ({error}). Put fields that hold "
                'quotes between quotes, and write each quote inside as "".'
            ) from None
        if fields is None:
            return
        yield line, fields
        line = reader.line_num + 1


def _refuse_duplicate_columns(path: Path, columns: tuple[str, ...]) -> None:
    duplicates = [name for name, count in Counter(columns).items() if name and count > 1]
    if duplicates:
        raise DataError(f"{path}, line 1: {duplicates[0]!r} names two columns. Rename one.")


def _json_lines(path: Path, text: str) -> Table:
    rows, problems, columns = [], [], dict[str, None]()
    for number, line in enumerate(text.split("\n"), 1):  # splitlines() would split at U+2028 too
        if not line.strip():
            continue
        try:
            fields = _scalars(files.parse_json(line))
        except ValueError as error:
            problems.append(f"{path}, line {number}: not a JSON object ({error}).")
        else:
            rows.append(Row(number, fields))
            columns |= dict.fromkeys(fields)
    return Table(path, tuple(columns), rows, problems)


def _scalars(item: Any) -> dict[str, str]:
    """The fields that are text or numbers; what is nested cannot be a path or a text, and is no concern here."""
    if not isinstance(item, dict):
        raise ValueError('each line should be one, such as {"path": ..., "text": ...}')
    return {name.lower(): str(value) for name, value in item.items() if isinstance(value, str | int | float)}
