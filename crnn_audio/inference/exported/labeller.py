"""An exported model of labels of frames: the same methods and results as `Labeller`, by onnxruntime and NumPy."""

from crnn_audio.audio import OnLoss, Sound
from crnn_audio.decoding.events import EventOptions
from crnn_audio.inference.exported import folder, long
from crnn_audio.inference.exported.folder import Exported
from crnn_audio.inference.exported.sound import LiveSound, SoundGraph
from crnn_audio.inference.labelling import CONTEXT, WINDOW, BaseLabeller, Pieces, anywhere
from crnn_audio.inference.speech.transcription import Progress


class ExportedLabeller(BaseLabeller):
    """An exported model of labels; `crnn_audio.load` of its folder makes one."""

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

    def _opened(self, sound: Sound, on_loss: OnLoss, progress: Progress | None) -> tuple[long.LongRecording, Pieces]:
        recording = long.LongRecording(self.sound.front_end, sound, on_loss, progress)
        if self.sound.pieces:
            return recording, long.carried(self.sound, recording)
        return recording, long.windowed(self.sound, recording, WINDOW, CONTEXT, anywhere)

    def _live(self, sample_rate: int) -> LiveSound:
        return LiveSound(self.sound, self.sound.live("label"), sample_rate)


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
