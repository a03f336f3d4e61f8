"""What parsers of sentences with brackets have in common: signs one after the other, and brackets that close."""

import re
from abc import ABC, abstractmethod
from typing import ClassVar, NoReturn

from crnn_audio.errors import DataError
from crnn_audio.text.grammar.tree import Node

CLOSING = {"[": "]", "(": ")"}


class Parser(ABC):
    """One pass over a text.

    Args:
        sign: matches white space and one sign or word, its first group.
        place: what messages call the text.
        source: the file that it is from.

    Raises:
        DataError: something is no sign.
    """

    ADVICE: ClassVar[str] = ""
    """What to do about something that is no sign."""

    def __init__(self, text: str, sign: re.Pattern[str], place: str, source: str) -> None:
        self.place, self.source = place, source
        self.tokens, self.at = list[str](), 0
        at, end = 0, len(text.rstrip())
        while at < end:
            found = sign.match(text, at)
            if not found:
                self.refuse(f"{text[at:].strip()[:20]!r} is not understood", self.ADVICE)
            self.tokens.append(found[1])
            at = found.end()

    def whole(self) -> Node:
        """The tree of all of it.

        Raises:
            DataError: a bracket or a sign is out of place.
        """
        node = self.alternatives("")
        if self.at < len(self.tokens):
            self.refuse(f"{self.tokens[self.at]!r} closes nothing")
        return node

    @abstractmethod
    def alternatives(self, opening: str) -> Node:
        """What stands in a bracket, up to what closes one; "" is the whole."""

    def inside(self, opening: str) -> Node:
        """What stands in the bracket that has just been opened, and past what closes it."""
        found = self.alternatives(opening)
        if self.at >= len(self.tokens) or self.tokens[self.at] != CLOSING[opening]:
            self.refuse(f"{opening!r} is not closed")
        self.at += 1
        return found

    def refuse(self, problem: str, advice: str = "") -> NoReturn:
        """Says what is wrong, and where."""
        raise DataError(f"{self.source}: {problem} in {self.place}.{advice}")
