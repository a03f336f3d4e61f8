"""A table as people keep them, read row by row: CSV (quoted), TSV or fields between | (never quoted), or JSON lines.

Problems are reported with their line. A row of the wrong shape is a problem of that row; broken quoting is one of the
whole table, since nobody knows where the next row begins.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.errors import DataError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".jsonl.gz")
OTHERS = (".txt", ".json", ".list", ".lst", ".psv")
"""How a table's name may end too, as many other files do."""
JSON = (".jsonl", ".jsonl.gz", ".json")


@dataclass(frozen=True)
class Row:
    """One row: the line that it begins on, and its fields by column; a field that JSON does not have is missing."""

    line: int
    fields: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table's columns, lower-case; its rows; and what is wrong with those that could not be read.

    Without a header, columns are `numbered`: their names are numbers from 1.
    """

    path: Path
    columns: tuple[str, ...]
    rows: list[Row]
    problems: list[str]
    numbered: bool = False


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table."""
    return path.name.lower().endswith(SUFFIXES)


def read(path: Path, headless: Callable[[list[str]], bool] = lambda _: False) -> Table:
    """Reads a table.

    Args:
        headless: whether a first row, without a header, is one of data.

    Raises:
        DataError: it cannot be read, is not UTF-8, empty, without a header, or its quoting is broken; with the line.
    """
    text = files.read_text(path, DataError)
    if not text.strip():
        raise DataError(f"{path}: empty. A table needs a header and a row for each recording.")
    if path.name.lower().endswith(JSON):
        return _json_array(path, text) if text.lstrip().startswith("[") else _json_lines(path, text)
    delimiter = _delimiter(path, text)
    quoted = delimiter in ",;" or (delimiter == "\t" and path.suffix.lower() == ".csv")
    return _separated(path, text, delimiter, quoted, headless)


def _delimiter(path: Path, text: str) -> str:
    """Of a TSV the tab, of another table the sign that stands first in its first line."""
    first = text.lstrip("\r\n").partition("\n")[0]
    if path.suffix.lower() == ".tsv" and ("\t" in first or "|" not in first):
        return "\t"
    return min((sign for sign in "|,;\t" if sign in first), key=first.index, default=",")


def _separated(path: Path, text: str, delimiter: str, quoted: bool, headless: Callable[[list[str]], bool]) -> Table:
    rows = _csv_rows(path, text, delimiter, quoted)
    line, header = next((line, fields) for line, fields in rows if fields)
    columns = tuple(name.strip().lower() for name in header)
    numbered = headless(header)
    if numbered:
        columns = tuple(str(number) for number in range(1, len(header) + 1))
        rows = chain([(line, header)], rows)
    _refuse_duplicate_columns(path, columns)
    found, problems = [], []
    for line, fields in rows:
        if len(fields) == len(columns):
            found.append(Row(line, dict(zip(columns, fields, strict=True))))
        elif fields:
            counts = (
                f"{len(fields)} fields where the {'first row' if columns[0] == '1' else 'header'} has {len(columns)}"
            )
            problems.append(f"{path}, line {line}: {counts}. {_advice(delimiter, quoted)}")
    return Table(path, columns, found, problems, numbered)


def _advice(delimiter: str, quoted: bool) -> str:
    if not quoted:
        name, kind = ("tab", "a TSV") if delimiter == "\t" else (repr(delimiter), "such a table")
        return f"A field may hold no {name} and no line break, since {kind} has no quoting."
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


def _json_array(path: Path, text: str) -> Table:
    """One array of objects; a row has the number of its object in the place of a line."""
    try:
        items = files.parse_json(text)
        rows = [Row(number, _scalars(item)) for number, item in enumerate(items, 1)]
    except ValueError as error:
        raise DataError(f"{path}: no JSON objects, one a line or in one array ({error}).") from None
    return Table(path, tuple({name: None for row in rows for name in row.fields}), rows, [])


def _scalars(item: Any) -> dict[str, str]:
    """The fields that are text or numbers; what is nested cannot be a path or a text, and is no concern here."""
    if not isinstance(item, dict):
        raise ValueError('each line should be one, such as {"path": ..., "text": ...}')
    return {name.lower(): str(value) for name, value in item.items() if isinstance(value, str | int | float)}
