"""Recordings to labels by the modules of a run; see `classifying`."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
import torch

from crnn_audio.audio import Source
from crnn_audio.batching.loader import pad_waveforms
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Labels
from crnn_audio.inference import classifying
from crnn_audio.inference.events import Detection, EventStream
from crnn_audio.runs import Run
from crnn_audio.tasks.classification import Classification
from crnn_audio.types import AudioBatch


class Classifier:
    """A trained classifier of recordings; `crnn_audio.load` makes one.

    Args:
        background: labels that are no event in a stream.
    """

    def __init__(
        self, run: Run, task: Classification, labels: tuple[str, ...], *, background: tuple[str, ...] = ()
    ) -> None:
        self.run = run
        self.task = task.eval()
        self.labels = labels
        self.background = background
        self.reject_below = run.chosen("reject_below")
        self.device = task.device
        self.sample_rate = task.front_end.sample_rate

    def num_frames(self, num_samples: int) -> int:
        """Output frames of so many samples."""
        return self.task.num_frames(num_samples)

    @overload
    def classify(self, source: Source, *, top: int = 5, reject: bool = False) -> Labels: ...

    @overload
    def classify(self, source: list[Source], *, top: int = 5, reject: bool = False) -> list[Labels]: ...

    def classify(self, source: Source | list[Source], *, top: int = 5, reject: bool = False) -> Labels | list[Labels]:
        """What a recording is, or each of several in their order.

        Args:
            top: how many of the likeliest classes to give.
            reject: give "not listed" in place of labels below the confidence that was chosen on dev.

        Raises:
            DataError: a recording cannot be read, is too short to hold a frame, or longer than ten minutes.
            RunError: the run has no such confidence.
        """
        return classifying.classify(self, source, top, reject)

    def as_completed(
        self,
        sources: Sequence[Source],
        *,
        top: int = 5,
        reject: bool = False,
    ) -> Iterator[tuple[int, Labels | DataError]]:
        """Each result or error, with its recording's position, as soon as it is there; like lengths together."""
        return classifying.as_completed(self, sources, top=top, reject=reject)

    @property
    def multilabel(self) -> bool:
        """Whether a recording may have any number of labels."""
        return self.task.multilabel

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.run.path)

    def stream(self, sample_rate: int, detection: Detection | None = None) -> EventStream:
        """Finds keywords in sound as it arrives: labels of a window that moves along, but for those of the background.

        Args:
            sample_rate: of the blocks that will be fed, in samples per second.
            detection: the threshold and the rest; by default as `detection`.

        Raises:
            StreamError: the features need the whole recording, or a window is shorter than a frame.
        """
        return EventStream(self.task, self.labels, self.background, sample_rate, detection or self.detection())

    def detection(self, threshold: float | None = None, refractory: float | None = None) -> Detection:
        """When a label is an event: by the threshold that was chosen with the run, else at 0.5; with these changes."""
        chosen = self.run.chosen("threshold") if threshold is None else threshold
        changes = {"threshold": chosen, "refractory": refractory}
        return Detection(**{name: value for name, value in changes.items() if value is not None})

    @torch.inference_mode()
    def probabilities(self, waveforms: Sequence[np.ndarray]) -> list[list[float]]:
        """Of each waveform at the model's sample rate, the probability of each label."""
        padded = pad_waveforms(waveforms, self.sample_rate)
        on_device = AudioBatch(padded.waveforms.to(self.device), padded.lengths.to(self.device), self.sample_rate)
        found: list[list[float]] = self.task(on_device).tolist()
        return found
