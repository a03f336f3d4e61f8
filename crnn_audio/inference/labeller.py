"""Recordings to labelled segments, from files of any length and live; the result does not depend on how it is read."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Float

from crnn_audio import audio
from crnn_audio.audio import Loss, Source
from crnn_audio.decoding import events
from crnn_audio.decoding.events import Event, EventOptions, EventState
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Labelled, Segment
from crnn_audio.inference.speech import long
from crnn_audio.inference.speech.blocks import NO_SOUND
from crnn_audio.inference.speech.endpoints import EventResult
from crnn_audio.inference.speech.stepping import LiveTask
from crnn_audio.runs import Run
from crnn_audio.tasks.labelling import Labelling

WINDOW, CONTEXT = 120.0, 10.0
"""Seconds that a bidirectional model processes in one pass, and seconds before and after them that it reads too."""


class Labeller:
    """A trained model of labels; `crnn_audio.load` makes one.

    `options` say how events are decoded, as chosen on dev; a call may have its own.
    """

    def __init__(self, run: Run, task: Labelling, labels: Sequence[str]) -> None:
        self.run = run
        self.task = task.eval()
        self.labels = tuple(labels)
        self.options = task.events
        self.sample_rate = task.front_end.sample_rate

    def label(self, source: Source, options: EventOptions | None = None) -> list[Segment]:
        """The labelled segments of a recording of any length, sorted.

        Raises:
            DataError: it cannot be read, or is too short to hold a frame.
        """
        return list(self.labelled(source, options).segments)

    @torch.inference_mode()
    def labelled(
        self,
        source: Source,
        options: EventOptions | None = None,
        progress: Callable[[float], None] | None = None,
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
            recording = long.LongRecording(self.task, sound, losses.append, progress)
            with long.one_thread(recording.device):
                for probs in long.outputs_of(recording, WINDOW, CONTEXT, _anywhere):
                    new, state = events.step(probs.float().cpu().numpy(), state, chosen)
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
        frame = self.task.frame_seconds
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
            StreamError: the model is bidirectional, or its features need the whole recording.
        """
        return LabelStream(self, sample_rate, options or self.options)


def _anywhere(probs: Float[torch.Tensor, "U K"]) -> Bool[np.ndarray, " U"]:
    """Windows are joined in the middle, where both have as much context."""
    return np.ones(len(probs), dtype=bool)


class LabelStream:
    """One live stream; `Labeller.stream` makes one. Several may run on one model at a time."""

    def __init__(self, labeller: Labeller, sample_rate: int, options: EventOptions) -> None:
        self.labeller, self.options = labeller, options
        self._live = LiveTask(labeller.task, sample_rate, "label")
        self._events: EventState | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.blocks.close()

    def feed(self, block: np.ndarray) -> EventResult:
        """The next samples of one channel, floating-point numbers in [-1, 1], as many as there are.

        Raises:
            StreamError: the stream was flushed before, or the samples are of another kind or not finite.
        """
        return self._advance(block, last=False)

    def flush(self) -> EventResult:
        """The end of the sound: releases what waited for look-ahead and ends open segments."""
        return self._advance(NO_SOUND, last=True)

    def _advance(self, block: np.ndarray, last: bool) -> EventResult:
        probs, seconds = self._live.outputs(block, last=last), self._live.blocks.seconds
        found, self._events = events.step(probs.float().cpu().numpy(), self._events, self.options, last=last)
        return EventResult(self.labeller.segments(found, seconds if last else np.inf), seconds)
