"""Labelled segments as a picture: a row for each label, or a piano roll."""

from collections.abc import Sequence
from pathlib import Path

from crnn_audio import pictures
from crnn_audio.hypotheses import Labelled

SHORTEST = 0.004
"""Of the picture's width, so that onsets are seen."""


def save(labelled: Labelled, path: Path, labels: Sequence[str]) -> None:
    """Writes the picture as a PNG, in a folder that is made.

    Raises:
        OSError: it cannot be written.
    """
    shown = [label for label in labels if any(one.label == label for one in labelled.segments)] or list(labels[:1])
    if all(label.isdecimal() for label in shown):  # a roll has rows for the pitches between, too
        shown = [str(pitch) for pitch in range(int(min(shown, key=int)), int(max(shown, key=int)) + 1)]
    seconds = max(labelled.seconds, 1e-3)
    figure = pictures.new(figsize=(min(max(seconds / 2, 8), 30), min(1 + 0.3 * len(shown), 12)))
    axes = figure.add_subplot()
    for row, label in enumerate(shown):
        own = [one for one in labelled.segments if one.label == label]
        bars = [(one.start, max(one.end - one.start, SHORTEST * seconds)) for one in own]
        axes.broken_barh(bars, (row + 0.1, 0.8))
    axes.set_yticks([row + 0.5 for row in range(len(shown))], shown)
    axes.set_xlim(0, seconds)
    axes.set_xlabel("seconds")
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures.save(figure, path)
