"""Four voices on a grid: exact both ways, what cannot be held, context, and writing row after row."""

from dataclasses import replace

import numpy as np
import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic import chorale_tokens
from crnn_audio.symbolic.bars import full_bars_of
from crnn_audio.symbolic.chorale_tokens import END, FERMATA, HOLD, ORDINARY, REST, VOICES, DecodingState
from crnn_audio.symbolic.representation import context_of
from crnn_audio.symbolic.score import Key, Note, Part, Score, TimeSignature
from tests.events import mask
from tests.unit.symbolic.pieces import chorale, many

COUNT = len(VOICES)


def piece(*voices: list[tuple[float, float, int]], metre: tuple[int, int] = (4, 4), pickup: float = 0.0) -> Score:
    parts = [Part(name, tuple(Note(*note) for note in voice)) for name, voice in zip(VOICES, voices, strict=False)]
    return Score(tuple(parts), "piece", time_signatures=(TimeSignature(0.0, *metre),), pickup=pickup)


SOUNDING = [(0.0, 1.0, 60)]


def without_notes(score: Score) -> Score:
    return replace(score, parts=tuple(replace(part, notes=()) for part in score.parts), fermatas=())


def pitch(midi: int) -> int:
    return 3 + midi - 30


# ---------------------------------------------------------------------------------------- both ways


