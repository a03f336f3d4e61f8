"""Live recognition: blocks of sound in, growing text out, in memory that does not grow with the stream.

All state lies in the `Stream`: the resampler's, the sound that later windows need, the network's carry and the open
utterance. The output equals transcribing the whole sound, for blocks of any size.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from crnn_audio import audio
from crnn_audio.decoding.decoder import Decoder, DecoderState, Path
from crnn_audio.errors import StreamError
from crnn_audio.features import stream as sound_stream
from crnn_audio.features.stream import SoundCarry
from crnn_audio.models.crnn import Carry
from crnn_audio.tasks.ctc import Recognition
from crnn_audio.types import Hypothesis


@dataclass(frozen=True)
class Endpoint:
    """An utterance ends after `silence` seconds without a token, or between two words after `longest` seconds.

    After twice `longest` it ends wherever it is, so that memory stays bounded.
    """

    silence: float = 0.8
    longest: float = 30.0


@dataclass(frozen=True)
class StreamResult:
    """After a block: the text of the open utterance so far, and the utterances that were finished by this block.

    Times are seconds from the start of the stream: those of words, a final's `seconds`, where its last frame ends, and
    `seconds` here, how much was fed.
    """

    text: str
    finals: tuple[Hypothesis, ...]
    seconds: float


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
        if sample_rate < 1:
            raise StreamError(f"a stream has at least one sample per second (found a sample rate of {sample_rate}).")
        if task.model.recurrent.bidirectional:
            raise StreamError(
                "this model is bidirectional and cannot stream. Train a one-directional recipe, or use transcribe."
            )
        sound_stream.refuse_unless_streamable(task.front_end, task.normalizer)
        self.task = task
        self.endpoint = endpoint
        self._hypothesis = hypothesis
        self._frame_seconds = frame_seconds
        self._sample_rate = sample_rate
        self._resample = audio.resampler(sample_rate, task.front_end.sample_rate)
        self._fed = 0
        self._sound: SoundCarry | None = None
        self._carry: Carry | None = None
        self._separator = task.vocabulary.separator_id
        self._decoder = decoder
        self._decoded: DecoderState | None = None
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
        if block.ndim != 1 or not np.issubdtype(block.dtype, np.floating):
            found = f"{block.dtype} of shape {block.shape}"
            raise StreamError(f"a block is one channel of floating-point samples in [-1, 1] (found {found}).")
        return self._advance(block, last=False)

    def flush(self) -> StreamResult:
        """The end of the sound: releases what waited for look-ahead and finishes the open utterance."""
        return self._advance(np.zeros(0, dtype=np.float32), last=True)

    @torch.inference_mode()
    def _advance(self, block: Float[np.ndarray, " S"], last: bool) -> StreamResult:
        if self._closed:
            raise StreamError("this stream has ended; open another one for more sound.")
        if not np.isfinite(block).all():
            raise StreamError(f"a block holds samples that are not finite numbers, after {self._seconds:.2f} s.")
        self._closed = last
        self._fed += len(block)
        samples = torch.from_numpy(self._resample(np.asarray(block, dtype=np.float32), last)).unsqueeze(0)
        front_end, model = self.task.front_end, self.task.model
        samples = samples.to(next(model.parameters()).device)
        features, self._sound = sound_stream.step(front_end, samples, self._sound, last=last)
        lengths = torch.tensor([features.shape[1]], device=features.device)
        normalized = self.task.normalizer(features, lengths)
        log_probs, self._carry = self.task.step(normalized, self._carry, last=last)
        finals = self._decode(log_probs[0])
        if not last:
            return StreamResult(self._open_text(), tuple(finals), self._seconds)
        return StreamResult("", (*finals, *self._finish(self._seconds)), self._seconds)

    def _decode(self, log_probs: Float[Tensor, "u V"]) -> list[Hypothesis]:
        """Decodes frame by frame, so that the ends of utterances do not depend on the blocks; finished utterances."""
        finals = []
        for frame in range(len(log_probs)):
            self._decoded = self._decoder.step(log_probs[frame : frame + 1], self._decoded)
            if self._at_endpoint(self._decoded):
                finals.extend(self._finish(self._decoded.num_frames * self._frame_seconds))
        return finals

    def _at_endpoint(self, state: DecoderState) -> bool:
        if not state.path.tokens:
            return False
        lasted, longest = state.num_frames - state.path.starts[0], self.endpoint.longest / self._frame_seconds
        between_words = state.num_blanks > 0 if self._separator is None else state.path.tokens[-1] == self._separator
        silent = state.num_blanks >= max(self.endpoint.silence / self._frame_seconds, 1)
        return silent or (between_words and lasted >= longest) or lasted >= 2 * longest

    def _finish(self, seconds: float) -> list[Hypothesis]:
        """The open utterance, unless it holds no words: separators alone are none."""
        if self._decoded is None:
            return []
        path, self._decoded = self._decoder.finish(self._decoded)
        final = self._hypothesis(path, seconds)
        return [final] if final.words else []

    def _open_text(self) -> str:
        return self._hypothesis(self._decoded.path, self._seconds).text if self._decoded else ""

    @property
    def _seconds(self) -> float:
        return self._fed / self._sample_rate
