"""The autoregressive head in NumPy, to sample one row after another: the equations are those of `AutoregressiveHead`.

A row needs some hundred small operations one after the other. On these PyTorch spends more time than they take, and on
a GPU each would wait for the one before; here a row leaves the network once and is drawn on the CPU.
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


class Drawer:
    """Draws rows as a head says; it shares its weights where they lie on the CPU."""

    def __init__(self, head: AutoregressiveHead) -> None:
        self.hidden_size = head.hidden_size
        self.earlier = [_array(one.weight) for one in head.earlier if isinstance(one, nn.Embedding)]
        layers = [one for one in head.softmax if isinstance(one, nn.Linear)]
        self.softmax = [(one.weight.detach().cpu(), one.bias.detach().cpu()) for one in layers]
        self.voices = [Voice(one) for one in head.intervals if isinstance(one, Intervals)]
        self.voice_at = {one.column.place: one for one in self.voices}

    def begin(self, drive: Float[np.ndarray, "B D"], known: Int[np.ndarray, "B N"]) -> "Row":
        """The next row of each piece: what the network says to the head, and what its front reads before the row."""
        return Row(self, drive.reshape(len(drive), -1, self.hidden_size).copy(), known)


class Row:
    """The next row of each piece while it is drawn, column by column."""

    def __init__(self, drawer: Drawer, hidden: Float[np.ndarray, "B P M"], known: Int[np.ndarray, "B N"]) -> None:
        self._drawer, self._hidden = drawer, hidden
        self._place = 0
        self._chord = Chord(drawer.voices, known) if drawer.voices else None

    @property
    def num_columns(self) -> int:
        """That a row has."""
        return len(self._drawer.softmax)

    def log_probs(self) -> Float[np.ndarray, "B V"]:
        """Of the tokens of the next column, the first of which has id 1."""
        hidden, voice = self._hidden[:, self._place], self._drawer.voice_at.get(self._place)
        if voice is None or self._chord is None:
            logits = product(np.maximum(hidden, 0), *self._drawer.softmax[self._place])
        else:
            rows = voice.rows(self._chord)
            hidden = np.maximum(hidden + voice.vectors.take(rows, axis=0).sum(axis=1), 0)
            logits = product(hidden, *self._drawer.softmax[self._place])
            voice.add_gains(logits, hidden, self._chord, rows)
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits

    def tell(self, tokens: Int[np.ndarray, " B"]) -> None:
        """That these stand in the column; the next is the one after it."""
        voice = self._drawer.voice_at.get(self._place)
        if voice is not None and self._chord is not None:
            self._chord.tell(voice, tokens)
        if self._place < len(self._drawer.earlier):
            later = self._drawer.earlier[self._place][tokens]
            self._hidden[:, self._place + 1 :] += later.reshape(len(tokens), -1, self._drawer.hidden_size)
        self._place += 1


class Chord:
    """Of each voice the pitch before the row, that in it as far as it is known, and those recalled.

    `came` has the interval of each voice with each other before the row, `motion` where each has gone since.
    """

    def __init__(self, voices: Sequence["Voice"], known: Int[np.ndarray, "B N"]) -> None:
        first, columns = voices[0].column.first_pitch, [one.column for one in voices]
        pitches = np.maximum(known - first, -1)
        self.before: Pitches = pitches[:, [one.before for one in columns]]
        self.recalled: list[Pitches] = [pitches[:, one.recalled] for one in columns]
        self.came = _interval(self.before[:, :, np.newaxis], self.before[:, np.newaxis])
        self.now: Pitches = np.full_like(self.before, -1)
        self.motion = np.zeros_like(self.before)
        for voice in voices:
            if voice.column.given is not None and (given := known[:, voice.column.given]).any():
                self.tell(voice, given)

    def tell(self, voice: "Voice", tokens: Int[np.ndarray, " B"]) -> None:
        """A voice's token in the row."""
        before, pitches = self.before[:, voice.index], np.maximum(tokens - voice.column.first_pitch, -1)
        if voice.column.goes_on:
            pitches = np.where(tokens == voice.column.goes_on, before, pitches)
        self.now[:, voice.index] = pitches
        self.motion[:, voice.index] = (1 + (pitches != before) + (pitches < before)) * (pitches >= 0)


class Voice:
    """`Intervals` of one voice; its references are put so that those of voices that are drawn later come last.

    What is not known yet then costs nothing.
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
        """Of the tables, for how each other voice moves against this one, and for the chord that each two make."""
        moves = chord.came[:, self.index, self.others] * MOTIONS + chord.motion[:, self.others]
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
        """Adds to the logits what the voice's tokens gain by their distances from the references that there are."""
        own = chord.before[:, self.index]
        references = np.concatenate([own[:, np.newaxis], chord.recalled[self.index], chord.now[:, self.others]], axis=1)
        known = np.logical_or.reduce(references >= 0, axis=0)
        if not known.any():
            return
        references = references[:, : len(known) - known[::-1].argmax()]
        weights = self._weights(hidden, references, rows)
        lines = np.arange(0, weights.size, weights.shape[2]).reshape(*references.shape, 1)
        places = lines + self.apart - np.maximum(references, 0)[:, :, np.newaxis]
        found = weights.take(places) * (references >= 0)[:, :, np.newaxis]
        logits[:, self.column.first_pitch - 1 :] += found.sum(axis=1)
        if self.column.goes_on:
            held = found[np.arange(len(own)), self.num_own :, np.maximum(own, 0)].sum(axis=1)
            logits[:, self.column.goes_on - 1] += held * (own >= 0)

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
    """By PyTorch, whose number of threads is the one that was asked for."""
    found: np.ndarray = F.linear(torch.from_numpy(numbers), weight, bias).numpy()
    return found


def _array(parameter: Tensor) -> np.ndarray:
    found: np.ndarray = parameter.detach().cpu().numpy()
    return found


def _interval(upper: Int[np.ndarray, "..."], lower: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
    found: np.ndarray = (1 + (upper - lower) % OCTAVE) * (np.minimum(upper, lower) >= 0)
    return found
