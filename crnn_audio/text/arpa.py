"""N-gram models written as ARPA files, which KenLM, SRILM and most decoders of speech read; and read back.

Decimal logarithms with nine digits, -99 for what is never predicted: <s>, and of running text </s> too, which other
programs want to find there. White space separates fields, so that a space in a token is written as <space>, a newline
as <newline>, a tab as <tab>, and other white space and control characters as <U+00A0>; so is the < of a token that
itself looks like one of these.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import Int

from crnn_audio import files
from crnn_audio.errors import DataError
from crnn_audio.text.ngram import SPECIAL, NGram, find
from crnn_audio.text.ngram_counts import END_ID, START_ID
from crnn_audio.text.smoothing import Smoothed

LOG_10 = math.log(10)
NEVER = -99.0
"""The decimal logarithm of what is never predicted; a lower one means the same."""

_NAMES = {" ": "space", "\n": "newline", "\t": "tab"}
_CHARACTERS = {name: character for character, name in _NAMES.items()}
_ESCAPE = re.compile(r"<(space|newline|tab|U\+(?:10[0-9A-F]{4}|[0-9A-F]{4,5}))>")
_TO_ESCAPE = re.compile(rf"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]|<(?={_ESCAPE.pattern[1:]})")
_HEAD_LINE = re.compile(r"ngram (\d+) ?= ?(\d+)")
_BETWEEN_FIELDS = re.compile(r"[ \t]+")


def escaped(token: str) -> str:
    """A token as it is written, without white space."""
    return _TO_ESCAPE.sub(lambda found: f"<{_NAMES.get(found[0]) or f'U+{ord(found[0]):04X}'}>", token)


def unescaped(text: str) -> str:
    """The token of what `escaped` gave."""
    return _ESCAPE.sub(lambda found: _CHARACTERS.get(found[1]) or chr(int(found[1][2:], 16)), text)


def write(model: NGram, path: Path) -> None:
    """Writes a model, all or nothing.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """
    with files.replacing(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as out:
        out.write("\n\\data\\\n")
        out.writelines(f"ngram {length}={len(grams.keys)}\n" for length, grams in enumerate(model.grams, 1))
        for length, lines in enumerate(_lines(model), 1):
            out.write(f"\n\\{length}-grams:\n")
            out.writelines(lines)
        out.write("\n\\end\\\n")


def _lines(model: NGram) -> Iterator[Iterator[str]]:
    """The lines of each length's n-grams; the longest have no back-off."""
    names = texts = [escaped(token) for token in model.tokens]
    for length, grams in enumerate(model.grams, 1):
        if length > 1:
            histories, last = np.divmod(grams.keys, len(names))
            texts = [f"{texts[row]} {names[id]}" for row, id in zip(histories.tolist(), last.tolist(), strict=True)]
        probs = np.maximum(grams.log_probs / LOG_10, NEVER).tolist()
        if length < model.order:
            backoffs = (grams.backoffs / LOG_10).tolist()
            yield (f"{p:.9g}\t{text}\t{b:.9g}\n" for p, text, b in zip(probs, texts, backoffs, strict=True))
        else:
            yield (f"{p:.9g}\t{text}\n" for p, text in zip(probs, texts, strict=True))


def read(path: Path) -> NGram:
    """The model of an ARPA file, ours or another program's.

    Where it lists no <unk>, unknown tokens are never predicted. It is one of sentences where </s> may be predicted.

    Raises:
        DataError: the file is missing or damaged; names the line.
    """
    text = files.read_text(path, DataError, advice="Save it as UTF-8, or make it again.")
    lines = _Lines(path, enumerate(text.removesuffix("\n").split("\n"), 1))
    num_grams = _head(lines)
    sections = [_section(lines, length, number, len(num_grams)) for length, number in enumerate(num_grams, 1)]
    if lines.line != "\\end\\":
        lines.refuse(f"\\end\\ should stand here (found {lines.line[:40]!r}): the file is damaged or cut short")
    _complete(sections[0])
    names = _names(lines, sections[0])
    grams = _linked(lines, sections, {name: id for id, name in enumerate(names)})
    grams[0].log_probs[START_ID] = -math.inf  # lmplz writes it as certain
    return NGram(tuple(map(unescaped, names)), tuple(grams), marked=bool(grams[0].log_probs[END_ID] > -math.inf))


@dataclass
class _Lines:
    """The lines of a file that are not blank, one after the other: the line we are at, empty at the end."""

    path: Path
    rest: Iterator[tuple[int, str]]
    number: int = 1
    line: str = ""

    def advance(self) -> None:
        for number, line in self.rest:
            self.number, self.line = number, line.strip(" \t\r")
            if self.line:
                return
        self.line = ""

    def refuse(self, problem: str, number: int | None = None) -> NoReturn:
        raise DataError(f"{self.path}, line {number or self.number}: {problem}.")


@dataclass
class _Section:
    """The n-grams of one length as they are listed; logarithms are decimal."""

    numbers: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    grams: list[list[str]] = field(default_factory=list)
    backoffs: list[float] = field(default_factory=list)


