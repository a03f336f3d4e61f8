"""A hypothesis in common file formats, one function a format."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, TypeAlias

from crnn_audio import console
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.outputs.captions import Cue, cues
from crnn_audio.inference.outputs.spans import milliseconds, spans
from crnn_audio.inference.outputs.textgrid import Interval, textgrid

CONTROLS = re.escape("".join(map(chr, console.CONTROLS)))
TAB = "\t"
VTT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def in_a_field(text: str) -> str:
    """A text between tabs on one line."""
    return console.one_line(text.replace(TAB, " "))


def by_channel(hypothesis: Hypothesis) -> Sequence[Hypothesis]:
    """The transcripts of its channels, or the only one."""
    return hypothesis.channels or (hypothesis,)


def _name(one: Hypothesis, hypothesis: Hypothesis) -> str:
    """What a channel is called where all are given."""
    return f"channel {one.channel}" if hypothesis.channels else ""


def as_text(hypothesis: Hypothesis) -> str:
    """The transcript on one line; of several channels a line each, after its name and a tab."""
    return "".join(
        f"{_name(one, hypothesis)}{TAB * bool(hypothesis.channels)}{one.text.translate(console.ESCAPES)}\n"
        for one in by_channel(hypothesis)
    )


def as_json(hypothesis: Hypothesis) -> str:
    """One JSON object over several lines."""
    return console.as_json(fields(hypothesis), indent=1) + "\n"


def as_jsonl(hypothesis: Hypothesis) -> str:
    """One JSON object on one line."""
    return console.as_json(fields(hypothesis)) + "\n"


def fields(hypothesis: Hypothesis) -> dict[str, Any]:
    """The fields of the JSON formats; times in seconds, numbers to four places."""
    about = {"path": hypothesis.path, "seconds": round(hypothesis.seconds, 4)}
    if hypothesis.channels:
        return {**about, "channels": [_transcript(one) for one in hypothesis.channels]}
    return {**about, **_transcript(hypothesis)}


def _transcript(hypothesis: Hypothesis) -> dict[str, Any]:
    channel = {} if hypothesis.channel is None else {"channel": hypothesis.channel}
    likely = [{"text": one.text, "score": round(one.score, 4)} for one in hypothesis.alternatives]
    return {
        **channel,
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
        **({"alternatives": likely} if likely else {}),
    }


def _cues(hypothesis: Hypothesis) -> list[tuple[Cue, str]]:
    """All cues by their time, each with the name of its channel."""
    named = [(cue, _name(one, hypothesis)) for one in by_channel(hypothesis) for cue in cues(one)]
    return sorted(named, key=lambda pair: pair[0].start)


def as_srt(hypothesis: Hypothesis) -> str:
    """SubRip captions. The format knows no escapes, so an arrow in the text loses a dash, as in Whisper's files."""
    return "\n".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n"
        f"{f'[{name}] ' if name else ''}{_lines(cue.lines).replace('-->', '->')}"
        for number, (cue, name) in enumerate(_cues(hypothesis), start=1)
    )


def as_vtt(hypothesis: Hypothesis) -> str:
    """WebVTT captions (W3C, "WebVTT: The Web Video Text Tracks Format"); &, < and > escaped, channels as voices."""
    blocks = [
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n"
        f"{f'<v {name}>' if name else ''}{_lines(cue.lines).translate(VTT_ESCAPES)}"
        for cue, name in _cues(hypothesis)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def _lines(lines: tuple[str, ...]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _clock(time: int, mark: str) -> str:
    """Hours, minutes, seconds and, after the mark, milliseconds."""
    seconds, rest = divmod(time, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{rest:03}"


def as_tsv(hypothesis: Hypothesis) -> str:
    """A caption a row: start, end and text between tabs, times in whole milliseconds, as Whisper writes it.

    Where there are several channels, a fourth column has their names.
    """
    rows = [(f"{cue.start}", f"{cue.end}", " ".join(cue.lines), name) for cue, name in _cues(hypothesis)]
    num_columns = 4 if hypothesis.channels else 3
    return "".join(f"{TAB.join(row[:num_columns])}\n" for row in [("start", "end", "text", "channel"), *rows])


def as_ctm(hypothesis: Hypothesis, recording: str | None = None) -> str:
    """NIST's time-marked conversation (SCTK, "infmts"): recording, channel, start, duration, word, confidence.

    The channel of a mix is 1.

    Args:
        recording: its name; by default the file's, without folder and suffix. What would break a line is
            percent-encoded.
    """
    name = recording or PurePath(hypothesis.path or "recording").stem
    name = re.sub(rf"[\s%{CONTROLS}]|^;", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)
    return "".join(
        f"{name} {one.channel or 1} {span.start / 1000:.3f} {(span.end - span.start) / 1000:.3f} "
        f"{'_'.join(span.text.split()).translate(console.ESCAPES)} {span.confidence:.4f}\n"
        for one in by_channel(hypothesis)
        for span in spans(one)
    )


def as_textgrid(hypothesis: Hypothesis) -> str:
    """Praat's TextGrid in its long text form: a tier of words for each channel, which fills the whole recording."""
    channels = by_channel(hypothesis)
    last = max(_end(one) for one in channels)
    tiers = {_name(one, hypothesis) or "words": list(_intervals(one, last)) for one in channels}
    return textgrid(tiers, next(iter(tiers.values()))[-1][1])


def _end(hypothesis: Hypothesis) -> int:
    """Milliseconds, with the last word."""
    found = spans(hypothesis)
    return max(milliseconds(hypothesis.seconds), found[-1].end if found else 1)


def _intervals(hypothesis: Hypothesis, last: int) -> Iterator[Interval]:
    """Every interval up to `last` milliseconds."""
    exact = milliseconds(hypothesis.seconds)
    end = round(hypothesis.seconds if last == exact else last / 1000, 6)
    free = 0
    for span in spans(hypothesis):
        if span.start > free:
            yield free / 1000, span.start / 1000, ""
        yield span.start / 1000, end if span.end == last else span.end / 1000, span.text
        free = span.end
    if free < last:
        yield free / 1000, end, ""


Formats: TypeAlias = Mapping[str, Callable[[Any], str]]
"""What turns results of a kind into text, by the name of the format."""
FORMATS: Formats = {
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
