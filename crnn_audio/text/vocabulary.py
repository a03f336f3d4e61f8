"""Which token has which id: the blank is 0, the unknown token 1, then characters or words in sorted order."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from crnn_audio import files
from crnn_audio.errors import DAMAGED, RunError

BLANK = "<blank>"
UNKNOWN = "<unk>"
UNKNOWN_SHOWN = "\u2047"
"""How an unknown token is printed: a double question mark."""


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a recogniser; `tokens[id]` is the token of an id.

    Raises:
        ValueError: the tokens break what the first line of this file says.
    """

    kind: Literal["characters", "words"]
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.tokens[:2] != (BLANK, UNKNOWN):
            raise ValueError(f"the first tokens should be '{BLANK}' and '{UNKNOWN}' (found {list(self.tokens[:2])})")
        twice = next((token for token, count in Counter(self.tokens).items() if count > 1), None)
        if twice is not None:
            raise ValueError(f"a token should stand once (found twice: {twice!r})")
        broken = [token for token in self.tokens[2:] if _split(token, self.kind) != [token]]
        if broken:
            raise ValueError(f"a token should be one of the {self.kind} (found {broken[0]!r})")

    @classmethod
    def build(cls, texts: Iterable[str], kind: Literal["characters", "words"]) -> "Vocabulary":
        """The vocabulary of everything that stands in the texts, which are normalised already."""
        found = {token for text in texts for token in _split(text, kind)} - {BLANK, UNKNOWN}
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
        """The characters or words of a text, whether they are in the vocabulary or not."""
        return _split(text, self.kind)

    def encode(self, text: str) -> list[int]:
        """The ids of a text; what is not in the vocabulary becomes the unknown token, never the blank."""
        return [self._ids.get(token, 1) for token in _split(text, self.kind)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, blanks left out and each unknown token shown as ⁇; inverse of `encode` for known text.

        Words are joined by single spaces, so there the inverse holds for normalised text.

        Raises:
            ValueError: an id is negative or too large.
        """
        return ("" if self.kind == "characters" else " ").join(self._shown(id) for id in ids if id != 0)

    def unknown(self, text: str) -> set[str]:
        """The characters or words of a text that are not in the vocabulary."""
        return {token for token in _split(text, self.kind) if token not in self._ids}

    def _shown(self, id: int) -> str:
        if not 0 <= id < len(self.tokens):
            raise ValueError(f"id {id} is not in a vocabulary of {len(self.tokens)} tokens")
        return UNKNOWN_SHOWN if id == 1 else self.tokens[id]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: id for id, token in enumerate(self.tokens) if id > 1}

    def save(self, path: Path) -> None:
        """Writes the vocabulary as JSON, all or nothing."""
        content = {"kind": self.kind, "tokens": self.tokens}
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


def _split(text: str, kind: str) -> list[str]:
    return list(text) if kind == "characters" else text.split()


def _from_json(content: object) -> Vocabulary:
    if not isinstance(content, dict) or set(content) != {"kind", "tokens"}:
        raise ValueError("it should be an object with the fields 'kind' and 'tokens'")
    kind, tokens = content["kind"], content["tokens"]
    if kind not in ("characters", "words"):
        raise ValueError(f"'kind' should be 'characters' or 'words' (found {kind!r})")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ValueError("'tokens' should be a list of strings")
    return Vocabulary(kind, tuple(tokens))
