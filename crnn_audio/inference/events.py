"""Keywords in sound of any length: the labels of a window that moves along, and the events that they are taken for.

The convolutions run once over the sound and carry their state from block to block; the recurrent layers and the head
read each window from a state of zero. So a window is labelled as a recording of its length is, whatever came before, a
bidirectional model may listen too, and blocks of any size give the same events.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from crnn_audio.errors import StreamError
from crnn_audio.features import stream as sound_stream
from crnn_audio.features.stream import SoundCarry
from crnn_audio.hypotheses import Event
from crnn_audio.inference.speech.blocks import Blocks, BlockStream
from crnn_audio.inference.speech.endpoints import EventResult
from crnn_audio.tasks.classification import Classification

TOGETHER = 128
"""Windows that are computed at once, at most."""


@dataclass(frozen=True)
class Detection:
    """When a label is an event.

    Args:
        threshold: the least confidence, in [0, 1].
        refractory: seconds after an event in which there is no other.
        window, step: seconds of the window, and by how many it moves.
    """

    threshold: float = 0.5
    refractory: float = 1.0
    window: float = 1.0
    step: float = 0.1


class Windows:
    """The probabilities of the labels of each window of one sound, which is fed at the rate of the model's features.

    What is shorter than a window is one window by itself, and what is left after the last whole step is not read.

    Raises:
        StreamError: the features need the whole recording, or the window or its step is shorter than a frame.
    """

    def __init__(self, task: Classification, detection: Detection) -> None:
        sound_stream.refuse_unless_streamable(task.front_end, task.normalizer)
        self.task = task
        self.frame = task.frame_seconds
        self.size, self.step = round(detection.window / self.frame), round(detection.step / self.frame)
        if min(self.size, self.step) < 1:
            raise StreamError(f"a window and its step are at least a frame of {self.frame:.3f} s.")
        self.count = 0
        self._device = task.device
        self._sound: SoundCarry | None = None
        self._front: tuple[Tensor, ...] | None = None
        self._frames: Tensor | None = None

    @torch.inference_mode()
    def add(self, samples: np.ndarray, *, last: bool = False) -> Float[np.ndarray, "N K"]:
        """The probabilities of each window that these next samples complete."""
        sound = torch.from_numpy(samples).unsqueeze(0).to(self._device)
        features, self._sound = sound_stream.step(self.task.front_end, sound, self._sound, last=last)
        lengths = torch.tensor([features.shape[1]], device=self._device)
        features = self.task.normalizer(features, lengths)
        new, self._front = self.task.convolve(features, self._front, last=last)
        frames = new if self._frames is None else torch.cat([self._frames, new], dim=1)
        count = max((frames.shape[1] - self.size) // self.step + 1, 0)
        windows = frames.unfold(1, self.size, self.step)[0].transpose(1, 2) if count else frames[:0]
        self._frames = frames[:, count * self.step :]
        if last and not (count or self.count) and frames.shape[1]:
            windows, self.size = frames, frames.shape[1]
        self.count += len(windows)
        if not len(windows):
            return np.zeros((0, self.task.num_classes), np.float32)
        found = [self.task.outputs_of_convolved(some.contiguous())[:, 0] for some in _parts(windows)]
        return torch.cat(found).cpu().numpy()

    def end_of(self, number: int) -> float:
        """The second at which a window ends; they are counted from 0."""
        return (number * self.step + self.size) * self.frame


def _parts(windows: Float[Tensor, "N U D"]) -> Iterator[Float[Tensor, "_ U D"]]:
    for first in range(0, len(windows), TOGETHER):
        yield windows[first : first + TOGETHER]


class EventStream(BlockStream[EventResult]):
    """One live stream of events; `Classifier.stream` makes one. Several may run on one model at a time.

    Args:
        labels: those of the classes.
        background: labels that are no event.
        sample_rate: of the blocks that will be fed, in samples per second.
    """

    def __init__(
        self,
        task: Classification,
        labels: tuple[str, ...],
        background: tuple[str, ...],
        sample_rate: int,
        detection: Detection,
    ) -> None:
        self.labels = labels
        self.detection = detection
        self._keywords = [index for index, label in enumerate(labels) if label not in background]
        self._windows = Windows(task, detection)
        super().__init__(Blocks(sample_rate, task.front_end.sample_rate))
        self._done = 0
        self._quiet_until = -1.0

    def _advance(self, block: np.ndarray, last: bool) -> EventResult:
        samples = self.blocks.take(block, last=last)
        events = tuple(self._events(self._windows.add(samples, last=last)))
        return EventResult(events, self.blocks.seconds)

    def _events(self, probabilities: Float[np.ndarray, "N K"]) -> Iterator[Event]:
        for row in probabilities:
            index = max(self._keywords, key=lambda keyword: row[keyword])
            seconds = self._windows.end_of(self._done)
            self._done += 1
            if row[index] >= self.detection.threshold and seconds >= self._quiet_until:
                self._quiet_until = seconds + self.detection.refractory
                yield Event(self.labels[index], float(row[index]), seconds)
