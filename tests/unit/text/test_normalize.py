"""Normalisation: by hand-made pairs, and that it changes nothing twice."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crnn_audio.text.normalize import normalize

PAIRS = [
    ("keep", "keep", "  Hello,\t\nWorld!\u00a0", "Hello, World!"),
    ("lower", "keep", "Hello, WORLD", "hello, world"),
    ("upper", "keep", "straße", "STRASSE"),
    ("keep", "keep", "cafe\u0301", "caf\u00e9"),
    ("keep", "keep", "don\u2019t", "don\u2019t"),
    ("keep", "remove", "don\u2019t, 'tis", "don't 'tis"),
    ("lower", "remove", "Well-known: 3 dogs... (Fox)", "well known 3 dogs fox"),
    ("keep", "remove", "- \u2014 !", ""),
    ("keep", "remove", "co\u00adoperate", "cooperate"),
    ("keep", "remove", "हिन्दी, ไทยนี้!", "हिन्दी ไทยนี้"),
    ("keep", "remove", "one_two", "one two"),
    ("lower", "remove", "", ""),
]


@pytest.mark.parametrize(("case", "punctuation", "text", "expected"), PAIRS)
def test_by_hand(case, punctuation, text, expected):
    assert normalize(text, case=case, punctuation=punctuation) == expected


@given(st.text(), st.sampled_from(["keep", "lower", "upper"]), st.sampled_from(["keep", "remove"]))
def test_what_is_normal_stays_as_it_is(text, case, punctuation):
    once = normalize(text, case=case, punctuation=punctuation)
    assert normalize(once, case=case, punctuation=punctuation) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == " ".join(once.split())
    if punctuation == "remove":
        assert all(unicodedata.category(character)[0] in "LMN" or character in " '" for character in once)
