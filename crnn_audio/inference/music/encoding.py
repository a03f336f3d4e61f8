"""From scores to tokens and back, with the representation and key normalisation of a recipe's data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int

from crnn_audio.config.music import MusicData
from crnn_audio.errors import DataError
from crnn_audio.metrics.cadences import endings
from crnn_audio.symbolic import chorale_tokens, fitting, key_normalization, melody_tokens, quartet_tokens
from crnn_audio.symbolic.bars import full_bars_of, parse_pickup, parse_time_signature
from crnn_audio.symbolic.form import form_of
from crnn_audio.symbolic.keys import parse_key
from crnn_audio.symbolic.representation import MOST_BARS_LEFT, Representation, Rows, bars_left
from crnn_audio.symbolic.score import Part, Score
from crnn_audio.symbolic.ticks import ticks

REPRESENTATIONS: dict[str, Representation] = {
    "chorale": chorale_tokens,
    "melody": melody_tokens,
    "quartet": quartet_tokens,
}
FITTED: dict[str, Callable[[Score], tuple[Score, list[str]]]] = {
    "chorale": fitting.to_chorale,
    "melody": fitting.to_melody,
    "quartet": fitting.to_chorale,
}
"""Fit a score to each representation, with remarks on what was changed."""


def with_key(data: MusicData, score: Score, *, needed: bool = False) -> tuple[Score, list[str]]:
    """The piece with an estimated key where it has none and keys are normalised, or one is needed; and a remark."""
    if score.keys or not (needed or data.normalize_keys):
        return score, []
    key = key_normalization.estimate_key(score)
    return replace(score, keys=(key,)), [f"it has no key; {key} was estimated"]


def rows_of(data: MusicData, score: Score) -> Rows:
    """A piece as tokens.

    Raises:
        DataError: the representation cannot hold it.
    """
    return REPRESENTATIONS[data.representation].encode(key_normalization.transpose_score(score, _way(data, score)))


def as_rows(data: MusicData, about: Score) -> Score:
    """A piece with the key of its rows, from which their context features are computed."""
    if not data.normalize_keys or not about.keys:
        return about
    return replace(about, keys=tuple(key_normalization.normalized(key) for key in about.keys))


def score_of(data: MusicData, rows: Rows, about: Score) -> Score:
    """Tokens as a piece: `about` with these notes."""
    piece = REPRESENTATIONS[data.representation].decode(rows, about)
    return key_normalization.transpose_score(piece, -_way(data, about))


def _way(data: MusicData, score: Score) -> int:
    return key_normalization.semitones_to_normalized(score.keys[0]) if data.normalize_keys and score.keys else 0


def voice_of(data: MusicData, part: Part, about: Score, steps: int, where: str) -> Int[np.ndarray, " T"]:
    """A fixed voice of a chorale, as its column of so many steps.

    Raises:
        DataError: the representation cannot hold it.
    """
    (moved,) = key_normalization.transpose_score(replace(about, parts=(part,)), _way(data, about)).parts
    return chorale_tokens.encode_voice(moved.notes, steps, where)


def context_of(data: MusicData, rows: Rows, context: Int[np.ndarray, "T Q"], score: Score) -> Int[np.ndarray, "T N"]:
    """Context features of the rows of a piece, with how many of its bars are left where the model reads that."""
    if not data.bars_left:
        return context
    place = REPRESENTATIONS[data.representation].CONTEXT.index("bar")
    wrapped = context[:, place]
    numbers = wrapped + MOST_BARS_LEFT * np.cumsum(np.diff(wrapped, prepend=0) < 0)
    full, pickup = np.full(len(rows), num_bars(score)), np.full(len(rows), score.pickup > 0)
    return np.concatenate([context, bars_left(numbers, full, pickup)[:, np.newaxis]], axis=1)


def ranges_of(scores: Sequence[Score]) -> tuple[tuple[int, int], ...]:
    """The lowest and highest pitch of each part of pieces with as many parts; none where their numbers differ."""
    if len({len(score.parts) for score in scores}) != 1:
        return ()
    pitches = [[note.pitch for score in scores for note in score.parts[at].notes] for at in range(len(scores[0].parts))]
    return tuple((min(one), max(one)) for one in pitches) if all(pitches) else ()


def compass_of(data: MusicData, about: Score, ranges: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """These pitches as tokens of the piece's rows; none where they are of other voices than the rows."""
    representation = REPRESENTATIONS[data.representation]
    if len(ranges) != len(representation.PITCHED):
        return ()
    way = _way(data, about) - representation.LOWEST
    return tuple(
        (column.first_pitch + low + way, column.first_pitch + high + way)
        for column, (low, high) in zip(representation.PITCHED, ranges, strict=True)
    )


def about(condition: Mapping[str, str], *, title: str = "", tempo: float = 100.0) -> Score:
    """A piece without notes, with the key, time signature and pickup of these conditions; by default 4/4.

    Raises:
        DataError: a key, time signature or pickup is invalid.
    """
    metre = parse_time_signature(condition.get("metre", "4/4"))
    keys = (parse_key(condition["key"]),) if "key" in condition else ()
    pickup = parse_pickup(condition.get("pickup", "0"))
    return Score((), title=title, tempo=tempo, time_signatures=(metre,), keys=keys, pickup=pickup)


def fewest_rows(data: MusicData, quarters: float, bar: float) -> float:
    """Rows that a piece of so many quarter notes has at least; a bar has so many."""
    if data.representation == "melody":
        return 2 * quarters / bar  # a note and a bar line
    return quarters * chorale_tokens.STEPS_PER_QUARTER


def num_bars(score: Score) -> int:
    """Bars of a piece, with one that its pickup fills; 0 where they cannot be counted."""
    try:
        bars = full_bars_of(score)
        return bars.at(ticks(score.end) - 1).index + bars.first_number
    except DataError:
        return 0


def own_condition(score: Score) -> dict[str, str]:
    """The conditions that a piece fulfils by its notes: with a time signature bars and pickup, with a key the close.

    The close is "tonic" where notes of the tonic's chord fill the last bar, else "open"; the form is that of its
    repeats, if it has any.
    """
    counted = {"bars": str(num_bars(score)), "pickup": f"{score.pickup:g}"} if score.time_signatures else {}
    end = endings(score)
    close = "tonic" if end.full == end.on_tonic_chord == 1 else "open"
    form = form_of(score)
    return counted | ({"close": close} if score.keys else {}) | ({"form": form} if form else {})