@many
def test_decoding_gives_back_what_was_encoded(seed: int) -> None:
    score = chorale(seed)
    tokens = chorale_tokens.encode(score)
    assert chorale_tokens.decode(tokens, without_notes(score)) == score
    assert tokens.min() >= 1
    assert (tokens.max(axis=0) <= chorale_tokens.VOCABULARY).all()
    assert tokens[-1].tolist() == [END, REST, REST, REST, REST]
    assert len(tokens) == -(-score.end // 0.25) + 1


def test_rows_of_a_known_piece() -> None:
    score = piece([(0, 0.5, 72), (0.5, 0.25, 72)], [(0.25, 0.5, 65)], [], [(0, 0.75, 36)])
    assert chorale_tokens.encode(replace(score, fermatas=(0.5,))).tolist() == [
        [ORDINARY, pitch(72), REST, REST, pitch(36)],
        [ORDINARY, HOLD, pitch(65), REST, HOLD],
        [FERMATA, pitch(72), HOLD, REST, HOLD],
        [END, REST, REST, REST, REST],
    ]


def test_a_voice_alone_is_its_column() -> None:
    score = piece([(0, 1, 60)], [(0.5, 0.25, 50)], [], [])
    alone = chorale_tokens.encode_voice(score.parts[1].notes, 4, "alto")
    assert alone.tolist() == chorale_tokens.encode(score)[:-1, 2].tolist()
    assert chorale_tokens.decode_voice(alone) == score.parts[1].notes


def test_a_voice_rests_where_nothing_is_there_to_go_on() -> None:
    tokens = np.array([HOLD, pitch(60), REST, HOLD, 0, HOLD, pitch(62), HOLD])
    assert chorale_tokens.decode_voice(tokens) == (Note(0.25, 0.25, 60), Note(1.5, 0.5, 62))


def test_parts_that_are_not_there_are_named() -> None:
    score = piece(SOUNDING, [], [], [])
    decoded = chorale_tokens.decode(chorale_tokens.encode(score), replace(score, parts=()))
    assert [part.name for part in decoded.parts] == ["soprano", "alto", "tenor", "bass"]
    assert decoded == score


def test_a_piece_may_close_where_the_tonics_chord_fills_a_bar() -> None:
    voices = [(0, 1, 67), (1, 1, 65), (2, 1, 67)], [(0, 3, 64)], [(0, 3, 60)], [(0, 3, 48)]
    chord = piece(*voices, metre=(1, 4))
    place, closes = DecodingState.first([replace(chord, keys=(Key(0.0, 0, "major"),))]), []
    unkeyed = DecodingState.first([chord])
    for row in chorale_tokens.encode(chord)[:-1].tolist():
        place, unkeyed = place.next(np.array([row])), unkeyed.next(np.array([row]))
        closes.append(place.closes)
        assert unkeyed.closes == (len(closes) % 4 == 0)
    assert [step for step, may in enumerate(closes, 1) if may] == [4, 12], "C, then F with C and E, then C"


def test_where_there_are_fermatas_a_piece_may_close_on_one() -> None:
    voices = [(bar, 1, 67) for bar in range(4)], [(0, 4, 64)], [(0, 4, 60)], [(0, 4, 48)]
    chord = replace(piece(*voices, metre=(1, 4)), fermatas=(1.0, 3.0))
    place, closes = DecodingState.first([chord]), []
    for row in chorale_tokens.encode(chord)[:-1]:
        place = place.next(row[None])
        closes.append(place.closes)
    assert [step for step, may in enumerate(closes, 1) if may] == [4, 8, 16], "before the first anywhere"


# ---------------------------------------------------------------------------------------- context


@many
def test_the_context_row_by_row_is_that_of_all(seed: int) -> None:
    score = chorale(seed)
    tokens, place = chorale_tokens.encode(score), DecodingState.first([score])
    context = context_of(chorale_tokens, tokens, score)
    for row, expected in zip(tokens.tolist(), context.tolist(), strict=True):
        assert place.context[0].tolist() == expected
        assert all(mask(place, row[:column])[row[column]] for column in range(1 + COUNT))
        place = place.next(np.array([row]))
    assert (context >= 0).all()
    assert (context < chorale_tokens.CONTEXT_SIZES).all()


@many
def test_the_bar_is_given_as_it_is_counted_out(seed: int) -> None:
    score = chorale(seed)
    bars = full_bars_of(score)
    for step, (passed, left, number, *_) in enumerate(
        context_of(chorale_tokens, chorale_tokens.encode(score), score).tolist()
    ):
        bar = bars.at(120 * step)
        assert number == bar.index % chorale_tokens.BARS
        assert (passed + left) * 120 == bar.length
        assert bar.end - bar.length + 120 * passed == 120 * step


def test_a_pickup_is_the_end_of_its_bar() -> None:
    score = piece([(0, 2, 60)], [], [], [], metre=(3, 4), pickup=1)
    context = context_of(chorale_tokens, chorale_tokens.encode(score), score).tolist()
    assert [row[:2] for row in context[:6]] == [[8, 4], [9, 3], [10, 2], [11, 1], [0, 12], [1, 11]]


def test_what_came_where_a_voice_was_as_it_is_now_is_context() -> None:
    soprano = [(quarter, 1, pitch) for quarter, pitch in enumerate((60, 62, 64, 60, 62))]
    score = piece(soprano, [(0, 5, 55)], [], [(0, 1, 40), (1, 4, 43)])
    copied = context_of(chorale_tokens, chorale_tokens.encode(score), score)[:, chorale_tokens.COPIED]
    agreed = context_of(chorale_tokens, chorale_tokens.encode(score), score)[:, chorale_tokens.COPIED.stop :]
    d, e = (chorale_tokens.FIRST_PITCH + pitch - chorale_tokens.LOWEST for pitch in (62, 64))
    assert copied[:13, 0].tolist() == [0] * 13, "nothing came twice"
    assert copied[16:21, 0].tolist() == [d, *[chorale_tokens.HOLD] * 3, e]
    assert agreed[16:21, 0].tolist() == [1, 1, 1, 1, 2], "quarters of C, then of C and D"
    assert copied[15].tolist() == [chorale_tokens.HOLD, chorale_tokens.HOLD, chorale_tokens.REST, chorale_tokens.HOLD]
    assert agreed[15].tolist() == [0, 2, 2, 1], "a note that began is none that goes on"
    assert copied[20].tolist() == [e, 0, 0, chorale_tokens.HOLD], "what was twice the same for half a bar is not"


def test_what_a_voice_has_just_sung_twice_is_not_given_again() -> None:
    bar = [(0, 1, 60), (1, 1, 62), (2, 2, 64)]
    soprano = [(4 * place + quarter, duration, pitch) for place in range(3) for quarter, duration, pitch in bar]
    score = piece(soprano, [(4 * place, 4, 55) for place in range(3)], [], [])
    context = context_of(chorale_tokens, chorale_tokens.encode(score), score)[:, chorale_tokens.COPIED.start :]
    soprano = context[:, [0, len(VOICES)]]
    assert soprano[20:32].all(), "in the second bar the first may come again"
    assert not soprano[32:48].any(), "but not a third time"


def test_what_sounds_before_a_row_is_context() -> None:
    score = piece([(0, 0.5, 60), (0.75, 0.25, 62)], [(0, 1, 55)], [], [(0.25, 0.25, 40)])
    context = [row[3:7] for row in context_of(chorale_tokens, chorale_tokens.encode(score), score).tolist()]
    c, d, g, e = (chorale_tokens.FIRST_PITCH + pitch - chorale_tokens.LOWEST for pitch in (60, 62, 55, 40))
    assert context == [[0, 0, 0, 0], [c, g, 0, 0], [c, g, 0, e], [0, g, 0, 0], [d, g, 0, 0]]
    held = [row[11:15] for row in context_of(chorale_tokens, chorale_tokens.encode(score), score).tolist()]
    assert held == [[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 1], [1, 3, 3, 1], [1, 4, 4, 2]]
    in_c = replace(score, keys=(Key(0.0, 0, "major"),))
    after_two = context_of(chorale_tokens, chorale_tokens.encode(score), in_c)[2].tolist()
    assert after_two[7:11] == [1 + 0, 1 + 7, 0, 1 + 4], "C, G, nothing, E"
    assert after_two[15:21] == [1 + 5, 0, 1 + 8, 0, 1 + 3, 0], "of C, G, nothing and E, the upper one first"
    in_a = context_of(chorale_tokens, chorale_tokens.encode(score), replace(score, keys=(Key(0.0, 0, "minor"),)))[
        2
    ].tolist()
    assert in_a[7:11] == [1 + 3, 1 + 10, 0, 1 + 7]
    assert not any(context_of(chorale_tokens, chorale_tokens.encode(score), score)[2, 7:11]), "no key, no degrees"


@many
def test_rows_of_allowed_tokens_are_those_of_their_piece(seed: int) -> None:
    random, about = np.random.default_rng(seed), piece([], [], [], [])
    place, rows = DecodingState.first([about]), []
    while len(rows) < 12:
        row: tuple[int, ...] = ()
        for column in range(1 + COUNT):
            may = mask(place, row)
            may[END] &= bool(column) or len(rows) == 11
            row = (*row, int(random.choice(np.flatnonzero(may))))
        rows.append(row)
        place = place.next(np.array([row]))
    notes = chorale_tokens.decode(np.array(rows), about)
    last = rows[-1][0] == END
    again = chorale_tokens.encode(notes) if notes.end else np.zeros((0, 5))
    sounding = round(4 * notes.end)
    assert again[:sounding, 1:].tolist() == [list(row[1:]) for row in rows[:sounding]]
    assert not last or rows[-1][1:] == (REST,) * COUNT


@many
def test_any_tokens_at_all_can_be_decoded_and_have_a_context(seed: int) -> None:
    tokens = np.random.default_rng(seed).integers(0, [size + 1 for size in chorale_tokens.VOCABULARY], size=(seed, 5))
    about = piece(metre=(6, 8), pickup=0.5)
    decoded = chorale_tokens.decode(tokens, about)
    assert all(note.duration > 0 for note in decoded.notes)
    assert decoded.end <= len(tokens) / 4
    place = DecodingState.first([about])
    for row, context in zip(tokens.tolist(), context_of(chorale_tokens, tokens, about).tolist(), strict=True):
        assert place.context[0].tolist() == context
        place = place.next(np.array([row]))


# ---------------------------------------------------------------------------------------- transposing


@many
def test_transposing_tokens_is_transposing_notes(seed: int) -> None:
    score, semitones = chorale(seed), seed % 7 - 3
    parts = tuple(
        replace(part, notes=tuple(replace(note, pitch=note.pitch + semitones) for note in part.notes))
        for part in score.parts
    )
    moved = chorale_tokens.transposed(chorale_tokens.encode(score), semitones)
    if all(30 <= note.pitch <= 90 for part in parts for note in part.notes):
        assert moved is not None
        assert moved.tolist() == chorale_tokens.encode(replace(score, parts=parts)).tolist()
    else:
        assert moved is None


# ---------------------------------------------------------------------------------------- what cannot be held


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (piece(SOUNDING, SOUNDING, SOUNDING), "piece: 3 parts; a chorale has four"),
        (Score((Part("", ()),) * 5), "the piece: 5 parts"),
        (piece([], [], [], []), "piece: holds no notes"),
        (
            piece(SOUNDING, [(0, 1, 29)], [], []),
            "piece, alto, the note of pitch 29 at quarter 0: it is outside 30 to 90",
        ),
        (piece([(0, 1, 91)], [], [], []), "piece, soprano, the note of pitch 91"),
        (piece([], [], [(0, 1, 60), (0.5, 1, 64)], []), "tenor, the note of pitch 64 at quarter 0.5: it begins before"),
        (piece([(0, 1, 60), (0, 1, 64)], [], [], []), "it begins before the last one ended"),
        (
            piece(SOUNDING, [], [], [(0, 0, 60)]),
            "bass, the note of pitch 60 at quarter 0: it begins before the last one",
        ),
        (piece([(0.125, 1, 60)], [], [], []), "quarter 0.125: it is off the grid of sixteenths"),
        (piece([(0, 1 / 3, 60)], [], [], []), "it is off the grid of sixteenths"),
        (replace(piece(SOUNDING, [], [], []), fermatas=(0.125,)), "a fermata at quarter 0.125, where no sixteenth"),
        (replace(piece(SOUNDING, [], [], []), fermatas=(1.0,)), "a fermata at quarter 1, where no sixteenth"),
        (piece(SOUNDING, [], [], [], metre=(9, 4)), "bars of 9 quarters after a pickup of 0. Bars and pickup should"),
        (piece(SOUNDING, [], [], [], metre=(3, 32)), "bars of 0.375 quarters"),
        (piece(SOUNDING, [], [], [], pickup=1 / 3), "after a pickup of 0.333333"),
        (piece(SOUNDING, [], [], [], pickup=4), "a pickup of 4 quarters"),
    ],
)
def test_what_cannot_be_held_is_said(score: Score, message: str) -> None:
    with pytest.raises(DataError) as caught:
        chorale_tokens.encode(score)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_voice_longer_than_the_piece_is_said() -> None:
    with pytest.raises(DataError, match=r"melody\.mid, the note of pitch 60 at quarter 3: it ends after 15 sixteenths"):
        chorale_tokens.encode_voice((Note(3, 1, 60),), 15, "melody.mid")
