"""How a voice's next pitch depends on the pitches with it and before it: by intervals, the same in every key.

A softmax over pitches alone must learn each chord again in every key. Here the hidden layer of a voice weighs distances
in place of pitches: from the voice's last note, from each other voice as far as it is known in the new row, from the
copy context. Each step of two voices from one interval to another has a weight of its own, which parallels need.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.symbolic.representation import PitchColumn

OCTAVE = 12
CLASSES = OCTAVE + 1
"""Intervals modulo an octave, after 0 where one of two pitches is missing."""
MOTIONS = 4
"""Of a voice into the new row: not known (or silent), held or repeated, up, down."""


@dataclass(frozen=True)
class Chord:
    """Of each voice the pitch before a row, the pitch in it as far as it is known, and those of the copy context.

    Pitches are counted from the lowest, 0; -1 is none. `earlier` has the interval of each voice with each other before
    the row.
    """

    before: Int[Tensor, "B U Q"]
    now: Int[Tensor, "B U Q"]
    copied: tuple[Int[Tensor, "B U R"], ...]
    earlier: Int[Tensor, "B U Q Q"]

    @classmethod
    def of(cls, inputs: Int[Tensor, "B U N"], voices: Sequence[PitchColumn]) -> "Chord":
        """The chords before rows are predicted, from the front's inputs for them."""
        before = torch.stack([inputs[:, :, one.before] - one.first_pitch for one in voices], dim=-1).clamp(min=-1)
        copied = tuple((inputs[:, :, list(one.copied)] - one.first_pitch).clamp(min=-1) for one in voices)
        earlier = _interval(before.unsqueeze(-1), before.unsqueeze(-2))
        chord = cls(before, torch.full_like(before, -1), copied, earlier)
        for index, voice in enumerate(voices):
            if voice.fixed is not None:
                chord = chord.with_voice(index, voice, inputs[:, :, voice.fixed])
        return chord

    def with_voice(self, index: int, voice: PitchColumn, tokens: Int[Tensor, "B U"]) -> "Chord":
        """The same with a voice's token in the new row."""
        pitches = (tokens - voice.first_pitch).clamp(min=-1)
        if voice.hold:
            pitches = torch.where(tokens == voice.hold, self.before[:, :, index], pitches)
        now = self.now.clone()
        now[:, :, index] = pitches
        return replace(self, now=now)


class Intervals(nn.Module):
    """One voice of a chord: inputs from the other voices, and gains of its tokens by their distances from them.

    Its tables have many rows for each other voice, or for each two of them, one after the other: one large look-up is
    faster than several small ones.

    Args:
        voices: of the chord, with the same tokens.
        index: the voice's place among them.
        num_tokens: of its column.
        hidden_size: units of its hidden layer.
        gain: factor of the weights of steps; a higher one learns steps that are rare or never occur sooner.
    """

    others: Tensor
    uppers: Tensor
    lowers: Tensor
    table_starts: Tensor
    apart: Tensor
    classes: Tensor

    def __init__(
        self, voices: Sequence[PitchColumn], index: int, num_tokens: int, hidden_size: int, gain: float = 4.0
    ) -> None:
        super().__init__()
        self.voice, self.index, self.gain = voices[index], index, gain
        num_pitches = num_tokens - self.voice.first_pitch + 1
        others = [place for place in range(len(voices)) if place != index]
        self.num_others, self.num_references = len(others), len(voices) + len(self.voice.copied)
        pairs, num_moves = list(combinations(others, 2)), CLASSES * MOTIONS
        starts = [num_moves * place for place in range(len(others))]
        starts += [num_moves * len(others) + CLASSES * place for place in range(len(pairs))]
        self.vectors = nn.Parameter(torch.randn(num_moves * len(others) + CLASSES * len(pairs), hidden_size).mul_(0.3))
        self.distances = nn.Linear(hidden_size, self.num_references * (2 * num_pitches - 1), bias=False)
        self.steps = nn.Parameter(torch.zeros(num_moves * len(others), OCTAVE))
        furthest = num_pitches - 1
        fixed = {
            "others": others,
            "uppers": [upper for upper, _ in pairs],
            "lowers": [lower for _, lower in pairs],
            "table_starts": starts,
            "apart": range(furthest, furthest + num_pitches),
            "classes": [distance % OCTAVE for distance in range(-furthest, furthest + 1)],
        }
        for name, numbers in fixed.items():
            self.register_buffer(name, torch.tensor(numbers, dtype=torch.long), persistent=False)

    def rows_of(self, chord: Chord) -> Int[Tensor, "B U W"]:
        """The tables' rows for the motion of each other voice against this one, and for the chord of each two."""
        before, now = (one.index_select(-1, self.others) for one in (chord.before, chord.now))
        earlier = chord.earlier[:, :, self.index].index_select(-1, self.others)
        motion = (1 + (now != before).long() + (now < before)) * (now >= 0)
        sounding = _interval(chord.now.index_select(-1, self.uppers), chord.now.index_select(-1, self.lowers))
        return torch.cat([earlier * MOTIONS + motion, sounding], dim=-1) + self.table_starts

    def hidden(self, rows: Int[Tensor, "B U W"]) -> Float[Tensor, "B U M"]:
        """What is added to the hidden layer, by the motion of the known voices against this one and their chord."""
        return F.embedding(rows, self.vectors).sum(dim=2)

    def gains(self, hidden: Float[Tensor, "B U M"], chord: Chord, rows: Int[Tensor, "B U W"]) -> Float[Tensor, "B U V"]:
        """What is added to the logits of the voice's tokens; a held note counts as its pitch does, among the others.

        A pitch gains by its distance from each known reference: the voice's last note, the other voices, the copy
        context; with the others also by the interval that it makes with them and the interval before it.
        """
        own = chord.before[:, :, self.index : self.index + 1]
        references = torch.cat([own, chord.now.index_select(-1, self.others), chord.copied[self.index]], dim=-1)
        weights = self.distances(hidden).reshape(*references.shape, -1)
        steps = F.embedding(rows[:, :, : self.num_others], self.steps).index_select(-1, self.classes)
        weights = weights + F.pad(self.gain * steps, (0, 0, 1, self.num_references - 1 - self.num_others))
        distances = self.apart - references.clamp(min=0).unsqueeze(-1)
        found = weights.gather(-1, distances) * (references >= 0).unsqueeze(-1)
        gains = F.pad(found.sum(dim=2), (self.voice.first_pitch - 1, 0))
        if self.voice.hold:
            held = found[:, :, 1 : 1 + self.num_others].sum(dim=2).gather(-1, own.clamp(min=0)) * (own >= 0)
            gains[:, :, self.voice.hold - 1] = held.squeeze(-1)
        return gains


def _interval(upper: Int[Tensor, "..."], lower: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """1 and up by semitones without octaves, 0 where a pitch is missing."""
    return (1 + (upper - lower) % OCTAVE) * (torch.minimum(upper, lower) >= 0)
