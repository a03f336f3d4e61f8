"""Rules that refer to each other, each made once; a rule that needs itself is refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from crnn_audio.errors import DataError
from crnn_audio.text.grammar.tree import Node


@dataclass
class Rules:
    """Named parts of a grammar.

    Args:
        texts: what each is in its format.
        parse: makes the tree of one.
        source: what messages name.
    """

    texts: Mapping[str, str]
    parse: Callable[[str, str], Node]
    source: str
    known: dict[str, Node] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> Node:
        """The tree of a rule.

        Raises:
            DataError: there is no such rule, or it refers to itself, directly or through others.
        """
        if name in self.open:
            chain = " -> ".join([*self.open[self.open.index(name) :], name])
            raise DataError(
                f"{self.source}: rule {name!r} refers to itself ({chain}), so its sentences have no end. "
                "Write a repetition, or list what may be said."
            )
        if name not in self.texts:
            known = ", ".join(sorted(self.texts)) or "none"
            raise DataError(f"{self.source}: no rule {name!r} (there are: {known}).")
        if name not in self.known:
            self.open.append(name)
            self.known[name] = self.parse(name, self.texts[name])
            self.open.pop()
        return self.known[name]
