"""Events out of the probabilities of labels, frame by frame: segments, onsets as peaks, and notes from both.

Segments: frames above a label's threshold, smoothed by a median filter; gaps that are closed; short ones that are left
out. Onsets: the highest frame of its neighbourhood, above its label's threshold. Notes (Hawthorne et al. 2018, "Onsets
and frames: Dual-objective piano transcription"): from each onset on, while the frame's probability stays above another
threshold, up to the next onset of the same pitch.

An event is final once its label has been quiet for long enough, so `step` gives the same events of pieces as of the
whole, and keeps no more frames than the longest open event needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

Probs = Float[np.ndarray, "U K"]


@dataclass(frozen=True)
class EventOptions:
    """How events are decoded; lengths in frames.

    Args:
        kind: "segments", "onsets" or "notes".
        thresholds: of each label; of notes, of their onsets.
        frame_threshold: of notes, for their frames.
        median: frames of the median filter, odd; 1 does not filter.
        gap: longest gap within a segment.
        minimum: shortest segment or note.
        radius: frames on each side in which there is no other onset of the label.
    """

    kind: str
    thresholds: tuple[float, ...]
    frame_threshold: float = 0.5
    median: int = 1
    gap: int = 0
    minimum: int = 1
    radius: int = 2

    @property
    def horizon(self) -> int:
        """Quiet frames after which nothing before matters to what comes after."""
        return self.median + self.gap if self.kind == "segments" else 2 * self.radius + 1


@dataclass(frozen=True, order=True)
class Event:
    """From frame `start` up to `end`, exclusive, with the number of its label; confidence in [0, 1]."""

    start: int
    end: int
    label: int
    confidence: float


@dataclass(frozen=True)
class EventState:
    """Frames from `first` on that are not decided, and from which of them on, of each label."""

    first: int
    probs: Probs
    decided: tuple[int, ...] = ()


def decode(probs: Probs, options: EventOptions) -> list[Event]:
    """The events of a whole recording, sorted; of notes, the probabilities of onsets stand before those of frames."""
    return step(probs, None, options, last=True)[0]


def step(
    probs: Probs, state: EventState | None, options: EventOptions, *, last: bool = False
) -> tuple[list[Event], EventState]:
    """The events that are final after these next frames, sorted, and the state; `last` ends the recording."""
    labels = len(options.thresholds)
    before = state or EventState(0, probs[:0], (0,) * labels)
    held, first = np.concatenate([before.probs, probs]), before.first
    events, decided = list[Event](), list[int]()
    for label, begin in enumerate(before.decided):
        own = held[begin - first :, label::labels]
        end = len(own) if last else _last_quiet(own, options, label)
        events += [
            replace(event, start=event.start + begin, end=event.end + begin)
            for event in _of_label(own[:end], label, options)
        ]
        decided.append(begin + end)
    kept = min(decided)
    return sorted(events), EventState(kept, held[kept - first :], tuple(decided))


def _of_label(own: Float[np.ndarray, "U C"], label: int, options: EventOptions) -> list[Event]:
    threshold = options.thresholds[label]
    if options.kind == "segments":
        found = runs(median(own[:, 0] >= threshold, options.median), minimum=options.minimum, gap=options.gap)
        return [Event(start, end, label, float(own[start:end, 0].mean())) for start, end in found]
    onsets = peaks(own[:, 0], threshold, options.radius)
    if options.kind == "onsets":
        return [Event(place, place + 1, label, float(own[place, 0])) for place in onsets]
    notes = zip(onsets, ends(own[:, 1], onsets, options.frame_threshold), strict=True)
    return [Event(start, end, label, float(own[start, 0])) for start, end in notes if end - start >= options.minimum]


def _last_quiet(own: Float[np.ndarray, "U C"], options: EventOptions, label: int) -> int:
    """The end of the last stretch in which the label is quiet for the horizon; 0 where there is none."""
    active = own[:, 0] >= options.thresholds[label]
    if options.kind == "notes":
        active = active | (own[:, 1] >= options.frame_threshold)
    if len(active) < options.horizon:
        return 0
    quiet = np.convolve(active, np.ones(options.horizon, dtype=np.int64))[: len(active)] == 0
    ends_of_quiet = np.flatnonzero(quiet[options.horizon - 1 :]) + options.horizon
    return int(ends_of_quiet[-1]) if len(ends_of_quiet) else 0


def median(active: Bool[np.ndarray, " U"], size: int) -> Bool[np.ndarray, " U"]:
    """The majority of the `size` frames around each; thresholds and medians commute."""
    if size == 1 or not len(active):
        return active
    counts = np.convolve(active, np.ones(size, dtype=np.int64))
    return np.asarray(counts[size // 2 : size // 2 + len(active)] > size // 2)


def runs(active: Bool[np.ndarray, " U"], *, minimum: int = 1, gap: int = 0) -> list[tuple[int, int]]:
    """First and last frame (exclusive) of each run, with gaps of up to `gap` frames closed and short runs left out."""
    changes = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))
    found: list[tuple[int, int]] = []
    for start, end in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True):
        if found and start - found[-1][1] <= gap:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return [(start, end) for start, end in found if end - start >= minimum]


def peaks(probs: Float[np.ndarray, " U"], threshold: float, radius: int) -> list[int]:
    """Frames of at least the threshold that are the highest within the radius, of equal ones the first."""
    found: list[int] = []
    for place in np.flatnonzero(probs >= threshold).tolist():
        around = probs[max(place - radius, 0) : place + radius + 1]
        if probs[place] == around.max() and int(around.argmax()) == place - max(place - radius, 0):
            found.append(place)
    return found


def ends(frames: Float[np.ndarray, " U"], onsets: Sequence[int], threshold: float) -> list[int]:
    """Of each note the frame after its last: where its pitch falls silent, or the next one begins."""
    silent = np.flatnonzero(frames < threshold)
    found = []
    for onset, following in zip(onsets, [*onsets[1:], len(frames)], strict=False):  # of no onset there is no next one
        after = silent[np.searchsorted(silent, onset + 1) :]  # the onset's own frame counts as sounding
        found.append(min(int(after[0]) if len(after) else len(frames), following))
    return found
