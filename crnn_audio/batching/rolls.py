"""Batches of piano rolls: what is heard of the frames of a span of rows, and the frame that follows each of them."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float

from crnn_audio.batching.rows import Span, whole_spans
from crnn_audio.symbolic.pianoroll import NUM_KEYS, Roll
from crnn_audio.symbolic.recall import Recall
from crnn_audio.types import RollBatch

Heard = Float[np.ndarray, "_ F"]
NUM_RECALLED = NUM_KEYS + 1
"""Numbers of a frame that tell what came where the piece was longest as it is now."""


def nothing_yet() -> Recall:
    """What is recalled before a piece."""
    return Recall.of_nothing(1, NUM_KEYS, together=True)


def hear(frames: Roll, recall: Recall | None = None) -> tuple[Heard, Recall | None]:
    """What the network hears of these frames: their keys, and after `recall` of those before them what may follow.

    That is the frame that came where the piece was longest as it is now, and log(1 + frames for which it was so). What
    is recalled after these frames comes back, too.
    """
    if recall is None:
        return frames.astype(np.float32), None
    found = np.zeros((len(frames), NUM_RECALLED), dtype=np.float32)
    for time in range(len(frames)):
        recall = recall.after(frames[time : time + 1])
        came, agreed = recall.found
        found[time, :NUM_KEYS], found[time, NUM_KEYS:] = came[0], np.log1p(agreed[0])
    return np.concatenate([frames.astype(np.float32), found], axis=1), recall


def all_heard(rolls: Sequence[Roll], recall: bool) -> list[Heard]:
    """The same of whole pieces."""
    return [hear(roll, nothing_yet() if recall else None)[0] for roll in rolls]


def batch(
    rolls: Sequence[Roll], names: Sequence[str], spans: Sequence[Span], heard: Sequence[Heard] | None = None
) -> RollBatch:
    """The spans side by side, padded with silence; what is heard of the rolls is by default their keys."""
    frames, longest = heard or all_heard(rolls, recall=False), max(span.length for span in spans)
    sounds = np.zeros((len(spans), longest, frames[0].shape[1]), dtype=np.float32)
    following = np.zeros((len(spans), longest, NUM_KEYS), dtype=np.float32)
    for row, span in enumerate(spans):
        end = span.start + span.length
        sounds[row, : span.length] = frames[span.index][span.start : end]
        following[row, : span.length] = rolls[span.index][span.start + 1 : end + 1]
    return RollBatch(
        heard=torch.from_numpy(sounds),
        next=torch.from_numpy(following),
        lengths=torch.tensor([span.length for span in spans]),
        begins=torch.tensor([span.start == 0 for span in spans]),
        cut_ids=tuple(names[span.index] for span in spans),
    )


def whole_batches(
    rolls: Sequence[Roll], names: Sequence[str], rows: int, *, recall: bool = False
) -> Iterator[RollBatch]:
    """Every piece once and whole, the longest first, for judging."""
    heard = all_heard(rolls, recall)
    for spans in whole_spans([len(roll) for roll in rolls], rows):
        yield batch(rolls, names, spans, heard)
