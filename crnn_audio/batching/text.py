"""A text as sequences of tokens: equal segments side by side, whose state is carried on; or windows moved by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from crnn_audio.batching import sequence
from crnn_audio.batching.plan import key
from crnn_audio.batching.sequence import Span
from crnn_audio.types import SequenceBatch

CHUNK = 512
"""Tokens of a running text, or windows, that are evaluated at once."""
WINDOW, WINDOWS = 256, 32
"""Tokens of a window that knows nothing of the text before it but one token, and such windows side by side."""


@dataclass(frozen=True)
class Segments:
    """A text cut into equal segments (to a token), starting at another offset in each epoch, as if it were a ring.

    So the borders of segments and chunks, where there is little context, are never the same twice.
    """

    tokens: Int[np.ndarray, " T"]
    count: int
    seed: int

    @property
    def lengths(self) -> list[int]:
        """Tokens of each segment."""
        return [int(end - start) for start, end in zip(self._borders[:-1], self._borders[1:], strict=True)]

    def batch(self, spans: Sequence[Span], epoch: int) -> SequenceBatch:
        """The spans side by side; the input before a segment is 0."""
        offset = int(np.random.default_rng(key(self.seed, epoch, "offset")).integers(len(self.tokens)))
        rows = list[np.ndarray]()
        for span in spans:
            first = offset + self._borders[span.index] + span.start
            row = self.tokens[np.arange(first - 1, first + span.length) % len(self.tokens)]
            row[0] *= span.start > 0
            rows.append(row)
        targets = [row[1:] for row in rows]
        return _batch([row[:-1] for row in rows], targets, [np.ones(len(one)) for one in targets], spans)

    @property
    def _borders(self) -> Int[np.ndarray, " R"]:
        return np.arange(self.count + 1, dtype=np.int64) * len(self.tokens) // self.count


@dataclass(frozen=True)
class Windows:
    """The `size` tokens before each token of a text, zeros before its beginning; only that token is predicted."""

    tokens: Int[np.ndarray, " T"]
    size: int

    @property
    def lengths(self) -> list[int]:
        """Of each window."""
        return [self.size] * len(self.tokens)

    def batch(self, spans: Sequence[Span], epoch: int = 0) -> SequenceBatch:
        """The windows side by side."""
        at = np.array([span.index for span in spans])
        places = at[:, None] + np.arange(-self.size, 0)
        inputs = np.where(places >= 0, self.tokens[places.clip(min=0)], 0)
        targets = np.zeros_like(inputs)
        targets[:, -1] = self.tokens[at]
        return _batch(list(inputs), list(targets), list(targets > 0), spans)


def _batch(
    inputs: list[np.ndarray], targets: list[np.ndarray], weights: list[np.ndarray], spans: Sequence[Span]
) -> SequenceBatch:
    return sequence.batch(
        [one[:, np.newaxis].astype(np.int64) for one in inputs],
        [one.astype(np.int64) for one in targets],
        weights,
        spans,
        [f"{span.index}:{span.start}" for span in spans],
    )


def running(tokens: Int[np.ndarray, " T"], context_length: int) -> Iterator[SequenceBatch]:
    """A whole text once, for evaluation: as one row in chunks that continue one another, or by windows."""
    for at in range(0, len(tokens), CHUNK):
        end = min(at + CHUNK, len(tokens))
        if context_length:
            yield Windows(tokens, context_length).batch([Span(index, 0, context_length) for index in range(at, end)])
            continue
        inputs = np.concatenate([tokens[at - 1 : at] if at else [0], tokens[at : end - 1]])
        yield _batch([inputs], [tokens[at:end]], [np.ones(end - at)], [Span(0, at, end - at)])


def windows(tokens: Int[np.ndarray, " T"], size: int) -> Iterator[SequenceBatch]:
    """A whole text once, for evaluation, in windows of `size` tokens side by side, each given the token before it."""
    inputs, starts = np.concatenate([[0], tokens[:-1]]), range(0, len(tokens), size)
    spans = [Span(number, start, min(size, len(tokens) - start)) for number, start in enumerate(starts)]
    for at in range(0, len(spans), WINDOWS):
        rows = spans[at : at + WINDOWS]
        targets = [tokens[row.start : row.start + row.length] for row in rows]
        before = [inputs[row.start : row.start + row.length] for row in rows]
        yield _batch(before, targets, [np.ones(row.length) for row in rows], rows)
