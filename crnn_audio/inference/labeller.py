"""Recordings to labelled segments, from files of any length and live; the result does not depend on how it is read."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float

from crnn_audio.audio import OnLoss, Sound, Source
from crnn_audio.decoding.events import Event, EventOptions
from crnn_audio.hypotheses import Labelled, Segment
from crnn_audio.inference import labelling
from crnn_audio.inference.labelling import CONTEXT, WINDOW, LabelStream
from crnn_audio.inference.speech import long
from crnn_audio.inference.speech.stepping import LiveTask
from crnn_audio.runs import Run
from crnn_audio.tasks.labelling import Labelling


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

    @property
    def frame_seconds(self) -> float:
        """Seconds between output frames."""
        return self.task.frame_seconds

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

        def read(sound: Sound, on_loss: OnLoss) -> tuple[long.LongRecording, Iterator[np.ndarray]]:
            recording = long.LongRecording(self.task, sound, on_loss, progress)
            return recording, map(_array, long.outputs_of(recording, WINDOW, CONTEXT, _anywhere))

        with long.one_thread(self.task.device):
            return labelling.labelled(self, read, source, options, channel)

    def segments(self, found: Sequence[Event], seconds: float) -> tuple[Segment, ...]:
        """Events in seconds, none beyond the end of the recording, sorted."""
        return labelling.segments(self, found, seconds)

    def stream(self, sample_rate: int, options: EventOptions | None = None) -> LabelStream:
        """Labels sound as it arrives; one-directional models only.

        Args:
            sample_rate: of the blocks that will be fed, in samples per second.

        Raises:
            StreamError: the model is bidirectional, or its features need the whole recording.
        """
        return LabelStream(self, _Live(LiveTask(self.task, sample_rate, "label")), options or self.options)


class _Live:
    """A live task whose outputs are arrays."""

    def __init__(self, task: LiveTask) -> None:
        self.task, self.blocks = task, task.blocks

    def outputs(self, block: np.ndarray, *, last: bool) -> np.ndarray:
        """The probabilities of the next frames."""
        return _array(self.task.outputs(block, last=last))


def _array(probs: torch.Tensor) -> np.ndarray:
    found: np.ndarray = probs.float().cpu().numpy()
    return found


def _anywhere(probs: Float[torch.Tensor, "U K"]) -> Bool[np.ndarray, " U"]:
    """Windows are joined in the middle, where both have as much context."""
    return np.ones(len(probs), dtype=bool)
