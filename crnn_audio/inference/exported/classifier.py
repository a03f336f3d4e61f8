"""An exported classifier: the same methods and results as `Classifier`, by onnxruntime and NumPy."""

from collections.abc import Sequence

import numpy as np

from crnn_audio.inference.classifying import BaseClassifier
from crnn_audio.inference.exported import folder
from crnn_audio.inference.exported.folder import Exported
from crnn_audio.inference.exported.front_end import FrontEnd


class ExportedClassifier(BaseClassifier):
    """An exported classifier of recordings; `crnn_audio.load` of its folder makes one."""

    def __init__(self, exported: Exported) -> None:
        exported.require("classification")
        self.exported = exported
        self.name = str(exported.path)
        self.front_end = FrontEnd.load(exported.path / "front_end.npz")
        self.sample_rate = self.front_end.sample_rate
        self.labels = folder.labels(exported)
        self.multilabel = exported.fact("multilabel", bool)
        self.reject_below = exported.fact("reject_below", (float, type(None)))
        self.convolutions = folder.convolutions(exported)
        self.session = folder.session(exported)

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
