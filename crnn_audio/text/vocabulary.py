"""Which token has which id: the blank is 0, the unknown token 1, then characters, words or subwords in order."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from crnn_audio import files
from crnn_audio.errors import DAMAGED, RunError
from crnn_audio.text import subwords

Kind = Literal["characters", "words", "subwords"]
"""What one token is."""
BLANK = "<blank>"
UNKNOWN = "<unk>"
MOST_REMEMBERED = 100_000
"""Words whose subwords are remembered, at most."""
UNKNOWN_SHOWN = "\u2047"
"""How an unknown token is printed: a double question mark."""


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a recogniser; `tokens[id]` is the token of an id. Subwords have scores, by which texts are cut.

    Raises:
        ValueError: the tokens break what the first line of this file says.
    """

    kind: Kind
    tokens: tuple[str, ...]
    scores: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.tokens[:2] != (BLANK, UNKNOWN):
            raise ValueError(f"the first tokens should be '{BLANK}' and '{UNKNOWN}' (found {list(self.tokens[:2])})")
        twice = next((token for token, count in Counter(self.tokens).items() if count > 1), None)
        if twice is not None:
            raise ValueError(f"a token should stand once (found twice: {twice!r})")
        if len(self.scores) != (len(self.tokens) if self.kind == "subwords" else 0):
            raise ValueError(f"of subwords each should have a score (found {len(self.scores)} of {len(self.tokens)})")
        broken = [token for token in self.tokens[2:] if self.kind != "subwords" and self.split(token) != [token]]
        if broken:
            raise ValueError(f"a token should be one of the {self.kind} (found {broken[0]!r})")

    @classmethod
    def build(cls, texts: Iterable[str], kind: Kind, num_subwords: int = 1000) -> "Vocabulary":
        """The vocabulary of everything that stands in the texts, which are normalised already.

        Raises:
            DataError: there are more characters than subwords, or what learns subwords is not installed.
        """
        if kind == "subwords":
            pieces = subwords.learned(texts, num_subwords)
            return cls(kind, (BLANK, UNKNOWN, *pieces), (0.0, 0.0, *pieces.values()))
        found = {token for text in texts for token in (text if kind == "characters" else text.split())}
        found -= {BLANK, UNKNOWN}
        return cls(kind, (BLANK, UNKNOWN, *sorted(found)))

    def __len__(self) -> int:
        """Tokens with the blank and the unknown one."""
        return len(self.tokens)

    @property
    def separator(self) -> str | None:
        """The token between words; None where each token is a word."""
        return " " if self.kind == "characters" else None

    @property
    def separator_id(self) -> int | None:
        """The id of the token between words; None where there is none."""
        return self._ids.get(self.separator) if self.separator else None

    def split(self, text: str) -> list[str]:
        """The characters, words or subwords of a text, whether they are in the vocabulary or not."""
        if self.kind == "subwords":
            return [piece for word in text.split() for piece in self._pieces_of(word)]
        return list(text) if self.kind == "characters" else text.split()

    def encode(self, text: str) -> list[int]:
        """The ids of a text; what is not in the vocabulary becomes the unknown token, never the blank."""
        return [self._ids.get(token, 1) for token in self.split(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, blanks left out and each unknown token shown as ⁇; inverse of `encode` for known text.

        Words are joined by single spaces, so there the inverse holds for normalised text.

        Raises:
            ValueError: an id is negative or too large.
        """
        shown = [self._shown(id) for id in ids if id != 0]
        return subwords.joined(shown) if self.kind == "subwords" else ("" if self.separator else " ").join(shown)

    def unknown(self, text: str) -> set[str]:
        """The characters or words of a text that are not in the vocabulary."""
        return {token for token in self.split(text) if token not in self._ids}

    def begins_word(self, id: int) -> bool:
        """Whether a token is the first of a word; of characters none is, since a separator stands between words."""
        return self.kind == "words" or (self.kind == "subwords" and self.tokens[id].startswith(subwords.BEGIN))

    def _shown(self, id: int) -> str:
        if not 0 <= id < len(self.tokens):
            raise ValueError(f"id {id} is not in a vocabulary of {len(self.tokens)} tokens")
        return UNKNOWN_SHOWN if id == 1 else self.tokens[id]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: id for id, token in enumerate(self.tokens) if id > 1}

    def _pieces_of(self, word: str) -> list[str]:
        if word not in self._cut:
            if len(self._cut) >= MOST_REMEMBERED:
                self._cut.clear()
            self._cut[word] = subwords.cut(word, self._score_of)
        return self._cut[word]

    @cached_property
    def _cut(self) -> dict[str, list[str]]:
        return {}

    @cached_property
    def _score_of(self) -> dict[str, float]:
        return dict(zip(self.tokens[2:], self.scores[2:], strict=True))

    def save(self, path: Path) -> None:
        """Writes the vocabulary as JSON, all or nothing."""
        content = {"kind": self.kind, "tokens": self.tokens} | ({"scores": self.scores} if self.scores else {})
        files.write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Reads what `save` wrote.

        Raises:
            RunError: the file is missing or damaged; says how.
        """
        missing = f"no such file; the run directory is incomplete. {DAMAGED}"
        content = files.read_json(path, RunError, advice=DAMAGED, missing=missing)
        try:
            return _from_json(content)
        except ValueError as error:
            raise RunError(f"{path}: damaged ({error}). {DAMAGED}") from None


def _from_json(content: object) -> Vocabulary:
    if not isinstance(content, dict) or set(content) | {"scores"} != {"kind", "tokens", "scores"}:
        raise ValueError("it should be an object with the fields 'kind' and 'tokens'")
    kind, tokens, scores = content["kind"], content["tokens"], content.get("scores", [])
    if kind not in get_args(Kind):
        raise ValueError(f"'kind' should be 'characters', 'words' or 'subwords' (found {kind!r})")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ValueError("'tokens' should be a list of strings")
    if not isinstance(scores, list) or not all(isinstance(score, float) for score in scores):
        raise ValueError("'scores' should be a list of numbers")
    return Vocabulary(kind, tuple(tokens), tuple(scores))
