"""Lists of recordings gone wrong: manifests of JSON lines, and tables with commas, semicolons or tabs."""

import csv
import gzip
import io
from typing import Any

from tests.fuzz.mutations import Draw, as_json, changed_inside, damaged, odd_value

BREAKS = ("\n", "\r\n", "\r", "\n\n", "\n \t\n", "\u2028", "", " ", ",", ",\n", "\0\n", "\n\0")


def manifest(rng: Draw, cuts: list[dict[str, Any]]) -> bytes:
    """A manifest of which cuts, lines or bytes are changed."""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 5))):
        _change(rng, cuts)
    lines = [_spelled(rng, as_json(rng, cut)) for cut in cuts]
    text = lines[0] if lines else ""
    for line in lines[1:]:
        text += (rng.choice(BREAKS) if rng.random() < 0.05 else "\n") + line
    content = (text + rng.choice(("\n", "\n", ""))).encode("utf-8", "surrogatepass")
    return _kept(rng, content)


def _change(rng: Draw, cuts: list[dict[str, Any]]) -> None:
    if not cuts:
        return
    index = rng.randrange(len(cuts))
    what = rng.random()
    if what < 0.1:
        cuts.insert(rng.randrange(len(cuts) + 1), cuts[index])
    elif what < 0.2 and isinstance(cuts[index], dict) and isinstance(cuts[index].get("recording"), dict):
        name = rng.choice(("start", "duration", "num_samples", "sampling_rate"))
        holder = cuts[index] if name in ("start", "duration") else cuts[index]["recording"]
        holder[name] = rng.choice((-1, 0, 0.1, 1, 100, 4000, 10**9, 1e300, -0.0, 0.39999, 1e-7))
    elif what < 0.3:
        cuts[index] = rng.choice(([], "cut", 1, None, {}, {"id": "a"}, [cuts[index]], odd_value(rng)))
    else:
        cuts[index] = changed_inside(rng, cuts[index])


def _spelled(rng: Draw, line: str) -> str:
    if rng.random() > 0.04:
        return line
    at = rng.randrange(len(line) + 1)
    return rng.choice((line[:at], line[at:], line[:at] + "\n" + line[at:], line.replace('"', "'"), f"# {line}"))


def _kept(rng: Draw, content: bytes) -> bytes:
    what = rng.random()
    if what < 0.08:
        return b"\xef\xbb\xbf" + content
    if what < 0.14:
        return content.replace(b"\n", b"\r\n")
    if what < 0.18:
        return content.decode("utf-8", "replace").encode("utf-16")
    return damaged(rng, content) if what < 0.4 else content


def packed(rng: Draw, content: bytes) -> bytes:
    """As gzip, now and then damaged."""
    done = gzip.compress(content, mtime=0)
    return damaged(rng, done) if rng.random() < 0.5 else done


def table(rng: Draw, rows: list[list[str]]) -> tuple[str, bytes]:
    """A suffix and a table, its header first, of which cells, rows or bytes are changed."""
    rows = [list(row) for row in rows]
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        _change_row(rng, rows)
    suffix, delimiter = rng.choice(((".csv", ","), (".csv", ";"), (".csv", "\t"), (".tsv", "\t"), (".jsonl", "")))
    if not delimiter:
        objects = [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]
        if objects and rng.random() < 0.5:
            index = rng.randrange(len(objects))
            objects[index] = changed_inside(rng, objects[index])
        text = "".join(as_json(rng, one) + "\n" for one in objects)
    elif rng.random() < 0.5:
        text = "".join(delimiter.join(row) + "\n" for row in rows)  # as people write it, quoting nothing
    else:
        held = io.StringIO()
        csv.writer(held, delimiter=delimiter, lineterminator=rng.choice(("\n", "\r\n"))).writerows(rows)
        text = held.getvalue()
    return suffix, _kept(rng, text.encode("utf-8", "replace"))


CELLS = (
    "", " ", '"', '""', 'say "yes"', "'", ",", ";", "\t", "a,b", "a;b", "line\nbreak", "\r", "\0", "nan", "inf", "-1",
    "1e9", "0", "0.1", "train", "dev", "Training", "no_such.wav", "../b.wav", "/", ".", "..", "C:\\clips\\b.wav", "b",
    "b.wav.txt", "ß 日本語 😀 \u0301", "\u200b", "\u202e", "\x1b[31mred", "x" * 300, "x" * 5000, "=cmd()", "b.wav\n",
    "file:///b.wav", "http://example.com/b.wav", "\u2028", "\ufeff", "NULL", "None",
)  # fmt: skip


def _change_row(rng: Draw, rows: list[list[str]]) -> None:
    if not rows:
        return
    row = rng.choice(rows) if rng.random() < 0.8 else rows[0]
    what = rng.random()
    if what < 0.4 and row:
        row[rng.randrange(len(row))] = rng.choice(CELLS)
    elif what < 0.6:
        row.append(rng.choice(CELLS))
    elif what < 0.75 and row:
        row.pop(rng.randrange(len(row)))
    elif what < 0.9:
        rows.insert(rng.randrange(len(rows) + 1), list(row))
    else:
        rows.remove(row)
