"""Labelled segments in common file formats, one function a format."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

from crnn_audio import console
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Labelled, Segment
from crnn_audio.inference.outputs.formats import CONTROLS, in_a_field
from crnn_audio.inference.outputs.textgrid import Interval, textgrid
from crnn_audio.symbolic import played
from crnn_audio.symbolic.played import PlayedNote

HEADER = ("path", "start", "end", "label", "confidence")
DRUM_KEYS = {"kick": 36, "snare": 38, "hi-hat": 42, "toms": 47, "cymbals": 49}
"""General MIDI's key of each kind of drum."""
SHORTEST_NOTE = 0.05
"""Seconds of a note in MIDI, at least."""


def _fields(found: Labelled) -> list[tuple[str, ...]]:
    path = found.path or "-"
    return [(path, f"{one.start:.4f}", f"{one.end:.4f}", one.label, f"{one.confidence:.4f}") for one in found.segments]


def as_tsv(found: Labelled) -> str:
    """A segment a row: path, start, end, label, confidence; the header is `HEADER`."""
    return "".join("\t".join(map(in_a_field, row)) + "\n" for row in _fields(found))


def as_csv(found: Labelled) -> str:
    """The same with commas, quoted where needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_fields(found))
    return text.getvalue()


def as_json(found: Labelled) -> str:
    """One JSON object on one line."""
    return console.as_json(json_fields(found)) + "\n"


def json_fields(found: Labelled) -> dict[str, Any]:
    """The fields of JSON; times in seconds."""
    segments = [
        {"start": one.start, "end": one.end, "label": one.label, "confidence": one.confidence} for one in found.segments
    ]
    return {"path": found.path, "seconds": round(found.seconds, 4), "segments": segments}


def as_audacity(found: Labelled) -> str:
    """A label track of Audacity: start, end, label."""
    return "".join(f"{one.start:.6f}\t{one.end:.6f}\t{in_a_field(one.label)}\n" for one in found.segments)


def as_rttm(found: Labelled) -> str:
    """NIST's rich transcription time marks (RT-09 evaluation plan): the label stands where speakers do."""
    name = re.sub(rf"[\s{CONTROLS}]", "_", PurePath(found.path or "recording").stem)
    return "".join(
        f"SPEAKER {name} 1 {one.start:.3f} {one.end - one.start:.3f} <NA> <NA> "
        f"{re.sub(rf'[{CONTROLS}]', '_', '_'.join(one.label.split()))} {one.confidence:.4f} <NA>\n"
        for one in found.segments
    )


def as_textgrid(found: Labelled) -> str:
    """Praat's TextGrid in its long text form: a tier for each label, which fills the whole recording."""
    end = max([found.seconds, *(one.end for one in found.segments)])
    labels = sorted({one.label for one in found.segments}) or ["labels"]
    of_label = ((label, [one for one in found.segments if one.label == label]) for label in labels)
    return textgrid({label: _intervals(segments, end) for label, segments in of_label}, end)


def _intervals(segments: Sequence[Segment], end: float) -> list[Interval]:
    rows, free = list[Interval](), 0.0
    for one in segments:
        rows += [(free, one.start, "")] if one.start > free else []
        rows.append((max(one.start, free), one.end, one.label))
        free = one.end
    return [*rows, (free, end, "")] if free < end else rows


def as_midi(found: Labelled, tempo: float = 120.0, grid: int | None = None) -> bytes:
    """A MIDI file whose notes are the segments: pitches, or drums by their General MIDI keys.

    Raises:
        DataError: a label is neither.
    """
    return played.to_midi([_note(one) for one in found.segments], tempo=tempo, grid=grid)


def _note(one: Segment) -> PlayedNote:
    end, velocity = max(one.end, one.start + SHORTEST_NOTE), max(1, min(127, round(127 * one.confidence)))
    if one.label in DRUM_KEYS:
        return PlayedNote(one.start, end, DRUM_KEYS[one.label], velocity, is_drum=True)
    if one.label.isdecimal() and int(one.label) <= 127:
        return PlayedNote(one.start, end, int(one.label), velocity)
    raise DataError(f"{one.label!r} is no note: MIDI holds pitches (0 to 127) and {', '.join(DRUM_KEYS)}.")


FORMATS: dict[str, Callable[[Labelled], str]] = {
    "tsv": as_tsv,
    "json": as_json,
    "textgrid": as_textgrid,
    "audacity": as_audacity,
    "rttm": as_rttm,
    "csv": as_csv,
}
SUFFIXES = {form: f".{form}" for form in FORMATS} | {"textgrid": ".TextGrid", "audacity": ".txt", "mid": ".mid"}
HEADERS = {"tsv": "\t".join(HEADER) + "\n", "csv": ",".join(HEADER) + "\n"}
JOINABLE = frozenset({"tsv", "json", "rttm", "csv"})
"""Formats of which one stream holds several recordings."""
