"""The tokens of a row, predicted one after the other: each column depends on the frame and the columns before it.

By the chain rule the product of the softmaxes is the joint probability of the row, so that the notes of a chord depend
on one another (as in RNN-NADE, Boulanger-Lewandowski, Bengio and Vincent 2012, by voices in place of keys).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.models.intervals import Chord, Intervals
from crnn_audio.symbolic.representation import PitchColumn


@dataclass(frozen=True)
class RowState:
    """Rows of which some columns are known: the input of each column's hidden layer, and the chord of the voices."""

    hidden: Float[Tensor, "B U P M"]
    chord: Chord | None


class AutoregressiveHead(nn.Module):
    """One hidden layer and a softmax for each column of a row.

    The hidden layer of column p is ReLU(A_p h + sum over q < p of E_pq[token q]); columns of voices add intervals.

    Args:
        sizes: tokens of each column, whose ids are 1 to that number.
        hidden_size: units of each column's hidden layer.
        voices: columns of pitches that use intervals (see `Intervals`), in the order of their columns.
        interval_gain: of these.
    """

    def __init__(
        self,
        input_size: int,
        sizes: Sequence[int],
        hidden_size: int = 128,
        dropout: float = 0.0,
        voices: Sequence[PitchColumn] = (),
        interval_gain: float = 4.0,
    ) -> None:
        super().__init__()
        count = len(sizes)
        self.sizes = tuple(sizes)
        self.hidden_size = hidden_size
        self.drive = nn.Linear(input_size, count * hidden_size)
        self.earlier = nn.ModuleList(
            nn.Embedding(size + 1, (count - 1 - place) * hidden_size) for place, size in enumerate(sizes[:-1])
        )
        self.dropout = nn.Dropout(dropout)
        self.softmax = nn.ModuleList(nn.Linear(hidden_size, size) for size in sizes)
        self.voices = tuple(voices)
        self.intervals = nn.ModuleList(
            Intervals(self.voices, index, sizes[voice.place], hidden_size, interval_gain)
            for index, voice in enumerate(self.voices)
        )

    def forward(self, frames: Float[Tensor, "B U H"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B U D"]:
        """The frame's part of the input of each column's hidden layer, side by side, float32 at the least."""
        outputs: Tensor = self.drive(frames)
        return outputs if outputs.dtype.itemsize >= 4 else outputs.float()

    def begin(self, frames: Float[Tensor, "B U D"], inputs: Int[Tensor, "B U N"]) -> RowState:
        """Rows of which no column is known; in `inputs`, which the front has read, voices find earlier pitches."""
        hidden = frames.reshape(*frames.shape[:2], len(self.sizes), self.hidden_size)
        return RowState(hidden, Chord.of(inputs, self.voices) if self.voices else None)

    def log_probs(self, state: RowState, place: int) -> Float[Tensor, "B U V"]:
        """Of the tokens of a column, the first of which has id 1, given those of the columns before it."""
        hidden, chord = state.hidden[:, :, place], state.chord
        intervals = self._intervals(place)
        if intervals is None or chord is None:
            logits: Tensor = self.softmax[place](self.dropout(F.relu(hidden)))
        else:
            rows = intervals.rows_of(chord)
            hidden = self.dropout(F.relu(hidden + intervals.hidden(rows)))
            logits = self.softmax[place](hidden) + intervals.gains(hidden, chord, rows)
        return logits.log_softmax(dim=-1)

    def with_tokens(self, state: RowState, place: int, tokens: Int[Tensor, "B U"]) -> RowState:
        """The same rows with the tokens of the next column."""
        if place == len(self.sizes) - 1:
            return state
        hidden, chord, intervals = state.hidden, state.chord, self._intervals(place)
        later = self.earlier[place](tokens).reshape(*tokens.shape, -1, self.hidden_size)
        if intervals is not None and chord is not None:
            chord = chord.with_voice(intervals.index, intervals.voice, tokens)
        return RowState(torch.cat([hidden[:, :, : place + 1], hidden[:, :, place + 1 :] + later], dim=2), chord)

    def losses(
        self, frames: Float[Tensor, "B U D"], inputs: Int[Tensor, "B U N"], targets: Int[Tensor, "B U P"]
    ) -> Float[Tensor, "B U P"]:
        """Negative log-likelihood of each token in nats, given those before it in its row; id 0 (padding) has none."""
        state, losses = self.begin(frames, inputs), list[Tensor]()
        for place in range(len(self.sizes)):
            own = targets[:, :, place]
            picked = self.log_probs(state, place).gather(-1, (own - 1).clamp(min=0).unsqueeze(-1)).squeeze(-1)
            losses.append(torch.where(own > 0, -picked, 0.0))
            state = self.with_tokens(state, place, own)
        return torch.stack(losses, dim=-1)

    def _intervals(self, place: int) -> Intervals | None:
        for intervals in self.intervals:
            assert isinstance(intervals, Intervals), "it holds nothing else"
            if intervals.voice.place == place:
                return intervals
        return None
