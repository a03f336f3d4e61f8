"""The CRNN: a front reads features, recurrent layers carry a state along time, a head makes outputs of it.

    features  (B, T, F)   fbank frames, 100 a second; or rows of tokens, of a text one a row
    front     (B, U, D)   convolutions; U is about T / subsampling_factor; or vectors of tokens
    recurrent (B, U, H)   simple RNN, LSTM, GRU or TCN layers, one- or bidirectional
    head      (B, U, V)   log-probabilities of tokens, blank first (CTC); or what the next token, piano keys or row of
                          tokens are predicted from: the head computes losses and samples from it; or (B, 1, K), the
                          logits of classes of the whole sequence

`forward` takes whole padded sequences. `step` takes the next piece of a running one and hands its state back, so that a
one-directional model gives the same output whether it is fed a file or a microphone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor, nn

from crnn_audio.errors import StreamError
from crnn_audio.lengths import ReceptiveField
from crnn_audio.models.conv import ConvFront
from crnn_audio.models.embedding import RowFront
from crnn_audio.models.heads import Head
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.models.tokens import TokenFront
from crnn_audio.types import Encoded


@dataclass(frozen=True)
class Carry:
    """The state of running sequences: tensors of the front and of the recurrent layers, batch first.

    Zeros are the state of a sequence that has not begun (for fronts that pad only before the sequence).
    """

    front: tuple[Tensor, ...]
    recurrent: tuple[Tensor, ...]

    def restarted(self, begins: Bool[Tensor, " B"]) -> "Carry":
        """The detached state for the next batch: zero in rows that begin a new sequence.

        The next batch may have fewer rows (the length of `begins`); the last rows are dropped then.
        """

        def row_wise(state: Tensor) -> Tensor:
            going_on = state[: len(begins)].detach().to(begins.device)
            return going_on.masked_fill(begins.reshape(-1, *(1,) * (state.dim() - 1)), 0)

        return Carry(tuple(map(row_wise, self.front)), tuple(map(row_wise, self.recurrent)))

    def named(self) -> dict[str, Tensor]:
        """Its tensors by part and position, as "recurrent.0", to save them in a file; `of_named` is the inverse."""
        parts = {"front": self.front, "recurrent": self.recurrent}
        return {
            f"{part}.{index}": one.detach().clone()
            for part, states in parts.items()
            for index, one in enumerate(states)
        }

    @classmethod
    def of_named(cls, tensors: Mapping[str, Tensor]) -> "Carry":
        """The carry whose tensors have these names."""

        def states(part: str) -> tuple[Tensor, ...]:
            return tuple(tensors[f"{part}.{index}"] for index in range(sum(name.startswith(part) for name in tensors)))

        return cls(states("front"), states("recurrent"))


Front: TypeAlias = ConvFront | RowFront | TokenFront


class Crnn(nn.Module):
    """Front, recurrent layers and head in a row (Shi, Bai and Yao 2015; with CTC: Graves et al. 2006)."""

    def __init__(self, front: Front, recurrent: Recurrent, head: Head) -> None:
        super().__init__()
        self.front = front
        self.recurrent = recurrent
        self.head = head

    def forward(self, features: Num[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Encoded:
        """Outputs for whole sequences; frames past an item's length are zeros and influence nothing."""
        return self.from_front(self.front(features, lengths))

    def from_front(self, frames: Encoded) -> Encoded:
        """Outputs of recurrent layers and head for whole sequences that have been through the front."""
        encoded = self.recurrent(frames)
        outputs = self.head(encoded.frames, encoded.lengths)
        lengths = encoded.lengths.clamp(max=outputs.shape[1])  # a head that pools gives one frame of a sequence
        return Encoded(outputs, lengths, encoded.intermediate, encoded.frames)

    def step(
        self, features: Num[Tensor, "B t F"], carry: Carry | None = None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B u V"], Carry]:
        """The outputs that these next frames make possible, and the state for the frames after them.

        Pieces of any size, down to a frame; `last` says that the sequence ends here and releases what waited for
        look-ahead. The pieces' outputs, joined, equal `forward` on the whole.

        Raises:
            StreamError: the recurrent layers are bidirectional, so no output is known before the end.
        """
        if self.recurrent.bidirectional:
            raise StreamError("a bidirectional model reads its input backwards too and cannot run step by step.")
        frames, front = self.front.step(features, carry.front if carry else None, last=last)
        frames, recurrent = self.recurrent.step(frames, carry.recurrent if carry else None, last=last)
        lengths = torch.full(frames.shape[:1], frames.shape[1], device=frames.device)
        return self.head(frames, lengths), Carry(front, recurrent)

    @property
    def subsampling_factor(self) -> int:
        """Input frames per output frame."""
        return self.front.receptive_field.stride

    @property
    def receptive_field(self) -> ReceptiveField:
        """Which input frames one output frame of the front sees; the recurrent layers add all of the past."""
        return self.front.receptive_field

    @property
    def look_ahead(self) -> int | None:
        """Input frames after its own that an output waits for; None where it waits for the whole sequence."""
        if self.recurrent.bidirectional:
            return None
        beyond = self.recurrent.look_ahead.frames if self.recurrent.look_ahead else 0
        return self.front.receptive_field.right + beyond * self.subsampling_factor

    @property
    def past_frames(self) -> int | None:
        """Input frames before its own that an output depends on; None where it depends on all of them."""
        reach = self.recurrent.reach
        return None if reach is None else self.front.receptive_field.left + reach * self.subsampling_factor

    @property
    def num_parameters(self) -> int:
        """Trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)

    def output_lengths(self, lengths: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
        """Frames out for that many frames in."""
        return self.front.output_lengths(lengths)
