"""An exported classifier: the same methods and results as `Classifier`, by onnxruntime and NumPy."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from crnn_audio.audio import Source
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Labels
from crnn_audio.inference import classifying
from crnn_audio.inference.exported import folder
from crnn_audio.inference.exported.folder import Exported
from crnn_audio.inference.exported.front_end import FrontEnd


class ExportedClassifier:
    """An exported classifier of recordings; `crnn_audio.load` of its folder makes one."""

    def __init__(self, exported: Exported) -> None:
        exported.require("classification")
        self.exported = exported
        self.name = str(exported.path)
        self.front_end = FrontEnd.load(exported.path / "front_end.npz")
        self.sample_rate = self.front_end.sample_rate
        self.labels = folder.labels(exported)
        self.multilabel: bool = exported.fact("multilabel", bool)
        self.reject_below: float | None = exported.fact("reject_below", (float, type(None)))
        self.convolutions = folder.convolutions(exported)
        self.session = folder.session(exported)

    @overload
    def classify(self, source: Source, *, top: int = 5, reject: bool = False) -> Labels: ...

    @overload
    def classify(self, source: list[Source], *, top: int = 5, reject: bool = False) -> list[Labels]: ...

    def classify(self, source: Source | list[Source], *, top: int = 5, reject: bool = False) -> Labels | list[Labels]:
        """What a recording is, or each of several in their order, as `Classifier.classify` says it.

        Raises:
            DataError: a recording cannot be read, is too short to hold a frame, or longer than ten minutes.
            RunError: the model has no confidence for rejecting.
        """
        return classifying.classify(self, source, top, reject)

    def as_completed(
        self, sources: Sequence[Source], *, top: int = 5, reject: bool = False
    ) -> Iterator[tuple[int, Labels | DataError]]:
        """Each result or error, with its recording's position, as soon as it is there; like lengths together."""
        return classifying.as_completed(self, sources, top=top, reject=reject)

    def num_frames(self, num_samples: int) -> int:
        """Output frames of so many samples."""
        return folder.output_length(self.convolutions, self.front_end.num_frames(num_samples))

    def probabilities(self, waveforms: Sequence[np.ndarray]) -> list[list[float]]:
        """Of each waveform at the model's sample rate, the probability of each label."""
        features = [self.front_end(waveform) for waveform in waveforms]
        padded, counts = folder.padded(features)
        (found,) = self.session.run(None, {"x": padded, "x_lens": counts})
        rows: list[list[float]] = found.tolist()
        return rows
