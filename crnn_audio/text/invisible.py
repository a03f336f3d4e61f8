"""Characters that nobody sees, which would become tokens of their own: taken out where they carry nothing."""

import re
from collections import Counter
from collections.abc import Iterable

_JOINED = re.compile(
    "[\u0600-\u08ff\ufb50-\ufdff\ufe70-\ufefc"  # Arabic, Syriac, Thaana, N'Ko, Mandaic
    "\u0900-\u0dff\ua8e0-\ua8ff\u1cd0-\u1cff"  # Devanagari to Sinhala
    "\u0f00-\u109f\u1780-\u18af\u1b00-\u1b7f\ua980-\uaa7f\uabc0-\uabff"  # Tibetan, Myanmar, Khmer, Mongolian and others
    "\U00010a00-\U00011fff]"
)
"""Scripts in which a joiner (U+200D) or non-joiner (U+200C) is part of the spelling."""
JOINERS = "\u200c\u200d"
_RUN = re.compile(f"[{JOINERS}]+")
_INVISIBLE = re.compile(
    "[\\x00-\\x08\\x0e-\\x1b\\x7f-\\x84\\x86-\\x9f"  # control characters, of which others are white space
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f\U000e0000-\U000e0fff]"  # fillers and variation selectors
)


def visible(text: str) -> str:
    """The text without control and format characters, variation selectors and fillers; white space stays as it is.

    Joiners stay between letters of scripts that need them (Arabic, Devanagari and the like); the joiner also after one.
    """
    return _RUN.sub(_joiner, _INVISIBLE.sub("", text))


def removed(texts: Iterable[str]) -> str:
    """What `visible` takes out of texts, for people: "3 invisible characters (2 U+200B, 1 U+FEFF) in 2 texts".

    Empty where it takes out nothing.
    """
    counts, changed = Counter[str](), 0
    for text in texts:
        if (seen := visible(text)) != text:
            counts += Counter(text) - Counter(seen)
            changed += 1
    if not changed:
        return ""
    total = sum(counts.values())
    named = ", ".join(f"{count} U+{ord(character):04X}" for character, count in counts.most_common(5))
    rest = ", ..." if len(counts) > 5 else ""
    characters = "1 invisible character" if total == 1 else f"{total} invisible characters"
    return f"{characters} ({named}{rest}) in {'1 text' if changed == 1 else f'{changed} texts'}"


def _joiner(found: re.Match[str]) -> str:
    text, start, end = found.string, found.start(), found.end()
    joiner, after = text[start], _JOINED.match(text, end)
    joins = start and _JOINED.match(text, start - 1)
    return joiner if joins and (after or joiner == "\u200d") else ""
