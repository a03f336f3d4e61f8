"""A file of tunes in ABC into its tunes: each its lines, without comments, broken lines joined."""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crnn_audio.errors import DataError

FIELD = re.compile(r"(?![A-Ga-gz]:[|:\]])([A-Za-z+]):(.*)")
"""A line of information: a letter and a colon; "G:|" is a note before a bar line."""
LONGEST_HEAD = 1000
"""Lines that stand before the first tune and hold for all."""
_LINE_END = re.compile(r"\r\n|\r|\n")
"""Alone: Python's own splitlines() would break a line at a form feed, U+0085 and U+2028, too."""
_DIRECTIVE = re.compile(r"%%\s*((?:MIDI|propagate-accidentals)\b.*)")
_BLOCK = re.compile(r"%%\s*begin([a-z]+)", re.IGNORECASE)
"""Typeset text, PostScript and the like: what stands up to the line %%end... is no music."""
_HEAD = frozenset("ABCDFGHILMmNOQRrSUZ%")
"""What the head of a file may hold; anything else before the first tune is free text."""
_INLINE = re.compile(r'"[^"]*"|\[([A-Za-z]):([^\]]*+)(\]?)')
_COMMENT = re.compile(r"(?<!\\)%.*")
_ENTITY = re.compile(r"&#?\w{1,32};")
_ACCENT = re.compile(r"\\([`'^~\"])([A-Za-z])")
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters and line ends of all kinds, and halves of characters, which UTF-8 does not know."""
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
    """The tunes of a file; a text without any X: is one tune if it has a K:, and none otherwise.

    Raises:
        DataError: what stands before the first tune and holds for all is longer than 1,000 lines.
    """
    lines = _joined(_lines(text))
    starts = [place for place, line in enumerate(lines) if line.field == "X"]
    if not starts:
        whole = tuple(line for line in lines if line.text or line.field)
        return [Source(whole)] if any(line.field == "K" for line in lines) else []
    head = [line for line in _until_empty(lines[: starts[0]]) if line.field in _HEAD]
    if len(head) > LONGEST_HEAD:
        raise DataError(f"{len(head)} lines before the first tune hold for all of them; there may be {LONGEST_HEAD}.")
    return [
        Source((*head, *_until_empty(lines[start:stop])))
        for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]


def _lines(text: str) -> Iterator[Line]:
    """Those of the file, without blocks of typeset text; one that nothing ends, ends with its tune."""
    block = None
    for number, written in enumerate(_LINE_END.split(text), start=1):
        if block is not None and (block.match(written) or written.startswith("X:")):
            block = None
            if not written.startswith("X:"):
                continue
        if block is None and (begun := _BLOCK.match(written)):
            block = re.compile(rf"%%\s*end{begun[1]}\b", re.IGNORECASE)
        if block is None:
            yield _line(number, written)


def _line(number: int, line: str) -> Line:
    if directive := _DIRECTIVE.match(line):
        return Line(number, "%", directive[1].strip())
    if line.lstrip().startswith("%"):
        return Line(number, "%", "")
    line = _COMMENT.sub("", line).strip()
    found = FIELD.fullmatch(line)
    return Line(number, found[1], found[2].strip()) if found else Line(number, "", line)


def _joined(lines: Iterable[Line]) -> list[Line]:
    """With lines of music that end in a backslash joined to the next ones of music, and "+:" to what it goes on."""
    found: list[Line] = []
    more: dict[int, list[str]] = {}  # by the place of the line that is gone on
    before = -1
    for line in lines:
        if line.field == "+" and before >= 0:
            more.setdefault(before, []).append(line.text)
            continue
        found.append(line)
        before = before if line.field == "%" else len(found) - 1
    for place, texts in more.items():
        line = found[place]
        found[place] = Line(line.number, line.field, " ".join([line.text, *texts]))
    return [Line(one.number, one.field, one.text if one.field else one.text.removesuffix("\\")) for one in found]


def _until_empty(lines: list[Line]) -> list[Line]:
    """What comes before the first empty line; comments are none."""
    empty = next((place for place, line in enumerate(lines) if not line.field and not line.text), len(lines))
    return [line for line in lines[:empty] if line.text or line.field not in ("", "%")]


def inline_fields(line: str) -> Iterator[tuple[str, str]]:
    """A line of music as its fields, by their letters, and the music between them, with the letter "".

    What stands in quotation marks is no field.
    """
    place = 0
    for found in _INLINE.finditer(line):
        if found[1] and found[3]:
            yield "", line[place : found.start()]
            yield found[1], found[2].strip()
            place = found.end()
    yield "", line[place:]


def plain(text: str) -> str:
    r"""A title or a name as it is meant: "\'e" and "&eacute;" are é, "\%" a percent sign."""
    text = _ACCENT.sub(lambda found: unicodedata.normalize("NFC", found[2] + _ACCENTS[found[1]]), text)
    text = text.replace("\\%", "%")
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text).strip()


def escaped(text: str, *, quoted: bool = False) -> str:
    """The reverse of `plain`; line breaks and control characters become spaces, for no text may end its line.

    Quotation marks are spelled out where it is `quoted`.
    """
    text = _BREAKS.sub(" ", text)
    text = text.replace("&", "&amp;") if _ENTITY.search(text) else text
    text = text.replace("\\", "&#92;").replace("%", "\\%")
    return text.replace('"', "&quot;") if quoted else text
