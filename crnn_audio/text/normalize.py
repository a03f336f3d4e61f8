"""Normalises transcripts: composed characters, single spaces, one case, optionally no punctuation."""

import unicodedata
from typing import Literal


def normalize(text: str, *, case: Literal["keep", "lower", "upper"], punctuation: Literal["keep", "remove"]) -> str:
    """The text in Unicode NFC, white space runs as one space and none at the ends; the same text again changes nothing.

    Removing punctuation keeps letters, digits and other numbers, combining marks and apostrophes (a typographic one
    becomes '). A mark becomes a space, so that words it stood between stay two: "well-known" gives "well known".
    Invisible format characters, such as the soft hyphen, vanish.
    """
    text = unicodedata.normalize("NFC", text)
    if case != "keep":
        text = text.lower() if case == "lower" else text.upper()
    if punctuation == "remove":
        text = "".join(_spoken(character) for character in text)
    return " ".join(unicodedata.normalize("NFC", text).split())


def _spoken(character: str) -> str:
    if character in "'\u2019":
        return "'"
    category = unicodedata.category(character)
    if category[0] in "LMN":
        return character
    return "" if category == "Cf" else " "
