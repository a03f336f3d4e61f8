"""Piano rolls from notes and back: against a loop over frames, on grids of any kind; and notes that no piano has."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crnn_audio.errors import DataError
from crnn_audio.symbolic.pianoroll import LOWEST, NUM_KEYS, from_notes, to_notes
from crnn_audio.symbolic.score import Note

GRIDS = [1, 2, 3, 4, 12, 24, 0.5, 1 / 3]
grids = st.sampled_from(GRIDS)
pitches = st.integers(21, 108)


@st.composite
def any_roll(draw: st.DrawFn) -> np.ndarray:
    """Up to 30 frames, most keys silent, some held."""
    num_frames, seed = draw(st.integers(0, 30)), draw(st.integers(0, 2**31))
    random = np.random.default_rng(seed)
    return (random.random((num_frames, NUM_KEYS)) < random.choice([0.02, 0.3, 0.9])).astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(any_roll(), grids)
def test_a_roll_comes_back_from_its_notes(roll: np.ndarray, grid: float) -> None:
    notes = to_notes(roll, grid)
    assert notes == sorted(notes)
    found = from_notes(notes, grid, len(roll))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, roll)


@st.composite
def notes_apart(draw: st.DrawFn) -> tuple[list[Note], int]:
    """Notes on a grid, of which those of one key neither touch nor overlap; and the grid."""
    grid = draw(st.sampled_from([1, 2, 4, 8]))  # whose fractions of a quarter note are exact
    notes = []
    for pitch in draw(st.sets(pitches, max_size=6)):
        place = 0
        for gap, length in draw(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=4)):
            notes.append(Note((place + gap) / grid, length / grid, pitch))
            place += gap + length
    return sorted(notes), grid


@settings(max_examples=60, deadline=None)
@given(notes_apart())
def test_notes_come_back_from_their_roll(made: tuple[list[Note], int]) -> None:
    notes, grid = made
    assert to_notes(from_notes(notes, grid), grid) == notes
    assert to_notes(from_notes(notes, 2 * grid), 2 * grid) == notes, "a finer grid loses nothing"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(Note, st.integers(0, 400).map(lambda n: n / 32), st.integers(1, 200).map(lambda n: n / 32), pitches),
        max_size=8,
    ),
    st.sampled_from([1, 2, 3, 4, 12]),
)
def test_any_notes_against_a_loop_over_frames(notes: list[Note], grid: int) -> None:
    """A frame sounds from the nearest frame of a note's beginning to that of its end, halves up, one at the least."""
    found = from_notes(notes, grid)

    def nearest(quarters: float) -> int:
        return math.floor(Fraction(quarters) * grid + Fraction(1, 2))

    spans = [(nearest(n.start), max(nearest(n.start + n.duration), nearest(n.start) + 1), n.pitch) for n in notes]
    assert len(found) == max((end for _, end, _ in spans), default=0)
    for frame in range(len(found)):
        wanted = {pitch for begin, end, pitch in spans if begin <= frame < end}
        assert {LOWEST + int(key) for key in np.flatnonzero(found[frame])} == wanted


def test_the_keys_of_a_piano_by_name() -> None:
    roll = from_notes([Note(0, 1, 21), Note(1, 2, 60), Note(2, 1, 108)], 1)
    assert roll.shape == (3, 88)
    assert [np.flatnonzero(frame).tolist() for frame in roll] == [[0], [39], [39, 87]]
    assert to_notes(roll, 1) == [Note(0, 1, 21), Note(1, 2, 60), Note(2, 1, 108)]


def test_what_sounds_and_not_what_is_struck() -> None:
    repeated, held = from_notes([Note(0, 1, 60), Note(1, 1, 60)], 2), from_notes([Note(0, 2, 60)], 2)
    np.testing.assert_array_equal(repeated, held)
    assert to_notes(repeated, 2) == [Note(0, 2, 60)]


def test_a_length_cuts_off_or_fills_up() -> None:
    notes = [Note(0, 4, 60), Note(6, 1, 62)]
    assert from_notes(notes, 1, 3).sum() == 3
    assert from_notes(notes, 1, 0).shape == (0, 88)
    longer = from_notes(notes, 1, 20)
    assert longer.shape == (20, 88)
    assert longer.sum() == 5
    assert from_notes([], 4).shape == (0, 88)
    assert to_notes(from_notes([], 4), 4) == []


def test_grace_notes_sound() -> None:
    assert np.flatnonzero(from_notes([Note(1.01, 0.01, 60)], 1, 4)[:, 39]).tolist() == [1]


@pytest.mark.parametrize(
    ("note", "message"),
    [
        (Note(3, 1, 20), "a note of pitch 20 at quarter 3 is outside the piano's keys, 21 to 108. Transpose"),
        (Note(0.25, 1, 109), "a note of pitch 109 at quarter 0.25 is outside"),
        (Note(0, 1, -5), "a note of pitch -5 at"),
        (Note(-1, 2, 60), "a note of pitch 60 begins at quarter -1 and lasts 2; it should begin at 0 or later"),
        (Note(1, 0, 60), "begins at quarter 1 and lasts 0"),
        (Note(1, -1, 60), "lasts -1"),
        (Note(math.nan, 1, 60), "begins at quarter nan"),
        (Note(1, math.nan, 60), "lasts nan"),
        (Note(1, math.inf, 60), "lasts inf"),
        (Note(math.inf, 1, 60), "begins at quarter inf"),
    ],
)
def test_notes_that_cannot_be_are_refused(note: Note, message: str) -> None:
    with pytest.raises(DataError) as caught:
        from_notes([Note(0, 1, 60), note], 4)
    assert message in str(caught.value)
