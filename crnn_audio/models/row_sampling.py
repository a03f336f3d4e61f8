"""The autoregressive head in NumPy, to sample one row after another: the equations are those of `AutoregressiveHead`.

A row needs some hundred small operations one after the other, on which PyTorch spends more time than they take: with
`AutoregressiveHead` itself a chorale takes 1.8 times as long on a CPU and is then less than 20 times as fast as without
a carry. On a GPU each operation would wait for the one before; here a row leaves the network once.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.models.autoregressive import AutoregressiveHead
from crnn_audio.models.intervals import MOTIONS, OCTAVE, Intervals

Pitches = Int[np.ndarray, "*B"]
"""Counted from the lowest, 0; -1 is none."""


class RowSampler:
    """The distributions of a head's columns, for sampling; it shares the weights of a head on the CPU."""

    def __init__(self, head: AutoregressiveHead) -> None:
        self.hidden_size = head.hidden_size
        self.earlier = [_array(one.weight) for one in head.earlier if isinstance(one, nn.Embedding)]
        layers = [one for one in head.softmax if isinstance(one, nn.Linear)]
        self.softmax = [(one.weight.detach().cpu(), one.bias.detach().cpu()) for one in layers]
        self.voices = [Voice(one) for one in head.intervals if isinstance(one, Intervals)]
        self.voice_at = {one.column.place: one for one in self.voices}

    def begin(self, outputs: Float[np.ndarray, "B D"], inputs: Int[np.ndarray, "B N"]) -> "Row":
        """The next row of each piece, from the head's outputs and the front's inputs for it."""
        return Row(self, outputs.reshape(len(outputs), -1, self.hidden_size).copy(), inputs)


class Row:
    """The next row of each piece, sampled column by column."""

    def __init__(self, sampler: RowSampler, hidden: Float[np.ndarray, "B P M"], inputs: Int[np.ndarray, "B N"]) -> None:
        self._sampler, self._hidden = sampler, hidden
        self._place = 0
        self._chord = Chord(sampler.voices, inputs) if sampler.voices else None

    @property
    def num_columns(self) -> int:
        """Tokens of a row."""
        return len(self._sampler.softmax)

    def log_probs(self) -> Float[np.ndarray, "B V"]:
        """Of the tokens of the next column, the first of which has id 1."""
        hidden, voice = self._hidden[:, self._place], self._sampler.voice_at.get(self._place)
        if voice is None or self._chord is None:
            logits = product(np.maximum(hidden, 0), *self._sampler.softmax[self._place])
        else:
            rows = voice.rows(self._chord)
            hidden = np.maximum(hidden + voice.vectors.take(rows, axis=0).sum(axis=1), 0)
            logits = product(hidden, *self._sampler.softmax[self._place])
            voice.add_gains(logits, hidden, self._chord, rows)
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits

    def append(self, tokens: Int[np.ndarray, " B"]) -> None:
        """Sets the tokens of the column and goes on to the next."""
        voice = self._sampler.voice_at.get(self._place)
        if voice is not None and self._chord is not None:
            self._chord.set(voice, tokens)
        if self._place < len(self._sampler.earlier):
            later = self._sampler.earlier[self._place][tokens]
            self._hidden[:, self._place + 1 :] += later.reshape(len(tokens), -1, self._sampler.hidden_size)
        self._place += 1


class Chord:
    """Of each voice the pitch before the row, the pitch in it as far as it is known, and those of the copy context.

    `earlier` has the interval of each voice with each other before the row, `motion` where each has gone since.
    """

    def __init__(self, voices: Sequence["Voice"], inputs: Int[np.ndarray, "B N"]) -> None:
        first, columns = voices[0].column.first_pitch, [one.column for one in voices]
        pitches = np.maximum(inputs - first, -1)
        self.before: Pitches = pitches[:, [one.before for one in columns]]
        self.copied: list[Pitches] = [pitches[:, one.copied] for one in columns]
        self.earlier = _interval(self.before[:, :, np.newaxis], self.before[:, np.newaxis])
        self.now: Pitches = np.full_like(self.before, -1)
        self.motion = np.zeros_like(self.before)
        for voice in voices:
            if voice.column.fixed is not None and (fixed := inputs[:, voice.column.fixed]).any():
                self.set(voice, fixed)

    def set(self, voice: "Voice", tokens: Int[np.ndarray, " B"]) -> None:
        """Sets a voice's token in the row."""
        before, pitches = self.before[:, voice.index], np.maximum(tokens - voice.column.first_pitch, -1)
        if voice.column.hold:
            pitches = np.where(tokens == voice.column.hold, before, pitches)
        self.now[:, voice.index] = pitches
        self.motion[:, voice.index] = (1 + (pitches != before) + (pitches < before)) * (pitches >= 0)


