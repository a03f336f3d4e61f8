"""Sentence templates with brackets: those of hassil (Home Assistant), and those of Rhino.

hassil: `[optional]`, `(one|other)`, `{list}` or `{list:slot}`, `<rule>`, and `(one;other)` for both in any order.
Rhino: `[one, other]`, `(optional)` or `(one, other)` for one of them or none, `$type:slot`, `@macro`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from typing import Literal, NoReturn

from crnn_audio.errors import DataError
from crnn_audio.text.grammar.tree import NOTHING, OTHER_SPEECH, Choice, Node, Sequence, Word, choice, optional, sequence

CLOSING = {"[": "]", "(": ")"}
MAX_PERMUTED = 5
TOKENS = {
    "hassil": re.compile(r"\s*(\[unk\]|[\[\]()|;]|\{[^{}]*\}|<[^<>]*>|[^\s\[\]()|;{}<>]+)"),
    "rhino": re.compile(r"\s*([\[\](),]|\$[^\s\[\](),]+|@[^\s\[\](),]+|[^\s\[\](),$@]+)"),
}

Resolve = Callable[[str], Node]
"""What a reference such as `{list:slot}`, `<rule>`, `$type:slot` or `@macro` stands for."""


def parse(text: str, style: Literal["hassil", "rhino"], resolve: Resolve, where: str) -> Node:
    """The tree of a template.

    Raises:
        DataError: a bracket or a sign is out of place.
    """
    tokens, at = list[str](), 0
    while at < len(text.rstrip()):
        found = TOKENS[style].match(text, at)
        if not found:
            raise DataError(f"{where}: {text[at:].strip()[:20]!r} is not understood in {text!r}. Mend the brackets.")
        tokens.append(found[1])
        at = found.end()
    return _Template(tokens, style, resolve, where, text).whole()


@dataclass
class _Template:
    tokens: list[str]
    style: str
    resolve: Resolve
    where: str
    text: str
    at: int = 0

    def whole(self) -> Node:
        node = self._alternatives("")
        if self.at < len(self.tokens):
            self._refuse(f"{self.tokens[self.at]!r} closes nothing")
        return node

    def _alternatives(self, closing: str) -> Node:
        options, separator = [list[Node]()], ""
        while self.at < len(self.tokens) and self.tokens[self.at] != closing:
            token = self.tokens[self.at]
            if token in ("|", ";", ","):
                if not closing or (separator and separator != token):
                    self._refuse(f"{token!r} stands outside of brackets, or beside another sign")
                separator = token
                options.append([])
                self.at += 1
            elif token in ("]", ")"):
                break
            else:
                options[-1].append(self._part())
        parts = [sequence(option) if option else NOTHING for option in options]
        return self._permuted(parts) if separator == ";" else choice(parts)

    def _part(self) -> Node:
        token = self.tokens[self.at]
        self.at += 1
        if token == OTHER_SPEECH:
            return Word(OTHER_SPEECH)
        if token in CLOSING:
            inside = self._alternatives(CLOSING[token])
            if self.at >= len(self.tokens) or self.tokens[self.at] != CLOSING[token]:
                self._refuse(f"{token!r} is not closed")
            self.at += 1
            return optional(inside) if (token == "[") == (self.style == "hassil") else inside
        if token[0] in "{<$@":
            return self.resolve(token)
        return Word(token)

    def _permuted(self, parts: list[Node]) -> Node:
        if len(parts) > MAX_PERMUTED:
            self._refuse(f"{len(parts)} parts in any order are more than {MAX_PERMUTED}")
        return Choice(tuple(Sequence(order) for order in permutations(parts)))

    def _refuse(self, problem: str) -> NoReturn:
        raise DataError(f"{self.where}: {problem} in {self.text!r}.")
