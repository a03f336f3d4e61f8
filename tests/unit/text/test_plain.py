"""A text in lower case and in ASCII alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crnn_audio.text.plain import num_lost, plain


@pytest.mark.parametrize(
    ("text", "wanted", "lost"),
    [
        ("plain \n", "plain \n", 0),
        ("café ÉTÉ", "cafe ETE", 0),
        ("“It’s”—so…", '"It\'s"--so...', 0),
        ("Straße ﬁn", "Strasse fin", 0),
        ("a猫b☃", "ab", 2),
    ],
)
def test_ascii(text: str, wanted: str, lost: int) -> None:
    assert plain(text, ascii=True) == wanted
    assert plain(text, ascii=True, lower_case=True) == wanted.lower()
    assert num_lost(text) == lost
    assert plain(text) == text


@given(st.text(), st.booleans(), st.booleans())
def test_the_same_text_again_changes_nothing(text: str, lower_case: bool, ascii: bool) -> None:
    once = plain(text, lower_case=lower_case, ascii=ascii)
    assert plain(once, lower_case=lower_case, ascii=ascii) == once
    assert once.isascii() or not ascii
    assert not any(sign.isupper() for sign in once if sign.isascii()) or not lower_case
