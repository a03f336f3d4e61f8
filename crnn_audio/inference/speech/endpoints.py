"""What a live stream says: the utterances that it ends by itself, and the open one. Nothing here needs torch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from crnn_audio.decoding.paths import DecoderState, Path
from crnn_audio.hypotheses import Event, Hypothesis, Segment


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


@dataclass(frozen=True)
class EventResult:
    """After a block: the events or segments that it brought, and the seconds that were fed; `text` is always empty."""

    finals: tuple[Event | Segment, ...]
    seconds: float
    text: str = field(default="", init=False)


@runtime_checkable
class LiveStream(Protocol):
    """A stream of any engine."""

    def __enter__(self) -> Self:
        """Opens it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes it."""

    def feed(self, block: np.ndarray) -> StreamResult | EventResult:
        """The next samples."""

    def flush(self) -> StreamResult | EventResult:
        """The end of the sound."""


class Utterances:
    """The utterances of one stream, decoded frame by frame, so that their ends do not depend on the blocks.

    Args:
        decoder: decodes the frames that `add` is given, which are tensors or arrays of shape (frames, tokens).
        hypothesis: the words of a path, of which so many seconds have passed.
        separator: the token between words; None where every token is a word.
    """

    def __init__(
        self,
        decoder: Any,
        hypothesis: Callable[[Path, float], Hypothesis],
        separator: int | None,
        frame_seconds: float,
        endpoint: Endpoint,
    ) -> None:
        self._decoder = decoder
        self._hypothesis = hypothesis
        self._separator = separator
        self._frame_seconds = frame_seconds
        self._endpoint = endpoint
        self._decoded: DecoderState | None = None

    def add(self, log_probs: Any) -> list[Hypothesis]:
        """The utterances that these next frames finish."""
        finals = []
        for frame in range(len(log_probs)):
            self._decoded = self._decoder.step(log_probs[frame : frame + 1], self._decoded)
            if self._decoded is not None and self._at_endpoint(self._decoded):
                finals.extend(self.finish(self._decoded.num_frames * self._frame_seconds))
        return finals

    def _at_endpoint(self, state: DecoderState) -> bool:
        if state.started is None:
            return False
        lasted, longest = state.num_frames - state.started, self._endpoint.longest / self._frame_seconds
        between_words = state.num_blanks > 0 if self._separator is None else state.last_token == self._separator
        silent = state.num_blanks >= max(self._endpoint.silence / self._frame_seconds, 1)
        return silent or (between_words and lasted >= longest) or lasted >= 2 * longest

    def finish(self, seconds: float) -> list[Hypothesis]:
        """The open utterance, unless it holds no words: separators alone are none."""
        if self._decoded is None:
            return []
        path, self._decoded = self._decoder.finish(self._decoded)
        final = self._hypothesis(path, seconds)
        return [final] if final.words else []

    def open_text(self, seconds: float) -> str:
        """The text of the open utterance so far."""
        return self._hypothesis(self._decoded.best, seconds).text if self._decoded else ""
