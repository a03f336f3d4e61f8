"""Batches, padded and with their lengths, and results with their units.

Axes: B batch, S samples, T frames in, U frames out, F bins, L target tokens, V vocabulary, D features of a stack.
Everything past an item's length is padding, and no result may depend on it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor


@dataclass(frozen=True)
class AudioBatch:
    """Waveforms in [-1, 1] at one sample rate (samples per second), padded with zeros; lengths in samples."""

    waveforms: Float[Tensor, "B S"]
    lengths: Int[Tensor, " B"]
    sample_rate: int

    def to(self, device: torch.device) -> "AudioBatch":
        """The same on a device."""
        return replace(self, waveforms=self.waveforms.to(device), lengths=self.lengths.to(device))


@dataclass(frozen=True)
class TokenBatch:
    """Token ids, padded with the blank (0); lengths in tokens."""

    tokens: Int[Tensor, "B L"]
    lengths: Int[Tensor, " B"]


@dataclass(frozen=True)
class SpeechBatch:
    """Utterances with their transcripts; `keys` seed each utterance's random draws in this epoch."""

    audio: AudioBatch
    targets: TokenBatch
    cut_ids: tuple[str, ...]
    keys: tuple[int, ...]
    epoch: int

    @property
    def size(self) -> int:
        """Utterances."""
        return len(self.cut_ids)

    @property
    def amount(self) -> float:
        """Seconds of speech, padding not counted."""
        return int(self.audio.lengths.sum()) / self.audio.sample_rate

    @property
    def padded_amount(self) -> float:
        """Seconds of speech and padding."""
        return self.audio.waveforms.numel() / self.audio.sample_rate

    def to(self, device: torch.device) -> "SpeechBatch":
        """The same on a device; from pinned memory the copy does not wait for it."""
        return self._each(partial(Tensor.to, device=device, non_blocking=True))

    def pin_memory(self) -> "SpeechBatch":
        """The same in memory that a GPU copies from by itself; the loader calls this."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "SpeechBatch":
        sound, targets = self.audio, self.targets
        return replace(
            self,
            audio=AudioBatch(change(sound.waveforms), change(sound.lengths), sound.sample_rate),
            targets=TokenBatch(change(targets.tokens), change(targets.lengths)),
        )


@dataclass(frozen=True)
class SequenceBatch:
    """Sequences or parts of them, one a row: inputs, the target after each, and how much each loss counts.

    Weights are those of the losses, one for each or for each of their columns: 0 for padding and for what is not to be
    predicted. `begins` says which rows are at the beginning of a sequence, where the state is zero.
    """

    inputs: Num[Tensor, "B T N"]
    targets: Num[Tensor, "B T *P"]
    weights: Float[Tensor, "B T *W"]
    lengths: Int[Tensor, " B"]
    begins: Bool[Tensor, " B"]
    cut_ids: tuple[str, ...]

    @property
    def size(self) -> int:
        """Losses that count: frames or tokens."""
        return int(self.weights.sum())

    @property
    def amount(self) -> float:
        """Inputs, padding not counted."""
        return float(self.lengths.sum())

    @property
    def padded_amount(self) -> float:
        """Inputs and padding."""
        return float(self.inputs.shape[0] * self.inputs.shape[1])

    def to(self, device: torch.device) -> "SequenceBatch":
        """The same on a device."""
        names = ("inputs", "targets", "weights", "lengths", "begins")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


@dataclass(frozen=True)
class PairBatch:
    """Pairs of token sequences; the targets without the end, which is the token 0."""

    sources: Int[Tensor, "B T"]
    source_lengths: Int[Tensor, " B"]
    targets: Int[Tensor, "B L"]
    target_lengths: Int[Tensor, " B"]
    cut_ids: tuple[str, ...]

    @property
    def size(self) -> int:
        """Losses that count: target tokens and ends."""
        return int(self.target_lengths.sum()) + len(self.cut_ids)

    @property
    def amount(self) -> float:
        """Target tokens and ends."""
        return float(self.size)

    @property
    def padded_amount(self) -> float:
        """The same with padding."""
        return float(len(self.cut_ids) * (self.targets.shape[1] + 1))

    def to(self, device: torch.device) -> "PairBatch":
        """The same on a device."""
        names = ("sources", "source_lengths", "targets", "target_lengths")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


@dataclass(frozen=True)
class Encoded:
    """Frames out of a part of the model and how many of them are real; of a whole `Crnn`, the head's outputs.

    `intermediate` holds the log-probabilities of intermediate CTC heads, where the model has them; `hidden` the frames
    that the head of a `Crnn` has read.
    """

    frames: Float[Tensor, "B U D"]
    lengths: Int[Tensor, " B"]
    intermediate: tuple[Float[Tensor, "B U V"], ...] = ()
    hidden: Float[Tensor, "B _ H"] | None = None
