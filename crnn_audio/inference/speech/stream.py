"""Live recognition: blocks of sound in, growing text out, in memory that does not grow with the stream.

All state lies in the `Stream`: the resampler's, the sound that later windows need, the network's carry and the open
utterance. The output equals transcribing the whole sound, for blocks of any size.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch

from crnn_audio import audio
from crnn_audio.decoding.decoder import Decoder
from crnn_audio.decoding.paths import Path
from crnn_audio.errors import StreamError
from crnn_audio.features import stream as sound_stream
from crnn_audio.features.stream import SoundCarry
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech.endpoints import Endpoint, StreamResult, Utterances, check_block, check_rate
from crnn_audio.models.crnn import Carry
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
        check_rate(sample_rate)
        if task.model.recurrent.bidirectional:
            raise StreamError(
                "this model is bidirectional and cannot stream. Train a one-directional recipe, or use transcribe."
            )
        sound_stream.refuse_unless_streamable(task.front_end, task.normalizer)
        self.task = task
        self._sample_rate = sample_rate
        self._resample = audio.resampler(sample_rate, task.front_end.sample_rate)
        self._fed = 0
        self._sound: SoundCarry | None = None
        self._carry: Carry | None = None
        self._utterances = Utterances(decoder, hypothesis, task.vocabulary.separator_id, frame_seconds, endpoint)
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True

    def feed(self, block: np.ndarray) -> StreamResult:
        """The next samples of one channel, floating-point numbers in [-1, 1], as many as there are.

        Raises:
            StreamError: the stream was flushed before, or the samples are of another kind or not finite.
        """
        return self._advance(block, last=False)

    def flush(self) -> StreamResult:
        """The end of the sound: releases what waited for look-ahead and finishes the open utterance."""
        return self._advance(np.zeros(0, dtype=np.float32), last=True)

    @torch.inference_mode()
    def _advance(self, block: np.ndarray, last: bool) -> StreamResult:
        if self._closed:
            raise StreamError("this stream has ended; open another one for more sound.")
        check_block(block, self._seconds)
        self._closed = last
        self._fed += len(block)
        samples = torch.from_numpy(self._resample(np.asarray(block, dtype=np.float32), last)).unsqueeze(0)
        front_end, model = self.task.front_end, self.task.model
        samples = samples.to(next(model.parameters()).device)
        features, self._sound = sound_stream.step(front_end, samples, self._sound, last=last)
        lengths = torch.tensor([features.shape[1]], device=features.device)
        normalized = self.task.normalizer(features, lengths)
        log_probs, self._carry = self.task.step(normalized, self._carry, last=last)
        finals = self._utterances.add(log_probs[0])
        if not last:
            return StreamResult(self._utterances.open_text(self._seconds), tuple(finals), self._seconds)
        return StreamResult("", (*finals, *self._utterances.finish(self._seconds)), self._seconds)

    @property
    def _seconds(self) -> float:
        return self._fed / self._sample_rate
