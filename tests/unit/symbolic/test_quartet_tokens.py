"""Four voices by their pitches alone: rows and notes, context, what counts, what cannot be held."""

from dataclasses import replace

import numpy as np
import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic import chorale_tokens, quartet_tokens
from crnn_audio.symbolic.quartet_tokens import CONTEXT, CONTINUE, END, SILENCE, VOICES, DecodingState
from crnn_audio.symbolic.representation import context_of
from crnn_audio.symbolic.score import Note, Part, Score
from tests.events import mask
from tests.unit.symbolic.pieces import chorale, many

NO_PITCH = len(VOICES) * [-1]


def piece(*voices: list[tuple[float, float, int]]) -> Score:
    parts = [Part(name, tuple(Note(*note) for note in voice)) for name, voice in zip(VOICES, voices, strict=False)]
    return Score(tuple(parts), "piece")


def pitch(midi: int) -> int:
    return 2 + midi - 30


def pitches(seed: int, rows: int = 40) -> np.ndarray:
    """Voices that move now and then, with rests; the last row sounds."""
    random = np.random.default_rng(seed)
    moves = random.random((rows, 4)) < 0.4
    moves[0] = True
    found = np.where(moves, random.integers(48, 60, size=(rows, 4)), 0)
    found = np.take_along_axis(found, np.maximum.accumulate(np.where(moves, np.arange(rows)[:, None], 0)), axis=0)
    found[5:9, seed % 4] = -1
    return found


# ---------------------------------------------------------------------------------------- both ways


@many
def test_pitches_come_back_from_their_notes(seed: int) -> None:
    wanted = quartet_tokens.of_pitches(pitches(seed))
    score = quartet_tokens.decode(wanted, Score((), "sampled"))
    assert np.array_equal(quartet_tokens.encode(score), wanted)
    assert [part.name for part in score.parts] == list(VOICES)


@many
def test_what_sounds_in_a_chorale_is_kept_and_what_is_struck_is_not(seed: int) -> None:
    score = chorale(seed)
    tokens, struck = quartet_tokens.encode(score), chorale_tokens.encode(score)
    assert len(tokens) == len(struck)
    assert (tokens >= 1).all()
    assert (tokens.max(axis=0) <= quartet_tokens.VOCABULARY).all()
    for part, column in zip(score.parts, tokens[:-1, 1:].T, strict=True):
        for step, token in enumerate(column.tolist()):
            sounding = [note.pitch for note in part.notes if note.start <= step / 4 < note.end]
            assert token == (pitch(sounding[0]) if sounding else SILENCE)


def test_rows_of_a_known_piece() -> None:
    score = piece([(0, 0.25, 72), (0.25, 0.25, 72), (0.5, 0.25, 74)], [(0.25, 0.25, 65)], [], [(0, 0.75, 36)])
    wanted = [
        [CONTINUE, pitch(72), SILENCE, SILENCE, pitch(36)],
        [CONTINUE, pitch(72), pitch(65), SILENCE, pitch(36)],
        [CONTINUE, pitch(74), SILENCE, SILENCE, pitch(36)],
        [END, SILENCE, SILENCE, SILENCE, SILENCE],
    ]
    assert quartet_tokens.encode(score).tolist() == wanted
    assert (
        quartet_tokens.of_pitches(np.array([[72, -1, -1, 36], [72, 65, -1, 36], [74, -1, -1, 36]])).tolist() == wanted
    )
    decoded = quartet_tokens.decode(np.array(wanted), replace(score, fermatas=(0.5,)))
    assert decoded.parts[0].notes == (Note(0, 0.5, 72), Note(0.5, 0.25, 74)), "equal pitches in a row are one note"
    assert decoded.fermatas == ()


def test_rows_after_the_end_are_not_played() -> None:
    rows = quartet_tokens.of_pitches(pitches(1))
    assert quartet_tokens.decode(np.concatenate([rows, rows]), Score(())) == quartet_tokens.decode(rows, Score(()))


@many
def test_any_tokens_at_all_can_be_decoded_and_have_a_context(seed: int) -> None:
    tokens = np.random.default_rng(seed).integers(0, [size + 1 for size in quartet_tokens.VOCABULARY], size=(seed, 5))
    assert all(note.duration > 0 for note in quartet_tokens.decode(tokens, Score(())).notes)
    context = context_of(quartet_tokens, tokens, Score(()))
    assert context.shape == (seed, len(CONTEXT))
    assert (context < quartet_tokens.CONTEXT_SIZES).all()


# ---------------------------------------------------------------------------------------- context


