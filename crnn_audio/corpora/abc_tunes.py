"""From tunes in ABC to those that a corpus keeps: one melody, one time signature, every bar full, none twice."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from crnn_audio.corpora.duplicates import families, same_piece
from crnn_audio.corpora.tunes import Tune
from crnn_audio.errors import DataError
from crnn_audio.symbolic import melody_tokens
from crnn_audio.symbolic.abc import AbcTune
from crnn_audio.symbolic.bars import full_bars_of
from crnn_audio.symbolic.score import Note
from crnn_audio.symbolic.ticks import ticks

SHORTEST = 4
"""Bars of a tune that is kept."""


def melody(id: str, tune: AbcTune, style: str) -> Tune:
    """The tune with its condition: key, time signature and, where it is not "", style.

    Raises:
        DataError: it has no or several time signatures or keys, several voices, bars that are not full, fewer than four
            of them, or notes that `events` cannot hold.
    """
    score = tune.score
    if not score.time_signatures:
        raise DataError("it has no time signature")
    if not score.keys:
        raise DataError("it has no key")
    if len({(one.beats, one.beat_type) for one in score.time_signatures}) > 1:
        raise DataError("its time signature changes")
    if len(score.time_signatures) > 1:
        raise DataError("its bars are not all full")
    if len(score.keys) > 1:
        raise DataError("its key changes")
    if len(score.parts) > 1:
        raise DataError("it has several voices")
    if full_bars_of(score).at(ticks(score.end) - 1).index < SHORTEST:
        raise DataError(f"it has fewer than {SHORTEST} bars")
    score = replace(score, parts=(replace(score.parts[0], notes=_tops(score.parts[0].notes)),))
    try:
        melody_tokens.encode(score)
    except DataError as error:
        raise DataError(f"it is no melody that events hold: {error}") from None
    condition = {"key": str(score.keys[0]), "metre": str(score.time_signatures[0])}
    return Tune(id, score, condition | ({"style": style} if style else {}))


def _tops(notes: Sequence[Note]) -> tuple[Note, ...]:
    """The melody of a fiddler who plays two strings at a time: of notes that begin together the highest."""
    return tuple(max(group, key=lambda note: note.pitch) for _, group in groupby(notes, key=lambda note: note.start))


def without_copies(tunes: Sequence[Tune]) -> tuple[list[Tune], dict[str, str]]:
    """The tunes with their families, and of each that is there before, under another name, which it is."""
    kept: list[Tune] = []
    left_out: dict[str, str] = {}
    for tune, first in zip(tunes, families([tune.score for tune in tunes]), strict=True):
        family = tunes[first].id
        same = [one.id for one in kept if one.family == family and same_piece(one.score, tune.score)]
        if same:
            left_out[tune.id] = f"the same piece as {same[0]}"
        else:
            kept.append(replace(tune, family=family))
    return kept, left_out
