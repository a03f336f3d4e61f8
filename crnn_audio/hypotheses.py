"""Transcripts and labels with times and confidences, as people get them; nothing here needs torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Word:
    """A recognised word: start and end in seconds from the start of the recording, confidence in [0, 1]."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class Alternative:
    """One of the transcripts that were likely, and its score: the logarithm of a probability, weights included.

    `words` has its words with their times, where they were aligned, as for a picture.
    """

    text: str
    score: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Command:
    """What a recording means by a grammar; `intent` is None where it was not understood.

    `confidence`, in [0, 1], compares each token on average with the likeliest ones that the model found.
    """

    intent: str | None
    slots: Mapping[str, str]
    confidence: float


@dataclass(frozen=True)
class Hypothesis:
    """The transcript of one recording of `seconds` length; confidence in [0, 1] is that of its least sure word.

    `warning` reports that some of the recording is lost, `remarks` what was done to its level and channels. `channel`
    is the one that was recognised, from 1 on, where it is not the mix; `channels` are the transcripts of each, where
    all were asked for: `text` then has a line of each, and `words` are those of all by time. `alternatives` are the
    likeliest transcripts, the best first, where several were asked for; `command` what it means, where that was asked.
    """

    text: str
    confidence: float
    words: tuple[Word, ...]
    seconds: float
    path: str | None = None
    warning: str | None = None
    remarks: tuple[str, ...] = ()
    channel: int | None = None
    channels: tuple["Hypothesis", ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    command: Command | None = None


@dataclass(frozen=True)
class Label:
    """A class and how sure a model is of it, in [0, 1]."""

    label: str
    confidence: float


@dataclass(frozen=True)
class Labels:
    """What one recording of `seconds` length is; `top` has the likeliest classes, the likeliest first.

    Of a model of one label, `label` is the likeliest, or `NOT_LISTED` below the confidence at which it is rejected. Of
    one of several it has all that are likelier than not, separated by semicolons; `confidence` is that of the least
    sure of them, or that there is none.
    """

    label: str
    confidence: float
    top: tuple[Label, ...]
    seconds: float
    path: str | None = None
    warning: str | None = None
    remarks: tuple[str, ...] = ()


NOT_LISTED = "not listed"


@dataclass(frozen=True)
class Event:
    """A keyword: its label and confidence, and the second of the stream at which its window ends."""

    label: str
    confidence: float
    seconds: float

    @property
    def text(self) -> str:
        """The event in a line."""
        return f"{self.seconds:.2f}  {self.label}  {self.confidence:.4f}"

    def fields(self) -> dict[str, Any]:
        """The event as plain data."""
        return {"label": self.label, "confidence": round(self.confidence, 4), "seconds": round(self.seconds, 3)}


@dataclass(frozen=True, order=True)
class Segment:
    """A labelled span of a recording: `start` and `end` in seconds, confidence in [0, 1]."""

    start: float
    end: float
    label: str
    confidence: float

    @property
    def text(self) -> str:
        """The segment in a line."""
        return f"{self.start:.2f}  {self.end:.2f}  {self.label}  {self.confidence:.4f}"

    def fields(self) -> dict[str, Any]:
        """The segment as plain data."""
        return {"start": self.start, "end": self.end, "label": self.label, "confidence": self.confidence}


@dataclass(frozen=True)
class Labelled:
    """The segments of a recording of `seconds`, sorted; `remarks` say what was lost or adjusted when it was read."""

    path: str | None
    seconds: float
    segments: tuple[Segment, ...]
    remarks: tuple[str, ...] = ()
