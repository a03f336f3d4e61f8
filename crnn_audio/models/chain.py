"""The tokens of a row, drawn one after the other: each column hears the frame and the columns before it.

By the chain rule the product of its softmaxes is the joint probability of the row, so that the notes of a chord know of
one another (as in RNN-NADE, Boulanger-Lewandowski, Bengio and Vincent 2012, by voices in place of keys).
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
class Drawing:
    """Rows while they are drawn: the hidden layer of each column, and of voices what is known of their chord."""

    hidden: Float[Tensor, "B U P M"]
    chord: Chord | None


class ChainHead(nn.Module):
    """One hidden layer and a softmax for each column of a row.

    What column p hears is A_p h + sum over q < p of E_pq[token q], through a ReLU; a voice hears by intervals, too.

    Args:
        sizes: tokens of each column, whose ids are 1 to that number.
        hidden_size: units of each column's hidden layer.
        voices: columns of pitches whose intervals count, in the order of their places.
        interval_gain: of these (see `Intervals`).
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

    def forward(self, frames: Float[Tensor, "B U H"]) -> Float[Tensor, "B U D"]:
        """What the frame says to each column's hidden layer, side by side: what a row is drawn from."""
        drive: Tensor = self.drive(frames)
        return drive if drive.dtype.itemsize >= 4 else drive.float()

    def begun(self, drive: Float[Tensor, "B U D"], known: Int[Tensor, "B U N"]) -> Drawing:
        """Rows before any token of them is drawn; `known` is what the front reads, in which voices find pitches."""
        hidden = drive.reshape(*drive.shape[:2], len(self.sizes), self.hidden_size)
        return Drawing(hidden, Chord.of(known, self.voices) if self.voices else None)

    def log_probs(self, drawing: Drawing, place: int) -> Float[Tensor, "B U V"]:
        """Of the tokens of a column, the first of which has id 1, once those before it have been told."""
        hidden, chord = drawing.hidden[:, :, place], drawing.chord
        intervals = self._intervals(place)
        if intervals is None or chord is None:
            logits: Tensor = self.softmax[place](self.dropout(F.relu(hidden)))
        else:
            rows = intervals.rows_of(chord)
            hidden = self.dropout(F.relu(hidden + intervals.heard(rows)))
            logits = self.softmax[place](hidden) + intervals.gains(hidden, chord, rows)
        return logits.log_softmax(dim=-1)

    def told(self, drawing: Drawing, place: int, tokens: Int[Tensor, "B U"]) -> Drawing:
        """The same after a column's tokens are known."""
        if place == len(self.sizes) - 1:
            return drawing
        hidden, chord, intervals = drawing.hidden, drawing.chord, self._intervals(place)
        later = self.earlier[place](tokens).reshape(*tokens.shape, -1, self.hidden_size)
        if intervals is not None and chord is not None:
            chord = chord.with_voice(intervals.index, intervals.voice, tokens)
        return Drawing(torch.cat([hidden[:, :, : place + 1], hidden[:, :, place + 1 :] + later], dim=2), chord)

    def losses(
        self, drive: Float[Tensor, "B U D"], known: Int[Tensor, "B U N"], tokens: Int[Tensor, "B U P"]
    ) -> Float[Tensor, "B U P"]:
        """Negative log-likelihood of each token in nats, given those before it in its row; id 0 (padding) has none."""
        drawing, found = self.begun(drive, known), list[Tensor]()
        for place in range(len(self.sizes)):
            own = tokens[:, :, place]
            picked = self.log_probs(drawing, place).gather(-1, (own - 1).clamp(min=0).unsqueeze(-1)).squeeze(-1)
            found.append(torch.where(own > 0, -picked, 0.0))
            drawing = self.told(drawing, place, own)
        return torch.stack(found, dim=-1)

    def _intervals(self, place: int) -> Intervals | None:
        for intervals in self.intervals:
            assert isinstance(intervals, Intervals), "it holds nothing else"
            if intervals.voice.place == place:
                return intervals
        return None
