"""Damage to any bytes and any JSON, sampled from a generator: the same seed does the same damage on every machine."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

Draw = random.Random
Change = Callable[[Draw, bytes], bytes]


def draw(kind: str, seed: int) -> Draw:
    """The generator of one case."""
    return random.Random(f"{kind} {seed}")


def damaged(rng: Draw, content: bytes) -> bytes:
    """One to three of the changes below."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(CHANGES)(rng, content)
    return content


def cut_short(rng: Draw, content: bytes) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def cut_in_head(rng: Draw, content: bytes) -> bytes:
    return content[: rng.randrange(min(len(content), 80) + 1)]


def bits_flipped(rng: Draw, content: bytes) -> bytes:
    return _flipped(rng, content, len(content), rng.choice((1, 2, 8, 64)))


def head_bits_flipped(rng: Draw, content: bytes) -> bytes:
    return _flipped(rng, content, min(len(content), 64), rng.choice((1, 2, 8)))


def _flipped(rng: Draw, content: bytes, end: int, count: int) -> bytes:
    changed = bytearray(content)
    for _ in range(count if end else 0):
        changed[rng.randrange(end)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def zeroed(rng: Draw, content: bytes) -> bytes:
    first, last = _stretch(rng, content)
    return content[:first] + bytes(last - first) + content[last:]


def scrambled(rng: Draw, content: bytes) -> bytes:
    first, last = _stretch(rng, content)
    return content[:first] + rng.randbytes(last - first) + content[last:]


def cut_out(rng: Draw, content: bytes) -> bytes:
    first, last = _stretch(rng, content)
    return content[:first] + content[last:]


def repeated(rng: Draw, content: bytes) -> bytes:
    first, last = _stretch(rng, content)
    return content[:last] + content[first:last] * rng.choice((1, 1, 2, 9)) + content[last:]


def swapped(rng: Draw, content: bytes) -> bytes:
    a, b, c, d = sorted(rng.randrange(len(content) + 1) for _ in range(4))
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def preceded(rng: Draw, content: bytes) -> bytes:
    return rng.choice(JUNK) + content


def followed(rng: Draw, content: bytes) -> bytes:
    return content + rng.choice(JUNK)


def interspersed(rng: Draw, content: bytes) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.choice(JUNK) + content[at:]


def _stretch(rng: Draw, content: bytes) -> tuple[int, int]:
    first = rng.randrange(len(content) + 1)
    return first, min(first + rng.choice((1, 2, 4, 16, 100, 1000, 100_000)), len(content))


JUNK = (
    b"\0", b"\0" * 4096, b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"\r\n", b"\t", b" ", b"\xc3", b"\xed\xa0\x80",
    b"ID3\x04\x00\x00\x00\x00\x02\x00", b"RIFF\xff\xff\xff\xffWAVE", b"OggS", b"fLaC", b"PK\x03\x04", b"\x1f\x8b\x08",
    b"<!doctype html>\n", b"{", b"]", b'"', b"'", b"\\", b"\x1b[2J\x1b[31m", "\u2028".encode(), "\u202e".encode(),
)  # fmt: skip

CHANGES: tuple[Change, ...] = (
    cut_short, cut_in_head, bits_flipped, head_bits_flipped, zeroed, scrambled, cut_out, repeated, swapped, preceded,
    followed, interspersed,
)  # fmt: skip


ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 7, 0.5, -0.5, 1e-9, 1e9, -1e9, 1e308, 1e-320, float("nan"), float("inf"),
    float("-inf"), 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64, 10**9, 10**30, -(10**30), 10**400,
    "", " ", "\0", "a\0b", "x" * 300, "x" * 5000, "1", "-1", "1e5", "nan", "true", "null", "~", "../..", "/", ".", "-",
    "--help", "ß 日本語 😀 \u0301 \u202e", "\ud800", "\x1b[31mred", "line\nbreak", "line\u2028break", "tab\there",
    "'", '"', "%s", "{}", "${HOME}", "!!python/object/apply:os.system ['false']", "&a", "*a", "<<",
    [], [[]], {}, [None], [0, 0], [1, -1, 1], ["a", 1], {"a": {"b": []}}, [1] * 1000,
)  # fmt: skip
"""Values to stand where others are expected."""


DEEP = "@deep@"
"""Stands for lists in lists that are too deep for Python's own writers."""


def odd_value(rng: Draw) -> Any:
    return DEEP if rng.random() < 0.03 else copy.deepcopy(rng.choice(ODD))


def as_json(rng: Draw, value: Any) -> str:
    """JSON with the letters beyond ASCII as they are or escaped."""
    depth = rng.choice((100, 900, 100_000))
    written = json.dumps(value, ensure_ascii=rng.random() < 0.5)
    return written.replace(f'"{DEEP}"', "[" * depth + "]" * depth)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything inside a JSON value, but for the value itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [inner for key, item in items for inner in ((*path, key), *places(item, (*path, key)))]


def changed_inside(rng: Draw, value: Any) -> Any:
    """One thing inside a JSON value set to something odd, taken out, renamed, wrapped or scaled."""
    value = copy.deepcopy(value)
    found = places(value)
    if not found:
        return odd_value(rng)
    *way, last = rng.choice(found)
    holder = value
    for key in way:
        holder = holder[key]
    what = rng.choice(("odd", "odd", "odd", "gone", "renamed", "wrapped", "scaled", "extra"))
    old = holder[last]
    if what == "gone":
        del holder[last]
    elif what == "renamed" and isinstance(holder, dict):
        holder[rng.choice((str(last)[:-1], f"{last}s", str(last).upper(), "", "kind"))] = holder.pop(last)
    elif what == "wrapped":
        holder[last] = rng.choice(([old], {"value": old}, [old, old], str(old), json.dumps(old)))
    elif what == "scaled" and isinstance(old, int | float) and not isinstance(old, bool):
        holder[last] = rng.choice((-old, old * 2, old / 2, old + 1, old * 1000, old * 10**9, round(old), float(old)))
    elif what == "extra" and isinstance(holder, dict):
        holder[rng.choice(("colour", "root", "Kind", "0", "", "\ud800"))] = odd_value(rng)
    else:
        holder[last] = odd_value(rng)
    return value
