"""A text in fewer signs: lower case, ASCII alone."""

import unicodedata

from crnn_audio.text.invisible import visible


def plain(text: str, *, lower_case: bool = False, ascii: bool = False) -> str:
    """The text without invisible characters; in lower case, or with ASCII characters alone; idempotent.

    For ASCII, letters lose their accents (é becomes e) and typographic quotation marks, dashes and dots become plain
    ones; what then still is not ASCII is left out.
    """
    text = visible(text)
    if lower_case:
        text = text.lower()
    if ascii and not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.translate(MARKS))
        text = decomposed.encode("ascii", "ignore").decode("ascii")
    return text.lower() if lower_case else text


MARKS = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"',
    "\u00bb": '"', "\u2010": "-", "\u2011": "-", "\u2013": "-", "\u2014": "--", "\u00df": "ss",
})  # fmt: skip
"""Marks that Unicode does not take apart."""


def num_lost(text: str) -> int:
    """Characters for which `plain` with `ascii` has no sign; accents that letters lose do not count."""
    decomposed = unicodedata.normalize("NFKD", text.translate(MARKS))
    return sum(not character.isascii() and not unicodedata.combining(character) for character in decomposed)
