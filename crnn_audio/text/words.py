"""A text as words in lower case, punctuation apart, the most frequent of them a vocabulary; and words as a text."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from crnn_audio.text.vocabulary import BLANK, UNKNOWN, Vocabulary

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|-{2,}|\S")
"""Letters and digits with apostrophes and hyphens inside; a dash of hyphens; any other sign by itself."""
CLOSING = set(".,;:!?)]}…’”")
OPENING = set("([{`‘“")
DASHES = {"--", "—"}


def split_words(text: str) -> list[str]:
    """The words of a text, in lower case: "Don't, Alice!" is don't, a comma, alice and an exclamation mark."""
    return WORD.findall(unicodedata.normalize("NFC", text.lower()))


def most_frequent(words: Iterable[str], count: int) -> Vocabulary:
    """The vocabulary of the `count` most frequent words, of equally frequent ones those first in the alphabet."""
    counts = Counter(words)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return Vocabulary("words", (BLANK, UNKNOWN, *sorted(ranked[:count])))


def joined(words: Sequence[str]) -> str:
    """Words as a text; what `split_words` makes of it are the same words."""
    return "".join(spaced(word, before) for word, before in zip(words, ["", *words], strict=False))


def spaced(word: str, before: str) -> str:
    """A word as it stands after the word `before` it, none at the beginning: with a space, or without."""
    dash = (word in DASHES and before[-1:].isalnum()) or (before in DASHES and word[0].isalnum())
    quoted = word == "'" and (before in CLOSING or before in DASHES)
    return word if not before or word in CLOSING or before in OPENING or dash or quoted else f" {word}"
