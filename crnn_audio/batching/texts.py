"""Batches of a text as tokens: equal stretches side by side, read on with their state; or windows moved by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int

from crnn_audio.batching.plan import key
from crnn_audio.batching.rows import RowFeed, Span
from crnn_audio.types import TextBatch

AT_ONCE = 512
"""Tokens of a running text, or windows, that are judged at once."""


@dataclass(frozen=True)
class Stretches:
    """A text cut into equal stretches (to a token), that begins at another place in each epoch, as if it were a ring.

    So the borders of stretches and chunks, where little is known of what came before, are never the same twice.
    """

    tokens: Int[np.ndarray, " T"]
    count: int
    seed: int

    @property
    def lengths(self) -> list[int]:
        """Of each stretch, and one more: what is heard before it, which is nothing."""
        return [int(end - start) + 1 for start, end in zip(self._borders[:-1], self._borders[1:], strict=True)]

    def batch(self, spans: Sequence[Span], epoch: int) -> TextBatch:
        """The spans side by side, padded with zeros."""
        offset = int(np.random.default_rng(key(self.seed, epoch, "offset")).integers(len(self.tokens)))
        longest = max(span.length for span in spans)
        heard, following = (np.zeros((len(spans), longest), dtype=np.int64) for _ in range(2))
        for row, span in enumerate(spans):
            first = offset + self._borders[span.index] + span.start
            places = np.arange(first - 1, first + span.length)
            known = self.tokens[places % len(self.tokens)]
            known[0] *= span.start > 0
            heard[row, : span.length], following[row, : span.length] = known[:-1], known[1:]
        return _batch(heard, following, [span.length for span in spans], spans)

    @property
    def _borders(self) -> Int[np.ndarray, " R"]:
        return np.arange(self.count + 1, dtype=np.int64) * len(self.tokens) // self.count


@dataclass(frozen=True)
class Windows:
    """The `size` tokens before each token of a text; before its beginning stand zeros."""

    tokens: Int[np.ndarray, " T"]
    size: int

    @property
    def lengths(self) -> list[int]:
        """Of each window, with the token that follows."""
        return [self.size + 1] * len(self.tokens)

    def batch(self, spans: Sequence[Span], epoch: int = 0) -> TextBatch:
        """The windows side by side; of each only the last token is to foretell what follows."""
        at = np.array([span.index for span in spans])
        places = at[:, None] + np.arange(-self.size, 0)
        heard = np.where(places >= 0, self.tokens[places.clip(min=0)], 0)
        following = np.zeros_like(heard)
        following[:, -1] = self.tokens[at]
        return _batch(heard, following, [self.size] * len(spans), spans)


def _batch(heard: np.ndarray, following: np.ndarray, lengths: list[int], spans: Sequence[Span]) -> TextBatch:
    return TextBatch(
        heard=torch.from_numpy(heard.astype(np.int64)),
        next=torch.from_numpy(following.astype(np.int64)),
        lengths=torch.tensor(lengths),
        begins=torch.tensor([span.start == 0 for span in spans]),
        cut_ids=tuple(f"{span.index}:{span.start}" for span in spans),
    )


def feed(
    rows: Stretches | Windows, *, batch_rows: int, chunk: int, seed: int, accumulate: int, rank: int, ranks: int
) -> RowFeed[TextBatch]:
    """A training text as the loop reads it; `chunk` tokens of each stretch a step, windows whole."""
    chunk = chunk if isinstance(rows, Stretches) else 0
    return RowFeed(rows.lengths, rows.batch, batch_rows, chunk, seed, accumulate, rank, ranks)


def running(tokens: Int[np.ndarray, " T"], window: int) -> Iterator[TextBatch]:
    """A whole text once, for judging: as one row in chunks that go on from one another, or by windows."""
    if window:
        windows = Windows(tokens, window)
        for at in range(0, len(tokens), AT_ONCE):
            yield windows.batch([Span(index, 0, window) for index in range(at, min(at + AT_ONCE, len(tokens)))])
        return
    heard = np.concatenate([[0], tokens[:-1]])
    for at in range(0, len(tokens), AT_ONCE):
        part, following = heard[at : at + AT_ONCE], tokens[at : at + AT_ONCE]
        yield _batch(part[None], following[None], [len(part)], [Span(0, at, len(part))])
