"""Live recognition: blocks of sound in, growing text out, in memory that does not grow with the stream.

All state lies in the `Stream`: the resampler's, the sound that later windows need, the network's carry and the open
utterance. The output equals transcribing the whole sound, for blocks of any size.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from crnn_audio.decoding.decoder import Decoder
from crnn_audio.decoding.paths import Path
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech.blocks import BlockStream
from crnn_audio.inference.speech.endpoints import Endpoint, StreamResult, Utterances
from crnn_audio.inference.speech.stepping import LiveTask
from crnn_audio.tasks.ctc import Recognition


class Stream(BlockStream[StreamResult]):
    """One live stream; `Recognizer.stream` makes one. Several may run on one model at a time."""

    def __init__(
        self,
        task: Recognition,
        decoder: Decoder[Any],
        hypothesis: Callable[[Path, float], Hypothesis],
        frame_seconds: float,
        sample_rate: int,
        endpoint: Endpoint,
    ) -> None:
        self.task = task
        self._live = LiveTask(task, sample_rate, "transcribe")
        super().__init__(self._live.blocks)
        self._utterances = Utterances(decoder, hypothesis, task.vocabulary.separator_id, frame_seconds, endpoint)

    def _advance(self, block: np.ndarray, last: bool) -> StreamResult:
        log_probs, seconds = self._live.outputs(block, last=last), self._live.blocks.seconds
        finals = self._utterances.add(log_probs)
        if not last:
            return StreamResult(self._utterances.open_text(seconds), tuple(finals), seconds)
        return StreamResult("", (*finals, *self._utterances.finish(seconds)), seconds)
