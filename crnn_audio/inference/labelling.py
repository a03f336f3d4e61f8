"""Probabilities of labels to segments, of files and live, whatever computes them. Nothing here needs torch."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from crnn_audio import audio
from crnn_audio.audio import Loss, OnLoss, Sound, Source
from crnn_audio.decoding import events
from crnn_audio.decoding.events import Event, EventOptions, EventState
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Labelled, Segment
from crnn_audio.inference.speech.blocks import Blocks, BlockStream
from crnn_audio.inference.speech.endpoints import EventResult

WINDOW, CONTEXT = 120.0, 10.0
"""Seconds that a bidirectional model processes in one pass, and seconds before and after them that it reads too."""


@runtime_checkable
class Model(Protocol):
    """A labeller of any engine."""

    labels: tuple[str, ...]
    options: EventOptions
    sample_rate: int

    @property
    def frame_seconds(self) -> float:
        """Seconds between output frames."""


@runtime_checkable
class Counted(Protocol):
    """A recording that is being read; `num_samples` counts what has been read so far."""

    num_samples: int


@runtime_checkable
class Live(Protocol):
    """Sound that arrives, as probabilities."""

    blocks: Blocks

    def outputs(self, block: np.ndarray, *, last: bool) -> np.ndarray:
        """Those of the next frames, of shape (frames, labels)."""


Read: TypeAlias = Callable[[Sound, OnLoss], tuple[Counted, Iterator[np.ndarray]]]
"""Opens a recording and computes its probabilities, piece by piece."""


def labelled(model: Model, read: Read, source: Source, options: EventOptions | None, channel: int | None) -> Labelled:
    """The segments of a recording, its length, and what is to be said of it.

    Raises:
        DataError: it cannot be read, or is too short to hold a frame.
    """
    found, state, losses, chosen = list[Event](), None, list[Loss](), options or model.options
    with audio.opened(source, channel) as sound:
        recording, pieces = read(sound, losses.append)
        for probs in pieces:
            new, state = events.step(probs, state, chosen)
            found += new
        adjusted = sound.adjustment.remarks
    seconds = recording.num_samples / model.sample_rate
    if state is None or not state.first + len(state.probs):
        raise DataError(f"{audio.name_of(source)}: {1000 * seconds:.2f} ms is too short to hold any sound.")
    found += events.step(state.probs[:0], state, chosen, last=True)[0]
    remarks = (*map(str, losses), *(f"{audio.name_of(source)}: {remark}." for remark in adjusted))
    path = str(source) if isinstance(source, str | Path) else None
    return Labelled(path, seconds, segments(model, found, seconds), remarks)


def segments(model: Model, found: Sequence[Event], seconds: float) -> tuple[Segment, ...]:
    """Events in seconds, none beyond the end of the recording, sorted."""
    frame = model.frame_seconds
    return tuple(
        sorted(
            Segment(round(one.start * frame, 4), round(end, 4), model.labels[one.label], round(one.confidence, 4))
            for one in found
            if (end := min(one.end * frame, seconds)) > one.start * frame
        )
    )


class LabelStream(BlockStream[EventResult]):
    """One live stream; `Labeller.stream` makes one."""

    def __init__(self, model: Model, live: Live, options: EventOptions) -> None:
        super().__init__(live.blocks)
        self.model, self.options = model, options
        self._live = live
        self._events: EventState | None = None

    def _advance(self, block: np.ndarray, last: bool) -> EventResult:
        probs, seconds = self._live.outputs(block, last=last), self._live.blocks.seconds
        found, self._events = events.step(probs, self._events, self.options, last=last)
        return EventResult(segments(self.model, found, seconds if last else np.inf), seconds)
