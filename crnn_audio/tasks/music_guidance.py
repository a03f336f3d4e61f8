"""What generated music is kept from: nats that are taken from the log-probabilities of tokens before they are sampled.

Parallel fifths and octaves, leaps above an octave, pitches that no training piece has in that voice, a bar that comes
again and again, and a last chord that is not the tonic's. A model learns that
these are rare, but low temperatures and its own mistakes bring them back.
"""

from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from crnn_audio.symbolic.representation import DecodingState, Representation
from crnn_audio.symbolic.score import Key

PARALLEL, LEAP = 3.0, 5.0
"""Nats for a parallel fifth or octave, and for a leap above an octave in music of several voices."""
UNRESOLVED = 4.0
"""Nats for a pitch of the last chord that is none of the tonic's, and for a bass that is not its root."""
OUTSIDE = 2.0
"""Nats for each semitone outside of the range of a voice."""
AGAIN, FORBIDDEN = 1.0, 1000.0
"""Nats for each token with which a bar goes on as the one before it, of which there are three; for the last of them."""
IN_A_ROW = 3
"""Times that the same bar may come one after the other."""
OCTAVE = 12
PERFECT = (0, 7)

Compass = tuple[tuple[int, int], ...]
"""Of each voice the lowest and the highest pitch, as tokens."""


class Guidance:
    """The penalties of the next rows of pieces that are generated side by side.

    Args:
        guided: which of them have any.
        compasses: of each piece; empty where it is not known.
        keys: of each piece; None where none is known.
    """

    def __init__(
        self,
        representation: Representation,
        guided: Sequence[bool],
        compasses: Sequence[Compass],
        keys: Sequence[Key | None],
    ) -> None:
        self.columns = {one.place: one for one in representation.PITCHED}
        self.order = list(self.columns)
        self.first_pitch = representation.PITCHED[0].first_pitch
        self.guided = np.array(guided)
        ranges = [one or ((0, 2**31),) * len(self.order) for one in compasses]
        self.ranges = np.array(ranges, dtype=np.int64).reshape(len(ranges), len(self.order), 2)
        self.bars = [_Bars() for _ in guided]
        classes = (representation.LOWEST + np.arange(OCTAVE)) % OCTAVE
        self._foreign = np.array([[not _in_tonic(key, one) for one in classes.tolist()] for key in keys])
        self._rootless = np.array([[not _is_tonic(key, one) for one in classes.tolist()] for key in keys])

    def penalties(
        self,
        inputs: Int[np.ndarray, "B N"],
        sampled: Int[np.ndarray, "B _"],
        size: int,
        last: Bool[np.ndarray, " B"] | None = None,
    ) -> Float[np.ndarray, "B V"]:
        """Nats of each token of the next column, of which there are `size`, the first being 1; after those sampled.

        Args:
            inputs: what the network read for this row.
            last: in which pieces the row belongs to the last chord, which should be the tonic's; none by default.
        """
        place = sampled.shape[1]
        found = np.zeros((len(sampled), size))
        if place in self.columns:
            tokens = np.arange(1, 1 + size)
            before = {one: inputs[:, self.columns[one].before] for one in self.order}
            found += self._outside(place, tokens)
            if last is not None and last.any():
                wrong = self._rootless if place == self.order[-1] else self._foreign
                pitches = np.maximum(tokens - self.first_pitch, 0) % OCTAVE
                found += UNRESOLVED * (wrong[:, pitches] & self._pitched(tokens) & last[:, np.newaxis])
            if len(self.order) > 1:
                found += LEAP * self._leaps(before[place], tokens)
                for other in self.order[: self.order.index(place)]:
                    now = np.where(sampled[:, other] == self.columns[other].hold, before[other], sampled[:, other])
                    found += PARALLEL * self._parallels(before[other], now, before[place], tokens)
        for piece, bars in enumerate(self.bars):
            if token := bars.repeated(sampled[piece].tolist()):
                found[piece, token - 1] += FORBIDDEN if bars.is_last(place, self.columns, self.first_pitch) else AGAIN
        found[~self.guided] = 0
        return found

    def append(self, rows: Int[np.ndarray, "B P"], state: DecodingState) -> None:
        """After these rows, with the state after them."""
        for bars, row, number in zip(self.bars, rows.tolist(), state.bar_numbers.tolist(), strict=True):
            bars.append(tuple(row), number)

    def _outside(self, place: int, tokens: Int[np.ndarray, " V"]) -> Float[np.ndarray, "B V"]:
        low, high = self.ranges[:, self.order.index(place), :, np.newaxis].transpose(1, 0, 2)
        away = np.maximum(np.maximum(low - tokens, tokens - high), 0)
        penalties: np.ndarray = OUTSIDE * away * (tokens >= self.first_pitch)
        return penalties

    def _leaps(self, before: Int[np.ndarray, " B"], tokens: Int[np.ndarray, " V"]) -> Bool[np.ndarray, "B V"]:
        wide: np.ndarray = np.abs(tokens - before[:, np.newaxis]) > OCTAVE
        wide &= self._pitched(before)[:, np.newaxis] & self._pitched(tokens)
        return wide

    def _parallels(
        self,
        other_before: Int[np.ndarray, " B"],
        other: Int[np.ndarray, " B"],
        before: Int[np.ndarray, " B"],
        tokens: Int[np.ndarray, " V"],
    ) -> Bool[np.ndarray, "B V"]:
        """With which tokens a voice, which had `before`, moves in parallel with another."""
        interval = np.abs(other_before - before) % OCTAVE
        moves = np.isin(interval, PERFECT) & (other != other_before)
        moves &= self._pitched(other_before) & self._pitched(other) & self._pitched(before)
        same_way = np.sign(tokens - before[:, np.newaxis]) == np.sign(other - other_before)[:, np.newaxis]
        same: np.ndarray = np.abs(other[:, np.newaxis] - tokens) % OCTAVE == interval[:, np.newaxis]
        same &= same_way & moves[:, np.newaxis] & self._pitched(tokens)
        return same

    def _pitched(self, tokens: Int[np.ndarray, " _"]) -> Bool[np.ndarray, " _"]:
        pitched: np.ndarray = tokens >= self.first_pitch
        return pitched


