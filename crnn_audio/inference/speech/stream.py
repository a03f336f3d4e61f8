"""Live recognition: blocks of sound in, growing text out, in memory that does not grow with the stream.

All state lies in the `Stream`: the resampler's, the sound that later windows need, the network's carry and the open
utterance. The output equals transcribing the whole sound, for blocks of any size.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import numpy as np

from crnn_audio.decoding.decoder import Decoder
from crnn_audio.decoding.paths import Path
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech.blocks import NO_SOUND
from crnn_audio.inference.speech.endpoints import Endpoint, StreamResult, Utterances
from crnn_audio.inference.speech.stepping import LiveTask
from crnn_audio.tasks.ctc import Recognition


class Stream:
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
        self._utterances = Utterances(decoder, hypothesis, task.vocabulary.separator_id, frame_seconds, endpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.blocks.close()

    def feed(self, block: np.ndarray) -> StreamResult:
        """The next samples of one channel, floating-point numbers in [-1, 1], as many as there are.

        Raises:
            StreamError: the stream was flushed before, or the samples are of another kind or not finite.
        """
        return self._advance(block, last=False)

    def flush(self) -> StreamResult:
        """The end of the sound: releases what waited for look-ahead and finishes the open utterance."""
        return self._advance(NO_SOUND, last=True)

    def _advance(self, block: np.ndarray, last: bool) -> StreamResult:
        log_probs, seconds = self._live.outputs(block, last=last), self._live.blocks.seconds
        finals = self._utterances.add(log_probs)
        if not last:
            return StreamResult(self._utterances.open_text(seconds), tuple(finals), seconds)
        return StreamResult("", (*finals, *self._utterances.finish(seconds)), seconds)
