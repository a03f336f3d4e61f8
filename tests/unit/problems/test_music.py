"""Training pieces in other keys: all that a model is given of them is of the key in which they then stand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crnn_audio.batching.music import EncodedPiece
from crnn_audio.corpora.tunes import Tune
from crnn_audio.inference.music import encoding
from crnn_audio.problems import Data, music
from crnn_audio.symbolic import conditions
from crnn_audio.symbolic.representation import context_of
from crnn_audio.symbolic.score import Score
from tests import events as made

ABOUT = made.chorale(1)


def of(kind: str) -> tuple[list[EncodedPiece], Score]:
    """Every transposition of a piece of that kind, by three semitones at most."""
    score = made.melody(1) if kind == "melody" else ABOUT
    recipe = made.small(kind, Path("nowhere"), {"data.transpose": 3})
    tune = Tune("piece", score, {"key": "G", "metre": "4/4"})
    known = music.assets(recipe, Data({"train": [tune]}, ())).conditions
    (piece,) = music.encoded(recipe, [tune], known).pieces
    return list(music._transpositions(recipe, piece, known)), score


@pytest.mark.parametrize("kind", ["chorale", "melody", "quartet"])
def test_the_context_of_a_transposed_piece_is_what_its_own_rows_say(kind: str) -> None:
    found, score = of(kind)
    assert len({piece.rows.tobytes() for piece in found}) == 7
    assert len({piece.context.tobytes() for piece in found}) == 7, "some of the context is pitches"
    for piece, semitones in zip(found, range(-3, 4), strict=True):
        moved = replace(score, keys=tuple(conditions.transpose_key(key, semitones) for key in score.keys))
        assert np.array_equal(piece.context, context_of(encoding.REPRESENTATIONS[kind], piece.rows, moved))