class Voice:
    """`Intervals` of one voice, its references ordered so that voices sampled later come last.

    What is not known yet then costs no time.
    """

    def __init__(self, own: Intervals) -> None:
        self.column, self.index = own.voice, own.index
        self.others, self.uppers, self.lowers = map(_array, (own.others, own.uppers, own.lowers))
        self.starts, self.apart = _array(own.table_starts), _array(own.apart)
        self.vectors = _array(own.vectors)
        self.steps = own.gain * _array(own.steps)[:, _array(own.classes)]
        self.num_own = own.num_references - len(self.others)
        order = [0, *range(1 + len(self.others), own.num_references), *range(1, 1 + len(self.others))]
        weight = own.distances.weight.detach().cpu()
        self.distances = weight.reshape(own.num_references, -1, weight.shape[1])[order].flatten(0, 1)

    def rows(self, chord: Chord) -> Int[np.ndarray, "B W"]:
        """The tables' rows for the motion of each other voice against this one, and for the chord of each two."""
        moves = chord.earlier[:, self.index, self.others] * MOTIONS + chord.motion[:, self.others]
        sounding = _interval(chord.now[:, self.uppers], chord.now[:, self.lowers])
        found: np.ndarray = np.concatenate([moves, sounding], axis=1) + self.starts
        return found

    def add_gains(
        self,
        logits: Float[np.ndarray, "B V"],
        hidden: Float[np.ndarray, "B M"],
        chord: Chord,
        rows: Int[np.ndarray, "B W"],
    ) -> None:
        """Adds to the logits the gains of the voice's tokens by their distances from the known references."""
        own = chord.before[:, self.index]
        references = np.concatenate([own[:, np.newaxis], chord.copied[self.index], chord.now[:, self.others]], axis=1)
        known = np.logical_or.reduce(references >= 0, axis=0)
        if not known.any():
            return
        references = references[:, : len(known) - known[::-1].argmax()]
        weights = self._weights(hidden, references, rows)
        lines = np.arange(0, weights.size, weights.shape[2]).reshape(*references.shape, 1)
        places = lines + self.apart - np.maximum(references, 0)[:, :, np.newaxis]
        found = weights.take(places) * (references >= 0)[:, :, np.newaxis]
        logits[:, self.column.first_pitch - 1 :] += found.sum(axis=1)
        if self.column.hold:
            held = found[np.arange(len(own)), self.num_own :, np.maximum(own, 0)].sum(axis=1)
            logits[:, self.column.hold - 1] += held * (own >= 0)

    def _weights(
        self, hidden: Float[np.ndarray, "B M"], references: Int[np.ndarray, "B R"], rows: Int[np.ndarray, "B W"]
    ) -> Float[np.ndarray, "B R D"]:
        """Of each distance from each of these references."""
        count, width = references.shape[1], self.steps.shape[1]
        weights = product(hidden, self.distances[: count * width]).reshape(*references.shape, width)
        if count > self.num_own:
            weights[:, self.num_own :] += self.steps[rows[:, : count - self.num_own]]
        return weights


def product(
    numbers: Float[np.ndarray, "B M"], weight: Float[Tensor, "V M"], bias: Float[Tensor, " V"] | None = None
) -> Float[np.ndarray, "B V"]:
    """By PyTorch, so that the recipe's number of threads holds."""
    found: np.ndarray = F.linear(torch.from_numpy(numbers), weight, bias).numpy()
    return found


def _array(parameter: Tensor) -> np.ndarray:
    found: np.ndarray = parameter.detach().cpu().numpy()
    return found


def _interval(upper: Int[np.ndarray, "..."], lower: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
    found: np.ndarray = (1 + (upper - lower) % OCTAVE) * (np.minimum(upper, lower) >= 0)
    return found
