"""Recordings to labels by the modules of a run; see `classifying`."""

from collections.abc import Sequence

import numpy as np
import torch

from crnn_audio.batching.loader import pad_waveforms
from crnn_audio.inference.classifying import BaseClassifier
from crnn_audio.inference.events import Detection, EventStream
from crnn_audio.runs import Run
from crnn_audio.tasks.classification import Classification


class Classifier(BaseClassifier):
    """A trained classifier of recordings; `crnn_audio.load` makes one.

    Args:
        background: labels that are no event in a stream.
    """

    def __init__(
        self, run: Run, task: Classification, labels: tuple[str, ...], *, background: tuple[str, ...] = ()
    ) -> None:
        self.run, self.name = run, str(run.path)
        self.task = task.eval()
        self.labels, self.multilabel = labels, task.multilabel
        self.background = background
        self.reject_below = run.chosen("reject_below")
        self.sample_rate = task.front_end.sample_rate

    def num_frames(self, num_samples: int) -> int:
        """Output frames of so many samples."""
        return self.task.num_frames(num_samples)

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
        found: list[list[float]] = self.task(pad_waveforms(waveforms, self.sample_rate).to(self.task.device)).tolist()
        return found
