"""From scores to tokens and back, as a recipe's section on its data says."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Int

from crnn_audio.config.music import MusicData
from crnn_audio.errors import DataError
from crnn_audio.metrics.cadences import endings
from crnn_audio.symbolic import chorale_tokens, fitting, key_normalization, melody_tokens, quartet_tokens
from crnn_audio.symbolic.bars import full_bars_of, parse_pickup, parse_time_signature
from crnn_audio.symbolic.keys import parse_key
from crnn_audio.symbolic.representation import Representation, Rows
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
"""What makes a score one that the representation holds, and says what it changed."""


def keyed(data: MusicData, score: Score) -> tuple[Score, list[str]]:
    """The piece with a key, where that is needed and it tells none; and in a line which was heard."""
    if not data.normalize_keys or score.keys:
        return score, []
    key = key_normalization.estimate_key(score)
    return replace(score, keys=(key,)), [f"it tells no key, and is heard as {key}"]


def rows_of(data: MusicData, score: Score) -> Rows:
    """A piece as tokens.

    Raises:
        DataError: the representation does not hold it.
    """
    return REPRESENTATIONS[data.representation].encode(key_normalization.transpose_score(score, _way(data, score)))


def as_rows(data: MusicData, about: Score) -> Score:
    """A piece in the key that its rows are in: what is told beside them is of this."""
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
    """A chorale's voice that is kept, as its column of so many steps.

    Raises:
        DataError: it cannot stand there.
    """
    (moved,) = key_normalization.transpose_score(replace(about, parts=(part,)), _way(data, about)).parts
    return chorale_tokens.encode_voice(moved.notes, steps, where)


def about(condition: Mapping[str, str], *, title: str = "", tempo: float = 100.0) -> Score:
    """A piece without notes of the key, the metre and the pickup that are asked for; else 4/4, and none.

    Raises:
        DataError: a key, a metre or a pickup that is none.
    """
    metre = parse_time_signature(condition.get("metre", "4/4"))
    keys = (parse_key(condition["key"]),) if "key" in condition else ()
    pickup = parse_pickup(condition.get("pickup", "0"))
    return Score((), title=title, tempo=tempo, time_signatures=(metre,), keys=keys, pickup=pickup)


def num_bars(score: Score) -> int:
    """Bars of a piece, one that its pickup fills counted with it; 0 where they cannot be counted out."""
    try:
        bars = full_bars_of(score)
        return bars.at(ticks(score.end) - 1).index + bars.first_number
    except DataError:
        return 0


def own_condition(score: Score) -> dict[str, str]:
    """What the notes of a piece say of it: with a metre its bars and pickup, with a key its close.

    The close is "tonic" where notes of the tonic's chord fill the last bar, else "open".
    """
    counted = {"bars": str(num_bars(score)), "pickup": f"{score.pickup:g}"} if score.time_signatures else {}
    end = endings(score)
    close = "tonic" if end.full == end.on_tonic_chord == 1 else "open"
    return counted | ({"close": close} if score.keys else {})
