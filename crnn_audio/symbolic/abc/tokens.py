"""A line of music in ABC into its signs; fields within it have been taken out."""

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

_LENGTH = r"\d{0,5}(?:/{1,10}\d{0,5})?"
_IN_QUOTES = r'"[^"]*"'
# No alternative may try what follows in more than one way, or a damaged file takes for ever: hence the possessive "*+".
_TOKEN = re.compile(
    rf"""
      (?P<text>"[^"]*")
    | (?P<decoration>![^!\s|]+!|\+[a-z(][^+\s|]*\+)
    | (?P<grace>\{{[^{{}}]*\}})
    | (?P<bar>\.?(?::*(?:\[?\|+\]?)+:*|:{{2,}}))
    | (?P<ending>(?:\[|(?<=[|:\]]))\d{{1,4}}(?:[,-]\d{{1,4}})*)
    | (?P<tuplet>\(\d(?::\d{{0,4}}){{0,2}})
    | (?P<note>(?P<accidental>\^{{1,2}}|_{{1,2}}|=)?(?P<letter>[A-Ga-g])(?P<octave>[,']*)(?P<length>{_LENGTH}))
    | (?P<rest>[zx]{_LENGTH})
    | (?P<bars_of_rest>[ZX]\d{{0,3}})
    | (?P<chord>\[(?P<inner>(?:{_IN_QUOTES}|[^\]\[A-Ga-g"])*+[A-Ga-g](?:{_IN_QUOTES}|[^\]\["])*+)\](?P<outer>{_LENGTH}))
    | (?P<broken><+|>+)
    | (?P<tie>-)
    | (?P<overlay>&)
    | (?P<sign>[~.H-Wh-w])
    | (?P<skipped>[()\s`\\]|y\d*)
    | (?P<unknown>.)
    """,
    re.VERBOSE,
)
IN_CHORD = re.compile(
    rf"""(?P<skipped>"[^"]*"|![^!]*!)|(?P<accidental>\^{{1,2}}|_{{1,2}}|=)?(?P<letter>[A-Ga-g])"""
    rf"""(?P<octave>[,']*)(?P<length>{_LENGTH})(?P<tie>-?)"""
)
"""A note inside a chord."""


def signs(line: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Each sign of the line: what it is, and its match."""
    for found in _TOKEN.finditer(line):
        yield str(found.lastgroup), found


@lru_cache(maxsize=1024)
def factor(length: str) -> Fraction:
    """What a note's number multiplies the unit by: "3/2", "2", "/" (a half), "//" (a quarter); nothing is 1."""
    whole, _, rest = length.partition("/")
    if "/" not in length:
        return Fraction(int(whole or 1))
    below = rest.lstrip("/")
    return Fraction(int(whole or 1), int(below) if below.strip("0") else 2 ** (len(rest) - len(below) + 1))
