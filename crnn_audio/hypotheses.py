"""Transcripts with times and confidences, as people get them; nothing here needs torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """A recognised word: start and end in seconds from the start of the recording, confidence in [0, 1]."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class Hypothesis:
    """The transcript of one recording of `seconds` length; confidence in [0, 1] is that of its least sure word.

    `warning` reports that some of the recording is lost, `remarks` what was done to its level and channels. `channel`
    is the one that was recognised, from 1 on, where it is not the mix; `channels` are the transcripts of each, where
    all were asked for: `text` then has a line of each, and `words` are those of all by time.
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
