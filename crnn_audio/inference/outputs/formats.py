"""A hypothesis in common file formats, one function a format."""

import re
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any

from crnn_audio import console
from crnn_audio.inference.outputs.captions import cues
from crnn_audio.inference.outputs.spans import milliseconds, spans
from crnn_audio.types import Hypothesis

CHANNEL = "1"
"""CTM's name of the only channel: the channels of a recording are mixed."""
CONTROLS = re.escape("".join(map(chr, console.CONTROLS)))
VTT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def as_text(hypothesis: Hypothesis) -> str:
    """The transcript on one line."""
    return f"{hypothesis.text.translate(console.ESCAPES)}\n"


def as_json(hypothesis: Hypothesis) -> str:
    """One JSON object over several lines."""
    return console.as_json(fields(hypothesis), indent=1) + "\n"


def as_jsonl(hypothesis: Hypothesis) -> str:
    """One JSON object on one line."""
    return console.as_json(fields(hypothesis)) + "\n"


def fields(hypothesis: Hypothesis) -> dict[str, Any]:
    """The fields of the JSON formats; times in seconds, numbers to four places."""
    return {
        "path": hypothesis.path,
        "seconds": round(hypothesis.seconds, 4),
        "text": hypothesis.text,
        "confidence": round(hypothesis.confidence, 4),
        "words": [
            {
                "text": word.text,
                "start": round(word.start, 4),
                "end": round(word.end, 4),
                "confidence": round(word.confidence, 4),
            }
            for word in hypothesis.words
        ],
    }


def as_srt(hypothesis: Hypothesis) -> str:
    """SubRip captions. The format knows no escapes, so an arrow in the text loses a dash, as in Whisper's files."""
    return "\n".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{_lines(cue.lines).replace('-->', '->')}"
        for number, cue in enumerate(cues(hypothesis), start=1)
    )


def as_vtt(hypothesis: Hypothesis) -> str:
    """WebVTT captions (W3C, "WebVTT: The Web Video Text Tracks Format"): &, < and > are escaped."""
    blocks = [
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{_lines(cue.lines).translate(VTT_ESCAPES)}"
        for cue in cues(hypothesis)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def _lines(lines: tuple[str, ...]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _clock(time: int, mark: str) -> str:
    """Hours, minutes, seconds and, after the mark, milliseconds."""
    seconds, rest = divmod(time, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{rest:03}"


def as_tsv(hypothesis: Hypothesis) -> str:
    """A caption a row: start, end and text between tabs, times in whole milliseconds, as Whisper writes it."""
    rows = [f"{cue.start}\t{cue.end}\t{' '.join(cue.lines)}\n" for cue in cues(hypothesis)]
    return "".join(["start\tend\ttext\n", *rows])


def as_ctm(hypothesis: Hypothesis, recording: str | None = None) -> str:
    """NIST's time-marked conversation (SCTK, "infmts"): recording, channel, start, duration, word, confidence.

    Args:
        recording: its name; by default the file's, without folder and suffix. What would break a line is
            percent-encoded.
    """
    name = recording or PurePath(hypothesis.path or "recording").stem
    name = re.sub(rf"[\s%{CONTROLS}]|^;", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)
    return "".join(
        f"{name} {CHANNEL} {span.start / 1000:.3f} {(span.end - span.start) / 1000:.3f} "
        f"{'_'.join(span.text.split()).translate(console.ESCAPES)} {span.confidence:.4f}\n"
        for span in spans(hypothesis)
    )


def as_textgrid(hypothesis: Hypothesis) -> str:
    """Praat's TextGrid in its long text form: one tier of words that fills the whole recording."""
    intervals = list(_intervals(hypothesis))
    end = intervals[-1][1]
    rows = [
        f"        intervals [{number}]:\n            xmin = {start} \n            xmax = {stop} \n"
        f'            text = "{text.replace(chr(34), chr(34) * 2)}" \n'
        for number, (start, stop, text) in enumerate(intervals, start=1)
    ]
    return (
        f'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0 \nxmax = {end} \n'
        "tiers? <exists> \nsize = 1 \nitem []: \n    item [1]:\n"
        '        class = "IntervalTier" \n        name = "words" \n'
        f"        xmin = 0 \n        xmax = {end} \n        intervals: size = {len(rows)} \n{''.join(rows)}"
    )


def _intervals(hypothesis: Hypothesis) -> Iterator[tuple[float, float, str]]:
    """Start and end in seconds, and text, of every interval; empty text for silence."""
    found = spans(hypothesis)
    exact = milliseconds(hypothesis.seconds)
    last = max(exact, found[-1].end if found else 1)
    end = round(hypothesis.seconds if last == exact else last / 1000, 6)
    free = 0
    for span in found:
        if span.start > free:
            yield free / 1000, span.start / 1000, ""
        yield span.start / 1000, end if span.end == last else span.end / 1000, span.text
        free = span.end
    if free < last:
        yield free / 1000, end, ""


FORMATS: dict[str, Callable[[Hypothesis], str]] = {
    "text": as_text,
    "json": as_json,
    "jsonl": as_jsonl,
    "srt": as_srt,
    "vtt": as_vtt,
    "tsv": as_tsv,
    "ctm": as_ctm,
    "textgrid": as_textgrid,
}
SUFFIXES = {form: f".{form}" for form in FORMATS} | {"text": ".txt", "textgrid": ".TextGrid"}
