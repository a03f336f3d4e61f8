"""How events are decoded, chosen on dev: thresholds by label, and filters and lengths common to all labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from jaxtyping import Float

from crnn_audio.decoding import events
from crnn_audio.decoding.events import EventOptions
from crnn_audio.metrics import labelling as metrics
from crnn_audio.metrics.labelling import Counts

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(2, 20))
MEDIAN_SECONDS, GAP_SECONDS, MINIMUM_SECONDS = (0.0, 0.11, 0.25), (0.0, 0.1, 0.2, 0.4), (0.0, 0.1, 0.25)
RADIUS_SECONDS = (0.02, 0.04)
FRAME_THRESHOLDS, NOTE_SECONDS = (0.2, 0.35, 0.5), (0.0, 0.06)


@dataclass(frozen=True)
class Recorded:
    """One recording of dev: probabilities of labels, and the segments that there are, in seconds, by label."""

    probs: Float[np.ndarray, "U K"]
    segments: tuple[tuple[tuple[float, float], ...], ...]


def choose(recordings: Sequence[Recorded], kind: str, frame_seconds: float, tolerance: float) -> EventOptions:
    """The options whose mean F1 is the best: of frames for segments, of onsets otherwise."""
    labels = len(recordings[0].segments)

    def frames(seconds: float) -> int:
        return round(seconds / frame_seconds)

    start = EventOptions(kind, (0.5,) * labels, radius=max(frames(RADIUS_SECONDS[0]), 1))
    if kind == "segments":
        best = _thresholds(recordings, start, frame_seconds, tolerance)[1]
        ways = product(MEDIAN_SECONDS, GAP_SECONDS, MINIMUM_SECONDS)
        tried = {
            replace(best, median=2 * (frames(median) // 2) + 1, gap=frames(gap), minimum=max(frames(minimum), 1))
            for median, gap, minimum in ways
        }
        ranked = sorted(tried, key=lambda one: -_mean(scored(recordings, one, frame_seconds, tolerance)))
        return max((_thresholds(recordings, one, frame_seconds, tolerance) for one in ranked[:2]), key=_value)[1]
    radii = [replace(start, radius=max(frames(radius), 1)) for radius in RADIUS_SECONDS]
    _, best = max((_thresholds(recordings, one, frame_seconds, tolerance) for one in radii), key=_value)
    if kind == "onsets":
        return best
    both = product(FRAME_THRESHOLDS, NOTE_SECONDS)
    noted = [replace(best, frame_threshold=frame, minimum=max(frames(least), 1)) for frame, least in both]
    return max(noted, key=lambda one: _notes(recordings, one, frame_seconds, tolerance))


def _value(found: tuple[float, EventOptions]) -> float:
    return found[0]


def _thresholds(
    recordings: Sequence[Recorded], options: EventOptions, frame_seconds: float, tolerance: float
) -> tuple[float, EventOptions]:
    """The best threshold of each label, pitches having one in common, and the mean F1 with them."""
    by_label = np.array(
        [
            [one.f1 for one in scored(recordings, replace(options, thresholds=(each,) * len(options.thresholds)),
                                      frame_seconds, tolerance)]
            for each in THRESHOLDS
        ]
    )  # fmt: skip
    if options.kind == "notes":
        by_label = np.repeat(by_label.mean(axis=1, keepdims=True), by_label.shape[1], axis=1)
    best = by_label.argmax(axis=0)
    return float(by_label.max(axis=0).mean()), replace(options, thresholds=tuple(THRESHOLDS[one] for one in best))


def _mean(counts: Iterable[Counts]) -> float:
    return float(np.mean([one.f1 for one in counts]))


def _notes(recordings: Sequence[Recorded], options: EventOptions, frame_seconds: float, tolerance: float) -> float:
    """F1 of notes with their ends, in which the threshold of frames shows."""
    return metrics.total(
        metrics.spans(reference, [(start, end) for start, end in found], tolerance)
        for one in recordings
        for reference, found in zip(one.segments, seconds_of(one.probs, options, frame_seconds), strict=True)
    ).f1


def scored(
    recordings: Sequence[Recorded], options: EventOptions, frame_seconds: float, tolerance: float
) -> list[Counts]:
    """Of each label the counts: of frames for segments, of onsets otherwise."""
    labels = range(len(options.thresholds))
    found = [counts_of(one, options, frame_seconds, tolerance) for one in recordings]
    return [metrics.total(one[label] for one in found) for label in labels]


def counts_of(one: Recorded, options: EventOptions, frame_seconds: float, tolerance: float) -> list[Counts]:
    """Those of one recording, by label."""
    estimates = seconds_of(one.probs, options, frame_seconds)
    if options.kind == "segments":
        return [
            metrics.frames(active(mine, len(one.probs), frame_seconds), active(theirs, len(one.probs), frame_seconds))
            for mine, theirs in zip(one.segments, estimates, strict=True)
        ]
    return [
        metrics.onsets([start for start, _ in mine], [start for start, _ in theirs], tolerance)
        for mine, theirs in zip(one.segments, estimates, strict=True)
    ]


def seconds_of(
    probs: Float[np.ndarray, "U K"], options: EventOptions, frame_seconds: float
) -> list[list[tuple[float, float]]]:
    """Decoded events of each label, in seconds, sorted."""
    found: list[list[tuple[float, float]]] = [[] for _ in options.thresholds]
    for event in events.decode(probs, options):
        found[event.label].append((event.start * frame_seconds, event.end * frame_seconds))
    return found


def active(segments: Sequence[tuple[float, float]], frames: int, frame_seconds: float) -> np.ndarray:
    """In which frames one of the segments is."""
    mask = np.zeros(frames, dtype=bool)
    for start, end in segments:
        mask[round(start / frame_seconds) : round(end / frame_seconds)] = True
    return mask
