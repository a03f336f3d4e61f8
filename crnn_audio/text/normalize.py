"""Normalises transcripts: composed visible characters, single spaces, one case, optionally no punctuation."""

import re
import unicodedata
from typing import Literal

from crnn_audio.text.invisible import JOINERS, visible

Case = Literal["keep", "lower", "upper"]
_APOSTROPHES = re.compile(r"(?<=[^\W\d_])[`\u00b4\u2018\u201b\u2032\u02bc\uff07](?=[^\W\d_])")
"""Signs that are written where an apostrophe is meant, if they stand within a word."""
_DOTTED = str.maketrans({"\u0130": "i", "I": "\u0131"}), str.maketrans({"i": "\u0130", "\u0131": "I"})
"""Lower and upper case of the Turkish i, with and without its dot."""


def normalize(
    text: str, *, case: Case, punctuation: Literal["keep", "remove"], language: Literal["tr", "az"] | None = None
) -> str:
    """The text in Unicode NFC, white space runs as one space and none at the ends; the same text again changes nothing.

    Invisible characters, such as the soft hyphen, vanish. Removing punctuation keeps letters, digits and other numbers,
    combining marks and apostrophes (a typographic one becomes ', and so does a backtick within a word). A mark becomes
    a space, so that words it stood between stay two: "well-known" gives "well known".

    Args:
        language: Turkish or Azerbaijani, in which the lower case of I is ı, and the upper case of i is İ.
    """
    text = _in_case(unicodedata.normalize("NFC", visible(text)), case, language)
    if punctuation == "remove":
        text = "".join(_spoken(character) for character in _APOSTROPHES.sub("'", text))
    return " ".join(visible(unicodedata.normalize("NFC", text)).split())


def _in_case(text: str, case: Case, language: str | None) -> str:
    if case == "keep":
        return text
    if language:
        text = text.translate(_DOTTED[case == "upper"])
    return text.replace("\u0130", "i").lower() if case == "lower" else text.upper()  # else a dot above is left over


def _spoken(character: str) -> str:
    if character in "'\u2019":
        return "'"
    return character if unicodedata.category(character)[0] in "LMN" or character in JOINERS else " "
