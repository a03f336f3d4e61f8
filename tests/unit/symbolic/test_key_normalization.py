"""Home keys: the way there from every key, and keys found by ear."""

from dataclasses import replace

import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic import key_normalization
from crnn_audio.symbolic.score import MODES, Key, Note, Part, Score

EVERY = [Key(0.0, sharps, mode) for sharps in range(-7, 8) for mode in MODES]
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11, 12), "minor": (0, 2, 3, 5, 7, 8, 10, 12)}


def scale(key: Key) -> Score:
    """Up from the tonic, and its triad."""
    tonic = 60 + key.tonic_pitch_class
    notes = [Note(float(start), 1.0, tonic + step) for start, step in enumerate(SCALES[key.mode])]
    ending = [Note(8.0, 2.0, tonic + SCALES[key.mode][2]), Note(10.0, 2.0, tonic + 7), Note(12.0, 4.0, tonic)]
    return Score((Part("melody", (*notes, *ending)),), title="scale")


@pytest.mark.parametrize("key", EVERY, ids=str)
def test_the_way_home_is_short_and_ends_without_sharps_and_flats(key: Key) -> None:
    home, way = key_normalization.normalized(key), key_normalization.semitones_to_normalized(key)
    assert (home.sharps, home.mode) == (0, key.mode)
    assert (key.tonic_pitch_class + way - home.tonic_pitch_class) % 12 == 0
    assert -6 <= way <= 5


def test_a_piece_moves_with_all_its_notes_and_back() -> None:
    score = scale(Key(0.0, 2))
    moved = key_normalization.transpose_score(score, -2)
    assert [note.pitch for note in moved.notes] == [note.pitch - 2 for note in score.notes]
    assert [(note.start, note.duration) for note in moved.notes] == [(one.start, one.duration) for one in score.notes]
    assert key_normalization.transpose_score(moved, 2) == score


@pytest.mark.parametrize("mode", SCALES)
@pytest.mark.parametrize("sharps", range(-5, 7))
def test_a_scale_is_recognised_in_its_key(sharps: int, mode: str) -> None:
    key = Key(0.0, sharps, mode)
    assert key_normalization.estimate_key(scale(key)) == key


def test_a_piece_without_notes_has_no_key() -> None:
    with pytest.raises(DataError, match="scale: holds no notes, so it has no key"):
        key_normalization.estimate_key(replace(scale(Key(0.0, 0)), parts=()))
