"""Features of sound that arrives piece by piece, equal to those of the whole.

A frame is a function of the samples under its window, and only windows at the two ends are mirrored. So the next frames
are computed from samples that begin some frames earlier: the frames that its cut edges spoil are dropped.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from crnn_audio.errors import StreamError
from crnn_audio.features.normalize import Normalizer
from crnn_audio.features.spectrogram import FrontEnd


@dataclass(frozen=True)
class SoundCarry:
    """Sound that later frames need: samples from frame `first`'s time on; frames before `next_frame` are done."""

    samples: Float[Tensor, "1 S"]
    first: int = 0
    next_frame: int = 0


def refuse_unless_streamable(front_end: FrontEnd, normalizer: Normalizer) -> None:
    """Refuses what needs the whole recording.

    Raises:
        StreamError: names which part it is.
    """
    if not front_end.streamable:
        raise StreamError(
            f"{type(front_end).__name__} features are computed from whole recordings; use fbank, "
            "log_mel or mfcc in a recipe that should stream."
        )
    if not normalizer.streamable:
        raise StreamError("normalisation over the utterance needs its end; use features.normalize=global or none.")


def step(
    front_end: FrontEnd, samples: Float[Tensor, "1 S"], carry: SoundCarry | None, *, last: bool = False
) -> tuple[Float[Tensor, "1 T F"], SoundCarry]:
    """The frames that these next samples complete, and what later frames need; `last` marks the end of the sound."""
    sound = samples if carry is None else torch.cat([carry.samples, samples], dim=1)
    first, done = (0, 0) if carry is None else (carry.first, carry.next_frame)
    hop = front_end.hop_length
    available = sound.shape[1]
    known = available - front_end.look_ahead_samples
    if last:
        ready = first + int(front_end.num_frames(available))
    else:  # a window of odd length reaches one sample farther back, so the first one's mirror needs one more
        ready = max(first + known // hop + 1, done) if known > 0 else done
    if ready <= done or available == 0:
        return sound.new_zeros(1, 0, front_end.num_features), SoundCarry(sound, first, done)
    features, _ = front_end(sound, torch.tensor([available], device=sound.device))
    needed = max(ready - _spoiled(front_end), 0)
    kept = SoundCarry(sound[:, (needed - first) * hop :], needed, ready)
    return features[:, done - first : ready - first], kept


def _spoiled(front_end: FrontEnd) -> int:
    """Frames at the beginning whose windows reach before it: a whole window's worth, rounded up, and one."""
    return -(-2 * front_end.look_ahead_samples // front_end.hop_length) + 1
