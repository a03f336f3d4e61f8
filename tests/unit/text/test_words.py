"""Words in lower case with punctuation apart, the most frequent of them, and words as a text again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crnn_audio.text.vocabulary import UNKNOWN
from crnn_audio.text.words import joined, most_frequent, spaced, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \n\t", []),
        ("Don't, ALICE!", ["don't", ",", "alice", "!"]),
        ("well-known  (3.5)", ["well-known", "(", "3", ".", "5", ")"]),
        ("said--the", ["said", "--", "the"]),
        ("`Off with_her'", ["`", "off", "with", "_", "her", "'"]),
        ("cafe\u0301", ["café"]),
        ("...", [".", ".", "."]),
    ],
)
def test_words_of_a_text(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "alice said--so: (off) with `her head!'",
        "`no, no!' said the queen. `off--'",
        "it's 3. 5, well-known…",
        "“so,” ‘we’ go",
    ],
)
def test_words_stand_as_a_person_writes_them(text: str) -> None:
    assert joined(split_words(text)) == text


@given(st.text(alphabet=st.sampled_from("ab'’-.,!?()\"`_ \n5é“”—…"), max_size=40))
def test_joined_words_are_the_same_words(text: str) -> None:
    words = split_words(text)
    assert split_words(joined(words)) == words
    assert re.sub(r"\s", "", joined(words)) == re.sub(r"\s", "", text.lower())


def test_words_come_one_by_one_as_they_stand_in_the_whole() -> None:
    words = split_words("So--she said, `Off (with) it!'")
    assert "".join(spaced(word, before) for word, before in zip(words, ["", *words], strict=False)) == joined(words)


def test_the_most_frequent_words_and_of_equal_ones_those_first_in_the_alphabet() -> None:
    words = "b b b a a z z c".split()
    assert most_frequent(words, 1).tokens[2:] == ("b",)
    assert most_frequent(words, 2).tokens[2:] == ("a", "b")
    assert most_frequent(words, 9).tokens[2:] == ("a", "b", "c", "z")
    assert most_frequent(words, 2).encode("b z a") == [3, 1, 2]
    assert UNKNOWN in most_frequent([], 2).tokens
