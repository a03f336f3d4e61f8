"""Texts as ids and back, by characters and by words."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crnn_audio.text import tokens
from crnn_audio.text.vocabulary import UNKNOWN, UNKNOWN_SHOWN, Vocabulary
from crnn_audio.text.words import most_frequent, split_words

CHARACTERS = Vocabulary.build(["abc \n"], "characters")
WORDS = most_frequent(split_words("the cat, the dog"), 3)


@given(st.text(alphabet="abc \n"))
def test_characters_and_back(text: str) -> None:
    ids = tokens.encode(text, CHARACTERS)
    assert ids.dtype == np.int64
    assert tokens.decode(ids.tolist(), CHARACTERS) == text
    assert tokens.split(text, CHARACTERS) == list(text)


def test_words_and_back() -> None:
    assert WORDS.tokens[2:] == (",", "cat", "the")
    ids = tokens.encode("The dog,  the\ncat", WORDS)
    assert ids.tolist() == [4, 1, 2, 4, 3]
    assert tokens.decode(ids.tolist(), WORDS) == f"the {UNKNOWN}, the cat"


def test_what_is_unknown() -> None:
    assert tokens.unknown("cab! xx", CHARACTERS) == ["!", "x"]
    assert tokens.unknown("the dog", WORDS) == ["dog"]
    assert tokens.known("a!", CHARACTERS) == ["a", UNKNOWN]
    assert tokens.known("The dog", WORDS) == ["the", UNKNOWN]
    assert tokens.decode(tokens.encode("a!", CHARACTERS).tolist(), CHARACTERS) == f"a{UNKNOWN_SHOWN}"
    assert len(tokens.encode("", WORDS)) == 0
