"""Sentence templates with brackets: those of hassil (Home Assistant), and those of Rhino.

hassil: `[optional]`, `(one|other)`, `{list}` or `{list:slot}`, `<rule>`, and `(one;other)` for both in any order.
Rhino: `[one, other]`, `(optional)` or `(one, other)` for one of them or none, `$type:slot`, `@macro`.
"""

import re
from collections.abc import Callable
from itertools import permutations
from typing import Literal

from crnn_audio.text.grammar.parsing import CLOSING, Parser
from crnn_audio.text.grammar.tree import NOTHING, OTHER_SPEECH, Choice, Node, Sequence, Word, choice, optional, sequence

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
    return _Template(text, style, resolve, where).whole()


class _Template(Parser):
    ADVICE = " Mend the brackets."

    def __init__(self, text: str, style: str, resolve: Resolve, where: str) -> None:
        super().__init__(text, TOKENS[style], repr(text), where)
        self.style, self.resolve = style, resolve

    def alternatives(self, opening: str) -> Node:
        options, separator = [list[Node]()], ""
        while self.at < len(self.tokens) and self.tokens[self.at] not in CLOSING.values():
            token = self.tokens[self.at]
            self.at += 1
            if token in ("|", ";", ","):
                if not opening or (separator and separator != token):
                    self.refuse(f"{token!r} stands outside of brackets, or beside another sign")
                separator = token
                options.append([])
            else:
                options[-1].append(self._part(token))
        parts = [sequence(option) if option else NOTHING for option in options]
        return self._permuted(parts) if separator == ";" else choice(parts)

    def _part(self, token: str) -> Node:
        if token == OTHER_SPEECH:
            return Word(OTHER_SPEECH)
        if token in CLOSING:
            inside = self.inside(token)
            return optional(inside) if (token == "[") == (self.style == "hassil") else inside
        return self.resolve(token) if token[0] in "{<$@" else Word(token)

    def _permuted(self, parts: list[Node]) -> Node:
        if len(parts) > MAX_PERMUTED:
            self.refuse(f"{len(parts)} parts in any order are more than {MAX_PERMUTED}")
        return Choice(tuple(Sequence(order) for order in permutations(parts)))
