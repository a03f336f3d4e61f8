"""What decoders find, and where they are in a stream; nothing here needs torch."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Path:
    """A decoded token sequence; token i holds frames `starts[i]` to `ends[i]` (exclusive) with probability `probs[i]`.

    `blank_prob` is the lowest probability among the frames taken as blank (1 if there are none): how sure it is that
    nothing was left out. `alternatives` are the best token sequences with their scores in nats, the best first, where
    several were asked for. `outputs` are what the arcs of a graph say besides, in their order. `margin` is the score of
    the path less that of the likeliest labels of all frames, in nats: 0 for the greedy path, else below.
    """

    tokens: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    probs: tuple[float, ...]
    blank_prob: float
    alternatives: tuple[tuple[tuple[int, ...], float], ...] = ()
    outputs: tuple[int, ...] = ()
    margin: float = 0.0


@runtime_checkable
class DecoderState(Protocol):
    """Where a decoder is in a stream. A state is a value: decoding on from it leaves it as it is."""

    @property
    def path(self) -> Path:
        """The stable output of the open utterance, which later frames extend but never revise."""

    @property
    def num_frames(self) -> int:
        """Frames decoded since the start of the stream."""

    @property
    def num_blanks(self) -> int:
        """Blank frames since the last token."""

    @property
    def best(self) -> Path:
        """The likeliest output of the open utterance so far, which begins with `path`."""

    @property
    def started(self) -> int | None:
        """The first frame of the open utterance in which there was a token; None before."""

    @property
    def last_token(self) -> int:
        """The last token of the open utterance, 0 where there is none or it may be several."""
