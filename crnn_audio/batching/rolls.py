"""Batches of piano rolls: the frames of a span of rows, and the frame that follows each of them."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from crnn_audio.batching.rows import Span, whole_spans
from crnn_audio.symbolic.pianoroll import NUM_KEYS, Roll
from crnn_audio.types import RollBatch


def batch(rolls: Sequence[Roll], names: Sequence[str], spans: Sequence[Span]) -> RollBatch:
    """The spans side by side, padded with silence."""
    longest = max(span.length for span in spans)
    padded = np.zeros((len(spans), longest + 1, NUM_KEYS), dtype=np.float32)
    for row, span in enumerate(spans):
        padded[row, : span.length + 1] = rolls[span.index][span.start : span.start + span.length + 1]
    frames = torch.from_numpy(padded)
    return RollBatch(
        heard=frames[:, :-1],
        next=frames[:, 1:],
        lengths=torch.tensor([span.length for span in spans]),
        begins=torch.tensor([span.start == 0 for span in spans]),
        cut_ids=tuple(names[span.index] for span in spans),
    )


def whole_batches(rolls: Sequence[Roll], names: Sequence[str], rows: int) -> Iterator[RollBatch]:
    """Every piece once and whole, the longest first, for judging."""
    for spans in whole_spans([len(roll) for roll in rolls], rows):
        yield batch(rolls, names, spans)
