"""Normalisation: by hand-made pairs, and that it changes nothing twice."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crnn_audio.text.invisible import removed
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
    ("keep", "keep", "\ufeffa\u200bb\u00ad \u200e\u202bc\u2060\ufe0f", "ab c"),
    ("keep", "keep", "a\x00b\x1b[0m\x9c\x7f\x1fc", "ab[0m c"),
    ("keep", "keep", "a\u200db \u200c\U0001f468\u200d\U0001f469", "ab \U0001f468\U0001f469"),
    ("keep", "remove", "می\u200cخواهم\u200c.", "می\u200cخواهم"),
    ("keep", "keep", "क्\u200d\u200dष \u200dක්\u200dර", "क्\u200dष ක්\u200dර"),
    ("keep", "remove", "don`t rock \u2018n\u2019 c\u02bchair l\uff07eau `so'", "don't rock n' c'hair l'eau so'"),
    ("lower", "keep", "İSTANBUL", "istanbul"),
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
        assert all(unicodedata.category(character)[0] in "LMN" or character in " '\u200c\u200d" for character in once)


@pytest.mark.parametrize("language", ["tr", "az"])
def test_the_turkish_i_keeps_its_dot_or_has_none(language):
    assert normalize("ISPARTA İzmir", case="lower", punctuation="keep", language=language) == "ısparta izmir"
    assert normalize("ısparta izmir", case="upper", punctuation="keep", language=language) == "ISPARTA İZMİR"
    assert normalize("Isparta", case="lower", punctuation="keep") == "isparta"


def test_what_is_invisible_is_counted():
    assert removed(["a\u200bb\u200b", "plain", "\ufeffc", "می\u200cخواهم"]) == (
        "3 invisible characters (2 U+200B, 1 U+FEFF) in 2 texts"
    )
    assert removed(["\u00ad"]) == "1 invisible character (1 U+00AD) in 1 text"
    assert removed(["a b", "é"]) == ""