def test_the_context_of_a_known_piece() -> None:
    bar = [[72, 64, 55, 48]] * 4
    rows = quartet_tokens.of_pitches(
        np.array(bar + [[74, 65, 55, 47]] * 4 + bar + [[-1, 65, 55, 47]] + [[74, -1, 55, -1]])
    )
    context = [dict(zip(CONTEXT, row, strict=True)) for row in context_of(quartet_tokens, rows, Score(())).tolist()]
    assert [row["of sixteen"] for row in context] == [*range(14), 14]
    assert [row["of twelve"] for row in context] == [*range(12), 0, 1, 2]
    assert [row["soprano held"] for row in context] == [0, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 1]
    assert [row["tenor held"] for row in context][-3:] == [12, 13, 14]
    assert [row["soprano above the bass"] for row in context[:2]] == [0, 1 + 0]
    assert [row["alto above the bass"] for row in context[:6]] == [0, 5, 5, 5, 5, 1 + 6]
    assert [row["soprano above the bass"] for row in context[-2:]] == [0, 0], "silence is nowhere above"
    assert [row["soprano copied"] for row in context[:9]] == [0] * 5 + [pitch(72)] * 0 + [0] * 4
    assert context[12]["soprano copied"] == pitch(74), "the first bar has come again, and the second may"
    assert context[12]["soprano matched"] == 1


@many
def test_the_context_row_by_row_holds_no_row_to_come(seed: int) -> None:
    tokens = quartet_tokens.of_pitches(pitches(seed))
    context, cut = context_of(quartet_tokens, tokens, Score(())), 1 + seed
    other = tokens.copy()
    other[cut:, 1:] = 40
    assert np.array_equal(context_of(quartet_tokens, other, Score(()))[: cut + 1], context[: cut + 1])
    place = DecodingState.first([Score(())])
    for row, expected in zip(tokens.tolist(), context.tolist(), strict=True):
        assert place.context[0].tolist() == expected
        assert all(mask(place, row[:column])[row[column]] for column in range(5))
        place = place.next(np.array([row]))
    assert place.quarters == len(tokens) / 4


def test_a_piece_does_not_end_before_it_begins_and_ends_in_silence() -> None:
    place = DecodingState.first([Score(())])
    assert np.flatnonzero(mask(place, ())).tolist() == [CONTINUE]
    later = place.next(np.array([[CONTINUE, 40, 40, 40, 40]]))
    assert np.flatnonzero(mask(later, ())).tolist() == [CONTINUE, END]
    assert np.flatnonzero(mask(later, (END,))).tolist() == [SILENCE]
    assert mask(later, (CONTINUE, 40)).sum() == quartet_tokens.VOCABULARY[2]


# ---------------------------------------------------------------------------------------- transposing


@many
def test_transposing_tokens_is_transposing_pitches(seed: int) -> None:
    found, semitones = pitches(seed), seed - 12
    tokens = quartet_tokens.of_pitches(found)
    moved = quartet_tokens.transposed(tokens, semitones)
    assert moved is not None
    assert np.array_equal(moved, quartet_tokens.of_pitches(np.where(found < 0, -1, found + semitones)))
    context = quartet_tokens.transposed_context(context_of(quartet_tokens, tokens, Score(())), semitones)
    assert np.array_equal(context, context_of(quartet_tokens, moved, Score(())))
    assert quartet_tokens.transposed(tokens, 90 - int(found.max()) + 1) is None
    assert quartet_tokens.transposed(tokens, 30 - int(found[found > 0].min()) - 1) is None


# ---------------------------------------------------------------------------------------- what counts


def test_every_cell_counts_and_nothing_else_does() -> None:
    tokens = quartet_tokens.of_pitches(pitches(3, rows=12))
    counted = quartet_tokens.counted(tokens)
    assert counted.sum() == quartet_tokens.num_notes(tokens) == 48
    assert counted[:-1, 1:].all()
    assert not counted[:, 0].any()
    assert not counted[-1].any()


# ---------------------------------------------------------------------------------------- what cannot be held


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (piece([(0, 1, 60)], []), "piece: 2 parts; a quartet has four"),
        (piece([], [], [], []), "piece: holds no notes"),
        (piece([], [(0, 1, 29)], [], []), "piece, alto, the note of pitch 29 at quarter 0: it is outside 30 to 90"),
        (piece([], [], [(0.125, 1, 60)], []), "tenor, the note of pitch 60 at quarter 0.125: it is off the grid"),
        (piece([], [], [], [(0, 1, 60), (0.5, 1, 61)]), "it begins before the last one ended"),
    ],
)
def test_what_cannot_be_held_is_said(score: Score, message: str) -> None:
    with pytest.raises(DataError) as caught:
        quartet_tokens.encode(score)
    assert message in str(caught.value)
