"""A file of tunes in ABC into its tunes: each its lines, without comments, broken lines joined."""

import html
import re
import unicodedata
from dataclasses import dataclass

FIELD = re.compile(r"(?![A-Ga-gz]:[|:\]])([A-Za-z+]):(.*)")
"""A line of information: a letter and a colon; "G:|" is a note before a bar line."""
MIDI = "%%MIDI"
_COMMENT = re.compile(r"(?<!\\)%.*")
_ENTITY = re.compile(r"&#?\w+;")
_ACCENT = re.compile(r"\\([`'^~\"])([A-Za-z])")
_ACCENTS = {"`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308"}


@dataclass(frozen=True)
class Line:
    """One line of a tune; `field` is its letter, "" for music and "%" for a directive such as %%MIDI."""

    number: int
    field: str
    text: str


@dataclass(frozen=True)
class Source:
    """A tune as it stands in the file: the lines from its X: to the next empty one, after those of the file's head."""

    lines: tuple[Line, ...]


def tune_sources(text: str) -> list[Source]:
    """The tunes of a file; a text without any X: is one tune if it has a K:, and none otherwise."""
    lines = _joined([_line(number, line) for number, line in enumerate(text.splitlines(), start=1)])
    starts = [place for place, line in enumerate(lines) if line.field == "X"]
    if not starts:
        whole = tuple(line for line in lines if line.text or line.field)
        return [Source(whole)] if any(line.field == "K" for line in lines) else []
    head = _until_empty(lines[: starts[0]])
    return [
        Source((*head, *_until_empty(lines[start:stop])))
        for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]


def _line(number: int, line: str) -> Line:
    if line.startswith(MIDI) or line.startswith("%%propagate-accidentals"):
        return Line(number, "%", line[2:].strip())
    if line.lstrip().startswith("%"):
        return Line(number, "%", "")
    line = _COMMENT.sub("", line).strip()
    found = FIELD.fullmatch(line)
    return Line(number, found[1], found[2].strip()) if found else Line(number, "", line)


def _joined(lines: list[Line]) -> list[Line]:
    """With lines of music that end in a backslash joined to the next ones of music, and "+:" to what it goes on."""
    found: list[Line] = []
    for line in lines:
        before = next((one for one in reversed(found) if one.field != "%"), None)
        if line.field == "+" and before is not None:
            found[found.index(before)] = Line(before.number, before.field, f"{before.text} {line.text}")
        else:
            found.append(line)
    return [Line(one.number, one.field, one.text if one.field else one.text.removesuffix("\\")) for one in found]


def _until_empty(lines: list[Line]) -> list[Line]:
    """What comes before the first empty line; comments are none."""
    empty = next((place for place, line in enumerate(lines) if not line.field and not line.text), len(lines))
    return [line for line in lines[:empty] if line.text or line.field not in ("", "%")]


def plain(text: str) -> str:
    r"""A title or a name as it is meant: "\'e" and "&eacute;" are é, "\%" a percent sign."""
    text = _ACCENT.sub(lambda found: unicodedata.normalize("NFC", found[2] + _ACCENTS[found[1]]), text)
    text = text.replace("\\%", "%")
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text).strip()


def escaped(text: str, *, quoted: bool = False) -> str:
    """The reverse of `plain`; line breaks become spaces, and quotation marks are spelled out where it is `quoted`."""
    text = " ".join(text.split("\n"))
    text = text.replace("&", "&amp;") if _ENTITY.search(text) else text
    text = text.replace("\\", "&#92;").replace("%", "\\%")
    return text.replace('"', "&quot;") if quoted else text
