"""A text as the ids of a vocabulary of characters or words, and ids as a text, whole or as they come."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Int

from crnn_audio.text.vocabulary import UNKNOWN, Vocabulary
from crnn_audio.text.words import spaced, split_words


def split(text: str, vocabulary: Vocabulary) -> list[str]:
    """The characters or words of a text, whether they are in the vocabulary or not."""
    return split_words(text) if vocabulary.kind == "words" else list(text)


def known(text: str, vocabulary: Vocabulary) -> list[str]:
    """The same, the unknown token in the place of those that are not."""
    there = set(vocabulary.tokens[2:])
    return [token if token in there else UNKNOWN for token in split(text, vocabulary)]


def encode(text: str, vocabulary: Vocabulary) -> Int[np.ndarray, " T"]:
    """The ids of a text; what is not in the vocabulary has that of the unknown token."""
    normalised = " ".join(split_words(text)) if vocabulary.kind == "words" else text
    return np.array(vocabulary.encode(normalised), dtype=np.int64)


def unknown(text: str, vocabulary: Vocabulary) -> list[str]:
    """The characters or words of a text that are not in the vocabulary, sorted."""
    return sorted(set(split(text, vocabulary)) - set(vocabulary.tokens[2:]))


def decode(ids: Iterable[int], vocabulary: Vocabulary) -> str:
    """The text of ids; inverse of `encode` for known characters."""
    before, pieces = "", list[str]()
    for id in ids:
        pieces.append(piece(id, before, vocabulary))
        before = vocabulary.tokens[id]
    return "".join(pieces)


def piece(id: int, before: str, vocabulary: Vocabulary) -> str:
    """What an id adds to a text whose last token is `before`, none at the beginning."""
    token = vocabulary.tokens[id]
    if vocabulary.kind == "words":
        return spaced(token, before)
    return vocabulary.decode([id]) if token == UNKNOWN else token
