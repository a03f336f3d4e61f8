"""A picture of a transcript: spectrogram, posteriors of the tokens over time, and words at their times.

Where there are several likely transcripts with times, their words stand below each other, each line with its score.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from jaxtyping import Float

from crnn_audio import pictures
from crnn_audio.console import one_line
from crnn_audio.hypotheses import Alternative, Hypothesis, Word

ROW_SECONDS = 12.0
"""Sound in a row of the picture."""
MAX_SECONDS = 120.0
"""Of a longer recording only the beginning is plotted, and the title says so."""
SHOWN_PROB = 0.05
"""Tokens whose probability never exceeds this are left out."""


SHOWN_ALTERNATIVES = 10
"""Likely transcripts that are plotted, at most."""


@dataclass(frozen=True)
class Evidence:
    """Features and token probabilities of a recording, each with the seconds between its frames."""

    features: Float[np.ndarray, "T F"]
    hop_seconds: float
    probs: Float[np.ndarray, "U V"]
    frame_seconds: float
    tokens: tuple[str, ...]


def save(path: Path, evidence: Evidence, hypothesis: Hypothesis) -> None:
    """Writes the picture as a PNG, whole or not at all.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """
    pictures.save(plot(evidence, hypothesis), path, dpi=100)


def plot(evidence: Evidence, hypothesis: Hypothesis) -> Any:
    """The picture as a matplotlib figure: rows of 12 s, each a spectrogram above posteriors above words.

    Instead of the words there are lines of words where transcripts are alternatives.
    """
    seconds = min(hypothesis.seconds, MAX_SECONDS)
    num_rows = max(math.ceil(seconds / ROW_SECONDS), 1)
    width = ROW_SECONDS if num_rows > 1 else max(seconds, 0.1)
    lines = [one for one in hypothesis.alternatives if one.words][:SHOWN_ALTERNATIVES]
    ratios = (5, 3.5, max(1.4, 0.7 * len(lines)))
    height = 0.6 + 3.2 * num_rows * sum(ratios) / 9.9
    figure = pictures.new(figsize=(1.5 + 12.5 * max(width / ROW_SECONDS, 0.4), height))
    figure.suptitle(_title(hypothesis), fontsize=10, parse_math=False)
    rows = np.atleast_2d(figure.subplots(3 * num_rows, 1, height_ratios=ratios * num_rows)).reshape(-1, 3)
    for index, (spectrogram, posteriors, words) in enumerate(rows):
        start = index * ROW_SECONDS
        _spectrogram(spectrogram, evidence)
        _posteriors(posteriors, evidence, start, start + width)
        if lines:
            _lines(words, lines, start, start + width)
        else:
            _words(words, hypothesis, start, start + width)
        for axes in (spectrogram, posteriors, words):
            axes.set_xlim(start, start + width)
        spectrogram.tick_params(labelbottom=False)
        posteriors.tick_params(labelbottom=False)
    rows[-1, -1].set_xlabel("seconds")
    return figure


def _title(hypothesis: Hypothesis) -> str:
    part = f"the first {MAX_SECONDS:g} s of " if hypothesis.seconds > MAX_SECONDS else ""
    name = one_line(PurePath(hypothesis.path or "recording").name.encode("utf-8", "backslashreplace").decode())
    return f"{name}: {part}{hypothesis.seconds:.2f} s, confidence {hypothesis.confidence:.0%}"


def _spectrogram(axes: Any, evidence: Evidence) -> None:
    num_frames, num_bins = evidence.features.shape
    extent = (0, num_frames * evidence.hop_seconds, 0, num_bins)
    low, high = np.percentile(evidence.features, [2, 99.8])
    axes.imshow(evidence.features.T, origin="lower", aspect="auto", extent=extent, vmin=low, vmax=high, cmap="magma")
    axes.set_ylabel("feature bin")


def _posteriors(axes: Any, evidence: Evidence, start: float, end: float) -> None:
    first, last = math.floor(start / evidence.frame_seconds), math.ceil(end / evidence.frame_seconds)
    probs = evidence.probs[first:last]
    times = (np.arange(first, first + len(probs)) + 0.5) * evidence.frame_seconds
    axes.plot(times, probs[:, 0], color="0.75", lw=0.8)  # the blank
    for seen in np.flatnonzero(probs.max(axis=0, initial=0.0) > SHOWN_PROB):
        if seen > 0:
            axes.fill_between(times, probs[:, seen], color=f"C{seen % 10}", alpha=0.6, lw=0)
    for frame in _peaks(probs):
        token = int(probs[frame].argmax())
        _write(axes, times[frame], 1.02, evidence.tokens[token].replace(" ", "␣"), color=f"C{token % 10}", va="bottom")
    axes.set(ylim=(0, 1.25), yticks=[0, 1], ylabel="posterior")


def _peaks(probs: Float[np.ndarray, "u V"]) -> Sequence[int]:
    """The likeliest frame of each run of a token that is not the blank."""
    if not len(probs):
        return []
    ids = probs.argmax(axis=1)
    runs = np.split(np.arange(len(ids)), np.flatnonzero(np.diff(ids)) + 1)
    return [int(run[probs[run, ids[run[0]]].argmax()]) for run in runs if ids[run[0]]]


def _words(axes: Any, hypothesis: Hypothesis, start: float, end: float) -> None:
    for index, word in enumerate(hypothesis.words):
        if word.start < end and word.end > start:
            axes.axvspan(word.start, word.end, color="tab:blue", alpha=0.1 + 0.3 * word.confidence, lw=0)
            height = (0.73, 0.27)[index % 2]  # alternating, so that long neighbours can be read
            _write(axes, max((word.start + word.end) / 2, start), height, word.text, va="center")
    axes.set(ylim=(0, 1), yticks=[], ylabel="words")


def _lines(axes: Any, lines: Sequence[Alternative], start: float, end: float) -> None:
    """The words of each line, and its score at the left; words that the best line has not then are orange."""
    heights = [len(lines) - at - 0.5 for at in range(len(lines))]
    for height, line in zip(heights, lines, strict=True):
        for word in line.words:
            if word.start < end and word.end > start:
                colour = "tab:blue" if _is_among(word, lines[0].words) else "tab:orange"
                span, alpha = [word.start, word.end], 0.15 + 0.35 * word.confidence
                axes.fill_between(span, height - 0.45, height + 0.45, color=colour, alpha=alpha, lw=0)
                _write(axes, max((word.start + word.end) / 2, start), height, word.text, va="center")
    labels = [f"{line.score:.2f}" for line in lines]
    axes.set(ylim=(0, len(lines)), yticks=heights, yticklabels=labels, ylabel="nats")


def _is_among(word: Word, others: Sequence[Word]) -> bool:
    """Whether one of the others is the same and at the same time."""
    return any(word.text == one.text and word.start < one.end and one.start < word.end for one in others)


def _write(axes: Any, x: float, y: float, text: str, **style: Any) -> None:
    axes.text(x, y, text, ha="center", fontsize=8, clip_on=True, parse_math=False, **style)
