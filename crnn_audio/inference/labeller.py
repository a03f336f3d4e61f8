"""Recordings to labelled segments by the modules of a run; see `labelling`."""

from collections.abc import Sequence

import numpy as np
import torch

from crnn_audio.audio import OnLoss, Sound, Source
from crnn_audio.decoding.events import EventOptions
from crnn_audio.hypotheses import Labelled
from crnn_audio.inference.labelling import CONTEXT, WINDOW, BaseLabeller, Pieces, anywhere
from crnn_audio.inference.speech import long
from crnn_audio.inference.speech.stepping import LiveTask
from crnn_audio.inference.speech.transcription import Progress
from crnn_audio.runs import Run
from crnn_audio.tasks.labelling import Labelling


class Labeller(BaseLabeller):
    """A trained model of labels; `crnn_audio.load` makes one."""

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

    @torch.inference_mode()
    def labelled(
        self,
        source: Source,
        options: EventOptions | None = None,
        progress: Progress | None = None,
        channel: int | None = None,
    ) -> Labelled:
        """As `BaseLabeller.labelled`; on a CPU by one thread, which is faster."""
        with long.one_thread(self.task.device):
            return super().labelled(source, options, progress, channel)

    def _opened(self, sound: Sound, on_loss: OnLoss, progress: Progress | None) -> tuple[long.LongRecording, Pieces]:
        recording = long.LongRecording(self.task, sound, on_loss, progress)
        return recording, map(_array, long.outputs_of(recording, WINDOW, CONTEXT, anywhere))

    def _live(self, sample_rate: int) -> "_Live":
        return _Live(LiveTask(self.task, sample_rate, "label"))


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
