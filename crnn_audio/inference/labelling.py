"""Probabilities of labels to segments, of files and live, whatever computes them. Nothing here needs torch."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from crnn_audio import audio
from crnn_audio.audio import Loss, OnLoss, Sound, Source
from crnn_audio.decoding import events
from crnn_audio.decoding.events import Event, EventOptions, EventState
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Labelled, Segment
from crnn_audio.inference.speech.blocks import Blocks, BlockStream
from crnn_audio.inference.speech.endpoints import EventResult
from crnn_audio.inference.speech.transcription import Progress

WINDOW, CONTEXT = 120.0, 10.0
"""Seconds that a bidirectional model processes in one pass, and seconds before and after them that it reads too."""


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


Pieces: TypeAlias = Iterator[Float[np.ndarray, "_ K"]]


class BaseLabeller(ABC):
    """What labels recordings and live sound, whatever computes the probabilities.

    `options` say how events are decoded, as chosen on dev; a call may have its own.
    """

    labels: tuple[str, ...]
    options: EventOptions
    sample_rate: int

    @property
    @abstractmethod
    def frame_seconds(self) -> float:
        """Seconds between output frames."""

    @abstractmethod
    def _opened(self, sound: Sound, on_loss: OnLoss, progress: Progress | None) -> tuple[Counted, Pieces]:
        """An open recording and its probabilities, piece by piece."""

    @abstractmethod
    def _live(self, sample_rate: int) -> Live:
        """What computes those of live sound."""

    def label(self, source: Source, options: EventOptions | None = None) -> list[Segment]:
        """The labelled segments of a recording of any length, sorted.

        Raises:
            DataError: it cannot be read, or is too short to hold a frame.
        """
        return list(self.labelled(source, options).segments)

    def labelled(
        self,
        source: Source,
        options: EventOptions | None = None,
        progress: Progress | None = None,
        channel: int | None = None,
    ) -> Labelled:
        """As `label`, with the length of the recording and what is to be said of it.

        Args:
            progress: called now and then with the seconds that are done.
            channel: the one that is labelled, from 0 on; the mean of all by default.

        Raises:
            DataError: as of `label`.
        """
        found, state, losses, chosen = list[Event](), None, list[Loss](), options or self.options
        with audio.opened(source, channel) as sound:
            recording, pieces = self._opened(sound, losses.append, progress)
            for probs in pieces:
                new, state = events.step(probs, state, chosen)
                found += new
            adjusted = sound.adjustment.remarks
        seconds = recording.num_samples / self.sample_rate
        if state is None or not state.first + len(state.probs):
            raise DataError(f"{audio.name_of(source)}: {1000 * seconds:.2f} ms is too short to hold any sound.")
        found += events.step(state.probs[:0], state, chosen, last=True)[0]
        remarks = (*map(str, losses), *(f"{audio.name_of(source)}: {remark}." for remark in adjusted))
        path = str(source) if isinstance(source, str | Path) else None
        return Labelled(path, seconds, self.segments(found, seconds), remarks)

    def segments(self, found: Sequence[Event], seconds: float) -> tuple[Segment, ...]:
        """Events in seconds, none beyond the end of the recording, sorted."""
        frame = self.frame_seconds
        return tuple(
            sorted(
                Segment(round(one.start * frame, 4), round(end, 4), self.labels[one.label], round(one.confidence, 4))
                for one in found
                if (end := min(one.end * frame, seconds)) > one.start * frame
            )
        )

    def stream(self, sample_rate: int, options: EventOptions | None = None) -> "LabelStream":
        """Labels sound as it arrives; one-directional models only.

        Args:
            sample_rate: of the blocks that will be fed, in samples per second.

        Raises:
            StreamError: the model is bidirectional, its features need the whole recording, or there is no such rate.
        """
        return LabelStream(self, self._live(sample_rate), options or self.options)


def anywhere(probs: Float[Any, "U K"]) -> Bool[np.ndarray, " U"]:
    """Windows are joined in the middle, where both have as much context."""
    return np.ones(len(probs), dtype=bool)


class LabelStream(BlockStream[EventResult]):
    """One live stream; `Labeller.stream` makes one."""

    def __init__(self, labeller: BaseLabeller, live: Live, options: EventOptions) -> None:
        super().__init__(live.blocks)
        self.labeller, self.options = labeller, options
        self._live = live
        self._events: EventState | None = None

    def _advance(self, block: np.ndarray, last: bool) -> EventResult:
        probs, seconds = self._live.outputs(block, last=last), self._live.blocks.seconds
        found, self._events = events.step(probs, self._events, self.options, last=last)
        return EventResult(self.labeller.segments(found, seconds if last else np.inf), seconds)
