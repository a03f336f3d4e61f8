"""Piano rolls as sequences: inputs are a frame's keys, optionally with a copy context; the target is the next frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from crnn_audio.batching import sequence
from crnn_audio.batching.sequence import Span
from crnn_audio.symbolic.copy_context import CopyContext
from crnn_audio.symbolic.pianoroll import NUM_KEYS, Roll
from crnn_audio.types import SequenceBatch

Inputs = Float[np.ndarray, "_ F"]
COPY_SIZE = NUM_KEYS + 1
"""Numbers of a frame's copy context."""


@dataclass(frozen=True)
class Rolls:
    """Piano rolls, their ids, and the network's inputs for all their frames."""

    rolls: Sequence[Roll]
    ids: Sequence[str]
    inputs: Sequence[Inputs]

    @classmethod
    def of(cls, rolls: Sequence[Roll], ids: Sequence[str], *, copy_context: bool = False) -> "Rolls":
        """The rolls with their inputs."""
        before = copy_context_of_nothing() if copy_context else None
        return cls(rolls, ids, [inputs_of(roll, before)[0] for roll in rolls])

    @property
    def lengths(self) -> list[int]:
        """Frames of each that have a next one."""
        return [len(roll) - 1 for roll in self.rolls]

    def batch(self, spans: Sequence[Span], epoch: int = 0) -> SequenceBatch:
        """The spans side by side, padded with silence; in every epoch they are the same."""
        parts = [(self.rolls[one.index], self.inputs[one.index], one.start, one.start + one.length) for one in spans]
        return sequence.batch(
            [inputs[start:end] for _, inputs, start, end in parts],
            [roll[start + 1 : end + 1].astype(np.float32) for roll, _, start, end in parts],
            [np.ones(span.length) for span in spans],
            spans,
            [self.ids[span.index] for span in spans],
        )


def copy_context_of_nothing() -> CopyContext:
    """The copy context before a piece."""
    return CopyContext.empty(1, NUM_KEYS, together=True)


def inputs_of(frames: Roll, copy_context: CopyContext | None = None) -> tuple[Inputs, CopyContext | None]:
    """The network's inputs for these frames: their keys and, given that of the frames before, their copy context.

    The copy context is the frame that followed the longest earlier match of the piece's end, and log(1 + frames of the
    match). Also returns the copy context after these frames.
    """
    if copy_context is None:
        return frames.astype(np.float32), None
    found = np.zeros((len(frames), COPY_SIZE), dtype=np.float32)
    for time in range(len(frames)):
        copy_context = copy_context.after(frames[time : time + 1])
        following, length = copy_context.match
        found[time, :NUM_KEYS], found[time, NUM_KEYS:] = following[0], np.log1p(length[0])
    return np.concatenate([frames.astype(np.float32), found], axis=1), copy_context
