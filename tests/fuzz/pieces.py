"""Pieces and texts gone wrong: in their bytes, in their numbers, in lines that stand where none is expected."""

import re
from pathlib import Path

from crnn_audio.symbolic import files
from tests import events, texts
from tests.fuzz.mutations import Draw, damaged

SUFFIXES = ("mid", "mid", "abc", "abc", "musicxml", "mxl", "json")
NUMBERS = ("0", "-1", "1e9", "99999999999999999999", "0.0000001", "NaN", "1/0", "", "65536", "1000000", "Infinity")
LINES = (
    "X:1", "X:", "T:" + "x" * 5000, "M:0/4", "M:4/0", "M:99999/1", "M:C|", "L:1/0", "L:0", "L:1/99999999", "Q:1/4=0",
    "Q:99999999999", "K:", "K:none", "K:Hp", "K:C#### locrian", "V:1", "V:99", "V:" + "v" * 400, "P:(AB)999",
    "w: a - b",
    "%%begintext", "%%endtext", "%%MIDI program 999", "I:abc-charset utf-16", "m: ~n3 = n", "U: T = !trill!", "s:*",
    "|: " + "C" * 2000 + " :|", "::::::::::::", "[" * 3000, "(" * 3000, "{" * 500, "[CEG" * 800, "(3" * 500,
    "C99999999",
    "C/99999999", "C////////////", "^^^^C", "[K:G][M:3/4][L:1/4]", "[V:9]C", "|" * 500, "-" * 300, "\\", "z99999999",
    "<?xml version='1.0' encoding='utf-32'?>", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "<part/>", "<measure>", "</measure>",
    "<repeat direction='backward' times='100000000'/>", "<note><duration>1e12</duration></note>",
    "<divisions>0</divisions>",
    "<!-- " + "x" * 9000, "]]>", "&b;", "\ufeff", "\u2028", "\x0b", "\x85", "\x1b[2J", "\ud800",
)  # fmt: skip


def score(rng: Draw, folder: Path) -> tuple[str, bytes]:
    """A suffix and a piece of that format, damaged."""
    suffix = rng.choice(SUFFIXES)
    make = rng.choice((events.chorale, events.melody))
    files.save(make(rng.randrange(20), title="Étude"), folder / f"whole.{suffix}")
    content = (folder / f"whole.{suffix}").read_bytes()
    if suffix in ("abc", "musicxml", "json") and rng.random() < 0.7:
        content = changed_text(rng, content.decode("utf-8")).encode("utf-8", "surrogatepass")
    else:
        content = damaged(rng, content)
    return rng.choice((suffix, suffix, suffix, suffix, *SUFFIXES)), content


def text(rng: Draw) -> bytes:
    """A text, damaged, or in another encoding, or of odd lines."""
    whole = texts.text(rng.choice((0, 1, 5, 300, 3000)), rng.randrange(9))
    what = rng.random()
    if what < 0.4:
        return damaged(rng, whole.encode())
    if what < 0.7:
        return changed_text(rng, whole).encode("utf-8", "surrogatepass")
    if what < 0.8:
        return whole.encode(rng.choice(("utf-16", "utf-32", "utf-8-sig", "cp500")))
    return rng.choice((b"", b"\n" * 2000, b" ", b"a", b"\0" * 99, rng.randbytes(300), b"<s> a </s>\n", b"x" * 200_000))


def changed_text(rng: Draw, whole: str) -> str:
    """With other numbers, or other lines."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        found = list(re.finditer(r"\d+", whole))
        lines = whole.splitlines(keepends=True)
        what = rng.random()
        if found and what < 0.4:
            one = rng.choice(found)
            whole = whole[: one.start()] + rng.choice(NUMBERS) + whole[one.end() :]
        elif what < 0.8:
            lines.insert(rng.randrange(len(lines) + 1), rng.choice(LINES) + rng.choice(("\n", "\n", "", "\r")))
            whole = "".join(lines)
        elif lines:
            first, last = sorted((rng.randrange(len(lines) + 1), rng.randrange(len(lines) + 1)))
            whole = "".join([*lines[:last], *lines[first:last] * rng.choice((0, 1, 50)), *lines[last:]])
    return whole
