"""Many live streams of one exported model, stepped in batches: its weights are read once for all of them.

Each has its own sample rate, state and end; they join and leave at any time. What each says is what it says alone.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from crnn_audio.decoding.greedy import ArrayGreedy
from crnn_audio.decoding.paths import Path
from crnn_audio.errors import StreamError
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.exported.pieces import PieceGraph
from crnn_audio.inference.exported.sound import LiveSound, SoundGraph
from crnn_audio.inference.speech.blocks import NO_SOUND, BlockStream
from crnn_audio.inference.speech.endpoints import Endpoint, StreamResult, Utterances
from crnn_audio.text.vocabulary import Vocabulary


@runtime_checkable
class Model(Protocol):
    """What streams need of an exported recogniser."""

    sound: SoundGraph
    greedy: ArrayGreedy

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens."""

    @property
    def frame_seconds(self) -> float:
        """Seconds between output frames."""

    def hypothesis(self, path: Path, seconds: float) -> Hypothesis:
        """The words of a path."""


class Streams:
    """Live streams side by side; `ExportedRecognizer.streams` makes them.

    Args:
        wait: seconds of sound that are stepped together: less work, and texts that come so much later.
    """

    def __init__(self, model: Model, graph: PieceGraph, wait: float = 0.0) -> None:
        self.model = model
        self.graph = graph
        self.least = max(round(wait / model.frame_seconds), 1)

    def open(self, sample_rate: int, endpoint: Endpoint | None = None) -> "ExportedStream":
        """One more stream.

        Args:
            sample_rate: of the blocks that will be fed, in samples per second.
            endpoint: when an utterance counts as finished.

        Raises:
            StreamError: there is no such sample rate.
        """
        return ExportedStream(self, sample_rate, endpoint or Endpoint())

    def feed(self, blocks: Mapping["ExportedStream", np.ndarray]) -> dict["ExportedStream", StreamResult]:
        """The next samples of several streams, of any lengths, and what each says after them.

        Raises:
            StreamError: a stream has ended or is of others than these, or samples are of another kind or not finite:
                then none of the blocks is taken.
        """
        return self.advance(blocks, last=False)

    def flush(self, streams: Sequence["ExportedStream"]) -> dict["ExportedStream", StreamResult]:
        """The end of several streams: releases what waited for look-ahead and finishes the open utterances.

        Raises:
            StreamError: one has ended before.
        """
        return self.advance(dict.fromkeys(streams, NO_SOUND), last=True)

    def advance(
        self, blocks: Mapping["ExportedStream", np.ndarray], *, last: bool
    ) -> dict["ExportedStream", StreamResult]:
        """The next samples, or with `last` the end, of several streams."""
        for stream, block in blocks.items():
            stream.check(self, block)
        for stream, block in blocks.items():
            stream.sound.take(block, last)
        outputs = self.graph.advance([stream.sound.running for stream in blocks], self.least)
        return {stream: stream.said(new, last) for stream, new in zip(blocks, outputs, strict=True)}


class ExportedStream(BlockStream[StreamResult]):
    """One live stream; `Streams.open` or `ExportedRecognizer.stream` makes one."""

    def __init__(self, streams: Streams, sample_rate: int, endpoint: Endpoint) -> None:
        model = streams.model
        self.sound = LiveSound(model.sound, streams.graph, sample_rate)
        super().__init__(self.sound.blocks)
        self._streams = streams
        separator = model.vocabulary.separator_id
        self._utterances = Utterances(model.greedy, model.hypothesis, separator, model.frame_seconds, endpoint)

    def _advance(self, block: np.ndarray, last: bool) -> StreamResult:
        return (self._streams.flush([self]) if last else self._streams.feed({self: block}))[self]

    def check(self, streams: Streams, block: np.ndarray) -> None:
        """Refuses a block before anything changes.

        Raises:
            StreamError: as `Streams.feed`.
        """
        if streams is not self._streams:
            raise StreamError("this stream belongs to other streams; feed it where it was opened.")
        self.blocks.check(block)

    def said(self, log_probs: np.ndarray, last: bool) -> StreamResult:
        """What these outputs add."""
        finals = self._utterances.add(log_probs)
        if not last:
            return StreamResult(self._utterances.open_text(self.blocks.seconds), tuple(finals), self.blocks.seconds)
        return StreamResult("", (*finals, *self._utterances.finish(self.blocks.seconds)), self.blocks.seconds)
