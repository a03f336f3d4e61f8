"""An exported model of labels of frames: the same methods and results as `Labeller`, by onnxruntime and NumPy."""

from collections.abc import Callable, Iterator

import numpy as np

from crnn_audio.audio import OnLoss, Sound, Source
from crnn_audio.decoding.events import EventOptions
from crnn_audio.hypotheses import Labelled, Segment
from crnn_audio.inference import labelling
from crnn_audio.inference.exported import folder, long
from crnn_audio.inference.exported.folder import Exported
from crnn_audio.inference.exported.sound import LiveSound, SoundGraph
from crnn_audio.inference.labelling import CONTEXT, WINDOW, LabelStream


class ExportedLabeller:
    """An exported model of labels; `crnn_audio.load` of its folder makes one. `options` are those chosen on dev."""

    def __init__(self, exported: Exported) -> None:
        exported.require("labelling")
        self.exported = exported
        self.labels = folder.labels(exported)
        self.options = _options(exported, len(self.labels))
        self.sound = SoundGraph(exported)
        self.sample_rate = self.sound.front_end.sample_rate

    @property
    def frame_seconds(self) -> float:
        """Seconds between output frames."""
        return self.sound.frame_seconds

    def label(self, source: Source, options: EventOptions | None = None) -> list[Segment]:
        """The labelled segments of a recording of any length, sorted, as `Labeller.label` gives them.

        Raises:
            DataError: it cannot be read, or is too short to hold a frame.
        """
        return list(self.labelled(source, options).segments)

    def labelled(
        self,
        source: Source,
        options: EventOptions | None = None,
        progress: Callable[[float], None] | None = None,
        channel: int | None = None,
    ) -> Labelled:
        """As `label`, with the length of the recording and what is to be said of it.

        Raises:
            DataError: as of `label`.
        """

        def read(sound: Sound, on_loss: OnLoss) -> tuple[long.LongRecording, Iterator[np.ndarray]]:
            recording = long.LongRecording(self.sound.front_end, sound, on_loss, progress)
            if self.sound.pieces:
                return recording, long.carried(self.sound, recording)
            return recording, long.windowed(self.sound, recording, WINDOW, CONTEXT, _anywhere)

        return labelling.labelled(self, read, source, options, channel)

    def stream(self, sample_rate: int, options: EventOptions | None = None) -> LabelStream:
        """Labels sound as it arrives, as `Labeller.stream` does.

        Raises:
            StreamError: the model is bidirectional, or there is no such sample rate.
        """
        live = LiveSound(self.sound, self.sound.live("label"), sample_rate)
        return LabelStream(self, live, options or self.options)


def _options(exported: Exported, num_labels: int) -> EventOptions:
    """How events are decoded, as export.json says it.

    Raises:
        RunError: it says something else.
    """
    found = dict(exported.fact("events", dict))
    try:
        options = EventOptions(**found | {"thresholds": tuple(map(float, found["thresholds"]))})
        numbers = (options.frame_threshold, options.median, options.gap, options.minimum, options.radius)
        if len(options.thresholds) == num_labels and all(isinstance(one, int | float) for one in numbers):
            return options
    except (KeyError, TypeError, ValueError):
        pass
    raise folder.damaged(exported.path / folder.MANIFEST, "its events are no options of events") from None


def _anywhere(probs: np.ndarray) -> np.ndarray:
    """Windows are joined in the middle, where both have as much context."""
    return np.ones(len(probs), dtype=bool)
