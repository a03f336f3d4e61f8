"""Texts as ids and back, by characters and by words."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crnn_audio.text import encoding
from crnn_audio.text.vocabulary import UNKNOWN, UNKNOWN_SHOWN, Vocabulary
from crnn_audio.text.words import most_frequent, split_words

CHARACTERS = Vocabulary.build(["abc \n"], "characters")
WORDS = most_frequent(split_words("the cat, the dog"), 3)


@given(st.text(alphabet="abc \n"))
def test_characters_and_back(text: str) -> None:
    ids = encoding.encode(text, CHARACTERS)
    assert ids.dtype == np.int64
    assert encoding.decode(ids.tolist(), CHARACTERS) == text
    assert encoding.split(text, CHARACTERS) == list(text)


def test_words_and_back() -> None:
    assert WORDS.tokens[2:] == (",", "cat", "the")
    ids = encoding.encode("The dog,  the\ncat", WORDS)
    assert ids.tolist() == [4, 1, 2, 4, 3]
    assert encoding.decode(ids.tolist(), WORDS) == f"the {UNKNOWN}, the cat"


def test_what_is_unknown() -> None:
    assert encoding.unknown("cab! xx", CHARACTERS) == ["!", "x"]
    assert encoding.unknown("the dog", WORDS) == ["dog"]
    assert encoding.known("a!", CHARACTERS) == ["a", UNKNOWN]
    assert encoding.known("The dog", WORDS) == ["the", UNKNOWN]
    assert encoding.decode(encoding.encode("a!", CHARACTERS).tolist(), CHARACTERS) == f"a{UNKNOWN_SHOWN}"
    assert len(encoding.encode("", WORDS)) == 0
