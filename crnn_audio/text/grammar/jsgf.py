"""The JSpeech Grammar Format (W3C note, 2000): rules with alternatives, `[optional]`, `*`, `+` and `{tags}`.

A public rule is an intent of that name. A tag makes what it follows the value of a slot: `(red | blue) {colour}`; of
`{colour=red}` the value is what it says. Weights are refused, and rules of other files.
"""

import re

from crnn_audio.errors import DataError
from crnn_audio.text.grammar.parsing import CLOSING, Parser
from crnn_audio.text.grammar.rules import Rules
from crnn_audio.text.grammar.tree import NOTHING, Grammar, Intent, Node, Repeat, Slot, Word, choice, optional, sequence

HEADER = re.compile(r"\ufeff?\s*#JSGF\b[^;]*;")
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
RULE = re.compile(r"\s*(public\s+)?<([^<>]+)>\s*=([^;]*);")
TOKEN = re.compile(r'\s*(\{[^{}]*\}|<[^<>]*>|/[\d.eE+-]+/|[\[\]()|*+]|"[^"]*"|[^\s\[\]()|*+{}<>"]+)')


def is_jsgf(text: str) -> bool:
    """Whether a file begins as such a grammar does."""
    return HEADER.match(COMMENT.sub(" ", text)) is not None


def grammar(text: str, source: str) -> Grammar:
    """The grammar of a file.

    Raises:
        DataError: it is damaged, has no public rule, or a rule refers to itself or to none.
    """
    body = COMMENT.sub(" ", text)
    header = HEADER.match(body)
    body = re.sub(r"\s*grammar\s+[^;]+;", "", body[header.end() if header else 0 :], count=1)
    texts, public, at = dict[str, str](), list[str](), 0
    while body[at:].strip():
        found = RULE.match(body, at)
        if not found:
            raise DataError(f"{source}: {body[at:].strip()[:40]!r} is no rule. Write `<name> = words;`.")
        if found[2] in texts:
            raise DataError(f"{source}: rule {found[2]!r} stands there twice.")
        texts[found[2]] = found[3]
        public += [found[2]] if found[1] else []
        at = found.end()
    if not public:
        raise DataError(f"{source}: no rule is public. Write `public <name> = words;`.")
    rules = Rules(texts, lambda name, one: _Rule(one, name, source, rules).whole(), source)
    return Grammar(source, tuple(Intent(name, rules[name]) for name in public))


class _Rule(Parser):
    def __init__(self, text: str, name: str, source: str, rules: Rules) -> None:
        super().__init__(text, TOKEN, f"rule {name!r}", source)
        self.rules = rules

    def alternatives(self, opening: str) -> Node:
        options = [list[Node]()]
        while self.at < len(self.tokens) and self.tokens[self.at] not in CLOSING.values():
            token = self.tokens[self.at]
            self.at += 1
            if token == "|":
                options.append([])
            elif token in ("*", "+") or token[0] == "{":
                if not options[-1]:
                    self.refuse(f"{token!r} follows nothing")
                options[-1].append(_changed(options[-1].pop(), token))
            else:
                options[-1].append(self._part(token))
        if not all(options):
            self.refuse("an alternative is empty")
        return choice([sequence(option) for option in options])

    def _part(self, token: str) -> Node:
        if token in CLOSING:
            inside = self.inside(token)
            return optional(inside) if token == "[" else inside
        if token[0] == "/":
            self.refuse(f"weights such as {token} are not supported")
        if token[0] == "<":
            return NOTHING if token == "<NULL>" else self.rules[token[1:-1]]
        return sequence([Word(word) for word in token.strip('"').split()])


def _changed(node: Node, token: str) -> Node:
    """What a sign after it makes of a part: it is repeated, or is the value of a slot."""
    if token == "+":
        return Repeat(node)
    if token == "*":
        return optional(Repeat(node))
    slot, _, value = token[1:-1].partition("=")
    return Slot(slot.strip(), node, value.strip() or None)
