"""A grammar as a tree: words, sequences, alternatives, repetitions and slots; all formats are read into it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from crnn_audio.errors import DataError

OTHER_SPEECH = "[unk]"
"""What stands in a grammar for any other speech, as in vosk."""
MAX_PHRASES = 20_000
"""Values of one slot, at most."""


@dataclass(frozen=True)
class Word:
    """One word, or `OTHER_SPEECH`."""

    text: str


@dataclass(frozen=True)
class Sequence:
    """One part after the other; without parts, nothing."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Choice:
    """One of several."""

    options: tuple["Node", ...]


@dataclass(frozen=True)
class Repeat:
    """Once or more often."""

    part: "Node"


@dataclass(frozen=True)
class Slot:
    """A part whose words are the value of a slot, or say `value`."""

    name: str
    part: "Node"
    value: str | None = None


Node: TypeAlias = Word | Sequence | Choice | Repeat | Slot
NOTHING = Sequence(())


@dataclass(frozen=True)
class Intent:
    """A sentence that means something: its name, and slots that it fills by itself."""

    name: str
    sentence: Node
    slots: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Grammar:
    """What may be said; `source` names it in messages."""

    source: str
    intents: tuple[Intent, ...]


def optional(part: Node) -> Node:
    """The part, or nothing."""
    return Choice((part, NOTHING))


def words(text: str) -> Node:
    """Words that follow each other."""
    return sequence([Word(word) for word in text.split()])


def sequence(parts: list[Node]) -> Node:
    """One after the other."""
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


def choice(options: list[Node]) -> Node:
    """One of these."""
    return options[0] if len(options) == 1 else Choice(tuple(options))


def phrases(node: Node, source: str) -> Iterator[tuple[str, ...]]:
    """All word sequences of a slot's part.

    Raises:
        DataError: they have no end, or hold a slot themselves.
    """
    match node:
        case Word(text):
            yield (text,)
        case Sequence(parts):
            for combined in product(*(list(phrases(part, source)) for part in parts)):
                yield tuple(word for phrase in combined for word in phrase)
        case Choice(options):
            for option in options:
                yield from phrases(option, source)
        case Repeat():
            raise DataError(f"{source}: a slot's value cannot be repeated without end. List its values.")
        case Slot(name):
            raise DataError(f"{source}: slot {name!r} stands within another slot. Take it out of there.")
