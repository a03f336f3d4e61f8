"""How a voice's next pitch hangs on what sounds with it and before it: by intervals, so that one key teaches all.

A softmax over pitches alone must learn each chord again in every key. Here the hidden layer of a voice weighs distances
in place of pitches: from the voice's last note, from each other voice as far as it is known in the new row, from what
is recalled. Which step of two voices leads from which interval to which has a weight of its own, as parallels need.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.symbolic.representation import PitchColumn

OCTAVE = 12
CLASSES = OCTAVE + 1
"""Intervals without octaves, after 0 where one of two pitches is missing."""
GAIN = 4.0
"""How much a weight of a step counts: what is rare and never allowed is learned as soon as what is common."""
MOTIONS = 4
"""Of a voice into the new row: not known (or silent), held or repeated, up, down."""


@dataclass(frozen=True)
class Chord:
    """Of each voice the pitch before a row, that in it as far as it is known, and those recalled.

    Pitches are counted from the lowest, 0; below it there is none.
    """

    before: Int[Tensor, "B U Q"]
    now: Int[Tensor, "B U Q"]
    recalled: tuple[Int[Tensor, "B U R"], ...]

    @classmethod
    def of(cls, known: Int[Tensor, "B U N"], voices: Sequence[PitchColumn]) -> "Chord":
        """What is known before rows are drawn."""
        before = torch.stack([known[:, :, one.before] - one.first_pitch for one in voices], dim=-1).clamp(min=-1)
        recalled = tuple((known[:, :, list(one.recalled)] - one.first_pitch).clamp(min=-1) for one in voices)
        chord = cls(before, torch.full_like(before, -1), recalled)
        for index, voice in enumerate(voices):
            if voice.given is not None:
                chord = chord.with_voice(index, voice, known[:, :, voice.given])
        return chord

    def with_voice(self, index: int, voice: PitchColumn, tokens: Int[Tensor, "B U"]) -> "Chord":
        """The same with a voice's token in the new row."""
        pitches = (tokens - voice.first_pitch).clamp(min=-1)
        if voice.goes_on:
            pitches = torch.where(tokens == voice.goes_on, self.before[:, :, index], pitches)
        now = [pitches if place == index else one for place, one in enumerate(self.now.unbind(-1))]
        return replace(self, now=torch.stack(now, dim=-1))


class Intervals(nn.Module):
    """What one voice of a chord hears of the others, and what its tokens gain by their distances from what sounds.

    Args:
        voices: of the chord, alike in their tokens.
        index: which of them this is.
        num_tokens: of its column.
        hidden_size: units of its hidden layer.
    """

    def __init__(self, voices: Sequence[PitchColumn], index: int, num_tokens: int, hidden_size: int) -> None:
        super().__init__()
        self.voice, self.index = voices[index], index
        self.num_pitches = num_tokens - self.voice.first_pitch + 1
        self.others = [place for place in range(len(voices)) if place != index]
        self.pairs = list(combinations(self.others, 2))
        self.num_references = 1 + len(self.others) + len(self.voice.recalled)
        self.moves = _vectors(len(self.others), CLASSES * MOTIONS, hidden_size)
        self.chords = _vectors(len(self.pairs), CLASSES, hidden_size)
        self.distances = nn.Linear(hidden_size, self.num_references * (2 * self.num_pitches - 1), bias=False)
        self.steps = nn.ParameterList(torch.zeros(CLASSES * MOTIONS, OCTAVE) for _ in self.others)

    def heard(self, chord: Chord) -> Float[Tensor, "B U M"] | float:
        """What the hidden layer is told: how the known voices moved against this one, and the chord that they make."""
        upper, lower = ([pair[place] for pair in self.pairs] for place in (0, 1))
        sounding = _interval(chord.now[:, :, upper], chord.now[:, :, lower])
        told = [*zip(self.moves, self._moves(chord).unbind(-1), strict=True)]
        told += zip(self.chords, sounding.unbind(-1), strict=True)
        return sum((vectors(ids) for vectors, ids in told), start=0.0)

    def gains(self, hidden: Float[Tensor, "B U M"], chord: Chord) -> Float[Tensor, "B U V"]:
        """What is added to the logits of the voice's tokens; a held note counts as its pitch does, among the others."""
        own = chord.before[:, :, self.index]
        references = torch.cat([own.unsqueeze(-1), chord.now[:, :, self.others], chord.recalled[self.index]], dim=-1)
        by_distance = self._by_distance(self.distances(hidden), references)
        among = 1 + len(self.others)
        harmony = by_distance[:, :, 1:among].sum(dim=2) + self._by_step(chord)
        pitches = by_distance[:, :, 0] + by_distance[:, :, among:].sum(dim=2) + harmony
        rest = [pitches.new_zeros(own.shape) for _ in range(self.voice.first_pitch - 1)]
        if self.voice.goes_on:
            held = harmony.gather(-1, own.clamp(min=0).unsqueeze(-1))[:, :, 0]
            rest[self.voice.goes_on - 1] = torch.where(own >= 0, held, 0.0)
        return torch.cat([torch.stack(rest, dim=-1), pitches], dim=-1)

    def _moves(self, chord: Chord) -> Int[Tensor, "B U O"]:
        """For each other voice from which interval it moved, and whither."""
        before, now = chord.before[:, :, self.others], chord.now[:, :, self.others]
        motion = torch.where(now == before, 1, torch.where(now > before, 2, 3))
        interval = _interval(chord.before[:, :, self.index].unsqueeze(-1), before)
        return interval * MOTIONS + torch.where(now >= 0, motion, 0)

    def _by_distance(
        self, weights: Float[Tensor, "B U W"], references: Int[Tensor, "B U R"]
    ) -> Float[Tensor, "B U R K"]:
        """Each pitch's weight by its distance from each reference; none where that is missing."""
        apart = torch.arange(self.num_pitches, device=references.device) - references.unsqueeze(-1)
        index = (apart + self.num_pitches - 1).clamp(0, 2 * self.num_pitches - 2)
        found = weights.reshape(*references.shape, 2 * self.num_pitches - 1).gather(-1, index)
        return torch.where(references.unsqueeze(-1) >= 0, found, 0.0)

    def _by_step(self, chord: Chord) -> Float[Tensor, "B U K"] | float:
        """Each pitch's weight by the intervals that it makes with others, and those that they come from."""
        if not self.others:
            return 0.0
        now = chord.now[:, :, self.others].unsqueeze(-1)
        weights = torch.stack(
            [table[ids] for table, ids in zip(self.steps, self._moves(chord).unbind(-1), strict=True)], dim=2
        )
        apart = (torch.arange(self.num_pitches, device=now.device) - now) % OCTAVE
        return GAIN * (weights.gather(-1, apart) * (now >= 0)).sum(dim=2)


def _vectors(count: int, num_ids: int, size: int) -> nn.ModuleList:
    """So many tables of small vectors."""
    tables = nn.ModuleList(nn.Embedding(num_ids, size) for _ in range(count))
    for vectors in tables.parameters():
        nn.init.normal_(vectors, std=0.3)
    return tables


def _interval(upper: Int[Tensor, "B U _"], lower: Int[Tensor, "B U N"]) -> Int[Tensor, "B U N"]:
    return torch.where((upper >= 0) & (lower >= 0), 1 + (upper - lower) % OCTAVE, 0)