def _in_tonic(key: Key | None, pitch_class: int) -> bool:
    return key is None or key.has_chord({key.tonic_pitch_class, pitch_class})


def _is_tonic(key: Key | None, pitch_class: int) -> bool:
    return key is None or key.tonic_pitch_class == pitch_class


class _Bars:
    """The rows of a piece's bar, those of the bar before, and how many times in a row that one came."""

    def __init__(self) -> None:
        self.now = list[tuple[int, ...]]()
        self.before = list[tuple[int, ...]]()
        self.times = 0
        self.number = 0

    def append(self, row: tuple[int, ...], number: int) -> None:
        self.now.append(row)
        if number != self.number:
            self.times = self.times + 1 if self.now == self.before else 1
            self.now, self.before, self.number = [], self.now, number

    def repeated(self, sampled: list[int]) -> int:
        """The next token of the bar before, if the bar is the same so far and came too often already, else 0."""
        place = len(self.now)
        if self.times < IN_A_ROW or place >= len(self.before) or self.now != self.before[:place]:
            return 0
        row = self.before[place]
        return row[len(sampled)] if list(row[: len(sampled)]) == sampled else 0

    def is_last(self, column: int, pitched: Collection[int], first_pitch: int) -> bool:
        """Whether the repeated token is the bar's last onset."""
        onsets = [(at, one) for at, row in enumerate(self.before) for one in pitched if row[one] >= first_pitch]
        return bool(onsets) and onsets[-1] == (len(self.now), column)
