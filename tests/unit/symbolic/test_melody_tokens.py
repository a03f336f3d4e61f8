"""Melodies as events: exact both ways, bars counted out, what cannot be held, and writing row after row."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic import melody_tokens
from crnn_audio.symbolic.bars import full_bars_of
from crnn_audio.symbolic.melody_tokens import BAR_LINE, END, HOLD, NO_TIME, REST, DecodingState
from crnn_audio.symbolic.representation import context_of
from crnn_audio.symbolic.score import Key, Note, Part, Score, TimeSignature
from tests.events import mask
from tests.unit.symbolic.pieces import many, melody


def tune(*notes: tuple[float, float, int], metre: tuple[int, int] = (4, 4), pickup: float = 0.0) -> Score:
    part = Part("melody", tuple(Note(*note) for note in notes))
    return Score((part,), "tune", time_signatures=(TimeSignature(0.0, *metre),), pickup=pickup)


def without_notes(score: Score) -> Score:
    return replace(score, parts=tuple(replace(part, notes=()) for part in score.parts))


def pitch(midi: int) -> int:
    return 5 + midi - 42


def lasting(ticks: int) -> int:
    return 2 + melody_tokens.DURATIONS.index(ticks)


# ---------------------------------------------------------------------------------------- both ways


@many
def test_decoding_gives_back_what_was_encoded(seed: int) -> None:
    score = melody(seed)
    tokens = melody_tokens.encode(score)
    assert melody_tokens.decode(tokens, without_notes(score)) == score
    assert tokens.min() >= 1
    assert (tokens.max(axis=0) <= melody_tokens.VOCABULARY).all()


def test_rows_of_a_known_tune() -> None:
    score = tune((0, 0.5, 62), (0.5, 1, 67), (2, 1.5, 71), (3.5, 0.5, 69), metre=(6, 8), pickup=0.5)
    assert melody_tokens.encode(score).tolist() == [
        [pitch(62), lasting(240)],
        [BAR_LINE, NO_TIME],
        [pitch(67), lasting(480)],
        [REST, lasting(240)],
        [pitch(71), lasting(720)],
        [BAR_LINE, NO_TIME],
        [pitch(71) - 2, lasting(240)],
        [REST, lasting(960)],
        [END, NO_TIME],
    ]


def test_a_note_goes_on_across_a_bar_line_and_where_its_length_has_no_name() -> None:
    score = tune((0, 6, 60), (6, 2.25 + 1 / 6, 62))
    rows = melody_tokens.encode(score).tolist()
    assert rows[:4] == [
        [pitch(60), lasting(1920)], [BAR_LINE, NO_TIME], [HOLD, lasting(960)], [pitch(62), lasting(960)],
    ]  # fmt: skip
    assert rows[4:7] == [[BAR_LINE, NO_TIME], [HOLD, lasting(180)], [HOLD, lasting(20)]]
    assert melody_tokens.decode(melody_tokens.encode(score), without_notes(score)) == score


def test_a_rest_is_read_where_nothing_is_there_to_go_on() -> None:
    rows = [(HOLD, 240), (pitch(60), 240), (REST, 240), (HOLD, 240), (pitch(62), 480), (HOLD, 240)]
    tokens = np.array([(event, lasting(ticks)) for event, ticks in rows])
    assert melody_tokens.decode(tokens, tune()).parts[0].notes == (Note(0.5, 0.5, 60), Note(2, 1.5, 62))


@many
def test_bar_lines_stand_where_bars_are_full_and_nowhere_else(seed: int) -> None:
    score = melody(seed)
    bars, now, number = full_bars_of(score), 0, 0
    for event, duration in melody_tokens.encode(score).tolist():
        bar = bars.bar(number)
        if event == BAR_LINE:
            assert now == bar.end
            number += 1
        elif event == END:
            assert now in (bar.end, bar.end - round(480 * score.pickup))
        else:
            now += melody_tokens.DURATIONS[duration - 2]
            assert now <= bar.end
    assert event == END


# ---------------------------------------------------------------------------------------- context


@many
def test_the_context_row_by_row_is_that_of_all(seed: int) -> None:
    score = melody(seed)
    tokens, place = melody_tokens.encode(score), DecodingState.first([score])
    context = context_of(melody_tokens, tokens, score)
    for row, expected in zip(tokens.tolist(), context.tolist(), strict=True):
        assert place.context[0].tolist() == expected
        assert all(mask(place, row[:column])[row[column]] for column in range(2))
        place = place.next(np.array([row]))
    assert (context >= 0).all()
    assert (context < melody_tokens.CONTEXT_SIZES).all()


def test_the_context_of_a_known_tune() -> None:
    tokens = melody_tokens.encode(tune((0, 1, 60), (1, 3, 62), (4, 1, 64), metre=(3, 4), pickup=1))
    about = tune(metre=(3, 4), pickup=1)
    assert context_of(melody_tokens, tokens, about)[:, :5].tolist() == [
        [48, 24, 0, 0, 0], [72, 0, 0, 23, 0], [0, 72, 1, 23, 0], [72, 0, 1, 25, 0],
        [0, 72, 2, 25, 0], [24, 48, 2, 27, 0], [48, 24, 2, 27, 0],
    ]  # fmt: skip
    in_g = replace(about, keys=(Key(0.0, 1, "major"),))
    assert context_of(melody_tokens, tokens, in_g)[:, 4].tolist() == [0, 6, 6, 8, 8, 10, 10], (
        "C is the fourth, five semitones up"
    )


def test_what_came_where_the_melody_was_as_it_is_now_is_context() -> None:
    score = tune(*[(place, 1, pitch) for place, pitch in enumerate((60, 62, 64, 60, 67, 65, 62, 64))], metre=(8, 4))
    context = context_of(melody_tokens, melody_tokens.encode(score), score)
    came = {row: melody_tokens.FIRST_PITCH + pitch - melody_tokens.LOWEST for row, pitch in ((4, 62), (7, 64), (8, 60))}
    quarter = 2 + melody_tokens.DURATIONS.index(480)
    assert context[:, 5].tolist() == [came.get(row, 0) for row in range(9)]
    assert context[:, 6].tolist() == [quarter if row in came else 0 for row in range(9)]
    assert context[:, 7].tolist() == [0, 0, 0, 0, 1, 0, 0, 1, 2], "of the last rows"
    higher = replace(score, parts=(replace(score.parts[0], notes=tuple(map(_a_third_up, score.parts[0].notes))),))
    np.testing.assert_array_equal(
        melody_tokens.transposed_context(context, 4)[:, 5:],
        context_of(melody_tokens, melody_tokens.encode(higher), higher)[:, 5:],
    )


def _a_third_up(note: Note) -> Note:
    return replace(note, pitch=note.pitch + 4)


def test_a_melody_may_close_on_a_note_of_the_tonics_chord() -> None:
    score = replace(tune((0, 1, 67), (1, 1, 69), (2, 1, 74)), keys=(Key(0.0, 1, "major"),))
    place, closes = DecodingState.first([score]), []
    for row in melody_tokens.encode(score)[:4].tolist():
        closes.append(place.closes)
        place = place.next(np.array([row]))
    assert [*closes, place.closes] == [False, True, False, True, False], "nothing, G, A, D, a rest"
    assert DecodingState.first([tune()]).next(np.array([[melody_tokens.FIRST_PITCH, 2]])).closes, "no key"


def test_bar_numbers_begin_anew() -> None:
    tokens = melody_tokens.encode(tune(*[(4 * bar, 4, 60) for bar in range(34)]))
    context = context_of(melody_tokens, tokens, tune())
    assert context[::2, 2].tolist() == [*range(32), 0, 1]


@many
def test_any_rows_of_allowed_tokens_fill_their_bars(seed: int) -> None:
    random = np.random.default_rng(seed)
    about = tune(metre=[(4, 4), (6, 8), (9, 8), (5, 8)][seed % 4], pickup=seed % 5 / 2)
    place, rows = DecodingState.first([about]), []
    while not rows or (rows[-1][0] != END and len(rows) < 60):
        row: tuple[int, ...] = ()
        for _ in melody_tokens.COLUMNS:
            row = (*row, int(random.choice(np.flatnonzero(mask(place, row)))))
        rows.append((row[0], row[1]))
        place = place.next(np.array(rows[-1:]))
    bars, now, number = full_bars_of(about), 0, 0
    for event, duration in rows:
        if event in (BAR_LINE, END):
            assert now == bars.bar(number).end or (event == END and bars.is_full(bars.bar(number), now))
            number += event == BAR_LINE
        else:
            now += melody_tokens.DURATIONS[duration - 2]


@many
def test_any_tokens_at_all_can_be_decoded_and_have_a_context(seed: int) -> None:
    tokens = np.random.default_rng(seed).integers(0, [size + 1 for size in melody_tokens.VOCABULARY], size=(seed, 2))
    about = tune(metre=(6, 8), pickup=0.5)
    notes = melody_tokens.decode(tokens, about).parts[0].notes
    assert all(note.duration > 0 for note in notes)
    assert all(one.end <= two.start + 1e-9 for one, two in pairwise(notes))
    place = DecodingState.first([about])
    for row, context in zip(tokens.tolist(), context_of(melody_tokens, tokens, about).tolist(), strict=True):
        assert place.context[0].tolist() == context
        assert all(0 <= value < size for value, size in zip(context, melody_tokens.CONTEXT_SIZES, strict=True))
        place = place.next(np.array([row]))


# ---------------------------------------------------------------------------------------- transposing


@many
def test_transposing_tokens_is_transposing_notes(seed: int) -> None:
    score, semitones = melody(seed), seed % 7 - 3
    part = score.parts[0]
    higher = tuple(replace(note, pitch=note.pitch + semitones) for note in part.notes)
    moved = melody_tokens.transposed(melody_tokens.encode(score), semitones)
    if all(42 <= note.pitch <= 102 for note in higher):
        assert moved is not None
        assert moved.tolist() == melody_tokens.encode(replace(score, parts=(replace(part, notes=higher),))).tolist()
    else:
        assert moved is None


# ---------------------------------------------------------------------------------------- what cannot be held


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (Score(()), "the piece: 0 parts; a melody is one part"),
        (Score((Part("a", (Note(0, 1, 60),)), Part("b", (Note(0, 1, 60),)))), "2 parts; a melody is one part"),
        (tune(), "tune: no notes"),
        (tune((0, 1, 41)), "pitch 41 at quarter 0: it is outside 42 to 102"),
        (tune((0, 1, 60), (1, 1, 103)), "pitch 103 at quarter 1"),
        (tune((0, 1, 60), (0.5, 1, 64)), "at quarter 0.5: it begins before the last one ended"),
        (tune((0, 1, 60), (0, 1, 64)), "it begins before the last one ended"),
        (tune((0, 0, 60)), "it begins before the last one ended, or lasts no time"),
        (tune((-1, 1, 60)), "it begins before the last one ended"),
        (tune((1 / 480, 1, 60)), "it is off the grid of 24 places in a quarter note"),
        (tune((0, 0.2, 60)), "it is off the grid of 24"),
        (tune((0, 1, 60), metre=(9, 4)), "bars of 9 quarters after a pickup of 0. Bars and"),
        (tune((0, 1, 60), metre=(1, 64)), "bars of 0.0625 quarters"),
        (tune((0, 1, 60), pickup=0.3), "bars of 4 quarters after a pickup of 0.3"),
        (tune((0, 1, 60), pickup=4), "a pickup of 4 quarters"),
    ],
)  # fmt: skip
def test_what_cannot_be_held_is_said(score: Score, message: str) -> None:
    with pytest.raises(DataError) as caught:
        melody_tokens.encode(score)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_piece_cannot_begin_in_bars_that_cannot_be_written() -> None:
    with pytest.raises(DataError, match="bars of 9 quarters"):
        DecodingState.first([tune(metre=(9, 4))])