def _head(lines: _Lines) -> list[int]:
    """How many n-grams of each length there should be; what stands before the head is passed over."""
    lines.advance()
    while lines.line and lines.line != "\\data\\":
        lines.advance()
    if not lines.line:
        lines.refuse("the file ends here without \\data\\, with which an ARPA file begins")
    lines.advance()
    num_grams = list[int]()
    while not lines.line.startswith("\\"):
        found = _HEAD_LINE.fullmatch(lines.line)
        if not found or int(found[1]) != len(num_grams) + 1:
            lines.refuse(f"should be 'ngram {len(num_grams) + 1}=' and a number (found {lines.line[:40]!r})")
        num_grams.append(int(found[2]))
        lines.advance()
    if not num_grams:
        lines.refuse(f"should be 'ngram 1=' and a number (found {lines.line[:40]!r})")
    return num_grams


def _section(lines: _Lines, length: int, announced: int, order: int) -> _Section:
    """The n-grams of one length."""
    if lines.line != f"\\{length}-grams:":
        lines.refuse(f"\\{length}-grams: should stand here (found {lines.line[:40]!r})")
    lines.advance()
    section = _Section()
    while lines.line and not lines.line.startswith("\\"):
        _add(lines, section, length, order)
        lines.advance()
    if len(section.grams) != announced:
        lines.refuse(f"{len(section.grams)} {length}-grams stand above, where the head says {announced}")
    return section


def _add(lines: _Lines, section: _Section, length: int, order: int) -> None:
    fields = _BETWEEN_FIELDS.split(lines.line)
    if len(fields) - length not in ((1, 2) if length < order else (1,)):
        what = f"a logarithm, {length} tokens" + (" and perhaps a back-off" if length < order else "")
        lines.refuse(f"should be {what} (found {len(fields)} fields)")
    log_prob = _number(lines, fields[0])
    if log_prob > 0:
        lines.refuse(f"the logarithm of a probability is at most 0 (found {fields[0]})")
    section.numbers.append(lines.number)
    section.log_probs.append(-math.inf if log_prob <= NEVER else log_prob)
    section.grams.append(fields[1 : length + 1])
    section.backoffs.append(_number(lines, fields[-1]) if len(fields) == length + 2 else 0.0)


def _number(lines: _Lines, field: str) -> float:
    try:
        number = float(field)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        lines.refuse(f"should be a number (found {field[:40]!r})")
    return number


def _complete(section: _Section) -> None:
    """Adds to the single tokens those of `SPECIAL` that are not listed, never to be predicted."""
    for name in SPECIAL:
        if [name] not in section.grams:
            section.numbers.append(0)
            section.log_probs.append(-math.inf)
            section.grams.append([name])
            section.backoffs.append(0.0)


def _names(lines: _Lines, section: _Section) -> list[str]:
    """The vocabulary as it is written, in its order."""
    first = dict[str, int]()
    for number, (name,) in zip(section.numbers, section.grams, strict=True):
        if first.setdefault(unescaped(name), number) != number:
            lines.refuse(f"{name!r} stands in line {first[unescaped(name)]} already", number)
    listed = {name for (name,) in section.grams}
    return [*SPECIAL, *sorted(listed - set(SPECIAL), key=unescaped)]


def _linked(lines: _Lines, sections: Sequence[_Section], id_of: dict[str, int]) -> list[Smoothed]:
    """The n-grams of each length, sorted, each found from its history."""
    smoothed = list[Smoothed]()
    for section in sections:
        ids = _ids(lines, section, id_of)
        rows = np.zeros(len(ids), dtype=np.int64)
        for grams, column in zip(smoothed, ids.T, strict=False):
            rows = np.where(rows < 0, rows, find(grams.keys, rows * len(id_of) + column))
        if (rows < 0).any():
            index = int(np.argmax(rows < 0))
            history = " ".join(section.grams[index][:-1])
            lines.refuse(f"its history, {history!r}, is not listed as an n-gram itself", section.numbers[index])
        smoothed.append(_sorted(lines, section, rows * len(id_of) + ids[:, -1]))
    return smoothed


def _ids(lines: _Lines, section: _Section, id_of: dict[str, int]) -> Int[np.ndarray, "N L"]:
    for number, gram in zip(section.numbers, section.grams, strict=True):
        for name in gram:
            if name not in id_of:
                lines.refuse(f"{name!r} is not among the 1-grams", number)
    length = len(section.grams[0]) if section.grams else 1
    return np.array([[id_of[name] for name in gram] for gram in section.grams], dtype=np.int64).reshape(-1, length)


def _sorted(lines: _Lines, section: _Section, keys: Int[np.ndarray, " N"]) -> Smoothed:
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if len(twice):
        first, second = order[twice[0] : twice[0] + 2].tolist()
        lines.refuse(f"this n-gram stands in line {section.numbers[first]} already", section.numbers[second])
    log_probs, backoffs = np.array(section.log_probs), np.array(section.backoffs)
    return Smoothed(keys, log_probs[order] * LOG_10, backoffs[order] * LOG_10)
