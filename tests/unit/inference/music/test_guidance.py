"""What keeps generated music from lapses: penalties while it is sampled, and a choice among attempts."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import crnn_audio as ca
from crnn_audio.config.music import MusicGeneration
from crnn_audio.corpora import tunes
from crnn_audio.corpora.tunes import Tune
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DataError
from crnn_audio.inference.music import encoding, selection
from crnn_audio.inference.music.composer import Composer
from crnn_audio.inference.music.prompts import Prompt
from crnn_audio.metrics.voices import VoiceLeading, voice_leading
from crnn_audio.symbolic import chorale_tokens, melody_tokens, quartet_tokens
from crnn_audio.symbolic.form import form_of, played, repeats_of
from crnn_audio.symbolic.representation import context_of
from crnn_audio.symbolic.score import Key, Note, Part, Score, TimeSignature
from crnn_audio.tasks.music_generation import Request, generate
from crnn_audio.tasks.music_guidance import Guidance
from crnn_audio.training.run import train
from tests import events as made

FIRST, LOWEST = chorale_tokens.FIRST_PITCH, chorale_tokens.LOWEST


def token(pitch: int) -> int:
    return FIRST + pitch - LOWEST


# ------------------------------------------------------------------------------------- penalties


def penalties(before: list[int], sampled: list[int], compass=()) -> np.ndarray:
    """Of the tokens of the next voice of one chorale, index 0 being none."""
    guidance = Guidance(chorale_tokens, [True], [compass], [Key(0.0, 0)])
    inputs = np.zeros((1, 5 + len(chorale_tokens.CONTEXT)), dtype=np.int64)
    for column, pitch in zip(chorale_tokens.PITCHED, before, strict=True):
        inputs[0, column.before] = token(pitch) if pitch else 0
    size = chorale_tokens.VOCABULARY[len(sampled)]
    return np.concatenate([[0.0], guidance.penalties(inputs, np.array([sampled], dtype=np.int64), size)[0]])


def test_parallels_are_costly_and_nothing_else() -> None:
    """The bass after a soprano that rose from G to A: from C to D would be a fifth after a fifth."""
    found = penalties([67, 64, 60, 48], [chorale_tokens.ORDINARY, token(69), chorale_tokens.HOLD, chorale_tokens.HOLD])
    costly = {LOWEST + one - FIRST for one in np.flatnonzero(found) if abs(LOWEST + one - FIRST - 48) <= 12}
    assert costly == {50}, "and no octave below, which would be contrary motion"
    octaves = penalties(
        [72, 64, 60, 48], [chorale_tokens.ORDINARY, token(74), chorale_tokens.HOLD, chorale_tokens.HOLD]
    )
    assert octaves[token(50)] > 0
    held = penalties([67, 64, 60, 48], [chorale_tokens.ORDINARY, *[chorale_tokens.HOLD] * 3])
    assert not held[token(36) : token(60) + 1].any(), "one voice that moves makes no parallel"
    rested = penalties([67, 64, 60, 0], [chorale_tokens.ORDINARY, token(69), chorale_tokens.HOLD, chorale_tokens.HOLD])
    assert not rested.any()


def test_leaps_and_ranges() -> None:
    found = penalties([67, 64, 60, 48], [chorale_tokens.ORDINARY])
    assert not found[token(55) : token(79) + 1].any()
    assert found[token(54)] > 0
    assert found[token(80)] > 0
    compass = tuple((token(60), token(70)) for _ in range(4))
    ranged = penalties([67, 64, 60, 48], [chorale_tokens.ORDINARY], compass)
    assert [ranged[token(pitch)] for pitch in (58, 59, 60, 70, 71, 73)] == [4.0, 2.0, 0.0, 0.0, 2.0, 6.0]
    assert not penalties([67, 64, 60, 48], []).any(), "the mark is no pitch"


@pytest.mark.parametrize("kind", [chorale_tokens, melody_tokens, quartet_tokens], ids=["chorale", "melody", "quartet"])
def test_a_guided_piece_is_the_same_alone_and_beside_others(kind: ModuleType) -> None:
    task, width = made.task(kind), len(kind.COLUMNS)
    compass = tuple((one.first_pitch + 12, one.first_pitch + 40) for one in kind.PITCHED)

    def asked(seed: int, *, guided: bool, attempt: int = 0) -> Request:
        nothing = np.zeros((0, width), dtype=np.int64)
        return Request(
            made.ABOUT, (1, 2), seed, nothing, None, None, 40, guided=guided, compass=compass, attempt=attempt
        )

    requests = [asked(3, guided=True), asked(3, guided=False), asked(3, guided=True, attempt=1), asked(8, guided=True)]
    together = generate(task, kind, requests, Sampling())
    for request, found in zip(requests, together, strict=True):
        (alone,) = generate(task, kind, [request], Sampling())
        assert np.array_equal(alone.rows, found.rows)
    assert len({one.rows.tobytes() for one in together}) == 4
    pitched = [kind.PITCHED[0].place, kind.PITCHED[0].first_pitch]

    def outside(rows: np.ndarray) -> float:
        tokens = rows[:, pitched[0]]
        tokens = tokens[tokens >= pitched[1]]
        return float(((tokens < pitched[1] + 12) | (tokens > pitched[1] + 40)).mean())

    assert outside(together[0].rows) < outside(together[1].rows)


def test_a_bar_does_not_come_again_and_again() -> None:
    """Of two bars with a note the second is as the first, three times; a fourth time the note is forbidden."""
    state = melody_tokens.DecodingState.first([made.ABOUT])
    guidance = Guidance(melody_tokens, [True], [()], [None])
    half = melody_tokens.NO_TIME + 1 + melody_tokens.DURATIONS.index(960)
    note = melody_tokens.FIRST_PITCH + 20
    bar = [(note - 1, half), (note, half), (melody_tokens.BAR_LINE, melody_tokens.NO_TIME)]
    found = []
    for row in bar * 4:
        inputs = np.zeros((1, 2 + len(melody_tokens.CONTEXT)), dtype=np.int64)
        costs = guidance.penalties(inputs, np.zeros((1, 0), dtype=np.int64), melody_tokens.VOCABULARY[0])
        found.append((costs[0, row[0] - 1], np.count_nonzero(costs)))
        rows = np.array([row])
        state = state.next(rows)
        guidance.append(rows, state)
    assert found[:9] == [(0.0, 0)] * 9
    assert found[9] == (1.0, 1), "each row of the fourth is less likely"
    assert found[10][0] >= 1000, "and the last note is another"


# ------------------------------------------------------------------------------------- attempts


def test_lapses_are_counted() -> None:
    notes = (Note(0.0, 1.0, 62), Note(1.0, 1.0, 67))
    tune = Score((Part("melody", notes),), time_signatures=(TimeSignature(0.0, 2, 4),), keys=(Key(0.0, 1),))
    assert selection.count(tune, ended=True, closing=True) == 0
    assert selection.count(tune, ended=False) == 1
    assert selection.count(tune, ended=True, ranges=[(63, 70)]) == 1
    assert selection.count(tune, ended=True, ranges=[(62, 67), (0, 9)]) == 0, "ranges of other voices"
    short = replace(tune, parts=(Part("melody", (notes[0], Note(1.0, 0.25, 67))),))
    other = replace(tune, parts=(Part("melody", (notes[0], Note(1.0, 1.0, 71))),))
    for wrong in (short, other):
        assert selection.count(wrong, ended=True, closing=True) == 1
        assert selection.count(wrong, ended=True, closing=False) == 0


def test_what_a_fixed_voice_has_by_itself_is_no_lapse() -> None:
    wide = Part("soprano", (Note(0.0, 1.0, 60), Note(1.0, 1.0, 80)))
    calm, leaping = (Part("bass", (Note(0.0, 1.0, 40), Note(1.0, 1.0, pitch))) for pitch in (45, 60))
    assert selection.count(Score((wide, calm)), ended=True) == 1
    assert selection.count(Score((wide, calm)), ended=True, fixed=["soprano"], ranges=[(60, 70), (30, 50)]) == 0
    assert selection.count(Score((calm, leaping)), ended=True, fixed=["soprano"]) == 1


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Composer:
    """Trained on tunes of two to four bars, of which it knows how many are left, in strains of one or two."""
    folder = tmp_path_factory.mktemp("planned")
    changes = {"optim.max_epochs": 12, "train.eval_epochs": 12, "data.bars_left": True, "optim.lr": 2e-2}
    found = [made.melody(seed, 2 + seed % 3, f"piece {seed}") for seed in range(30)]
    pieces = [replace(one, repeats=repeats_of("AABB" if one.end % 8 == 0 else "", one.end)) for one in found]
    (folder / "corpus").mkdir()
    tunes.save([Tune(one.title, one, {"key": "G", "metre": "4/4"}) for one in pieces], {}, folder / "corpus")
    recipe = made.small("melody", folder / "corpus", changes)
    assert train(recipe, folder / "run", report=print).finished
    opened = ca.load(folder / "run")
    assert isinstance(opened, Composer)
    return opened


def test_a_model_knows_the_ranges_of_its_voices(planned: Composer, tmp_path: Path) -> None:
    ((low, high),) = planned.conditions.ranges
    assert 60 <= low < high <= 84
    assert encoding.ranges_of([Score((Part("", ()), Part("", ()))), Score((Part("", ()),))]) == ()
    assert encoding.ranges_of([Score((Part("", ()),))]) == ()
    assert encoding.compass_of(planned.data, Score(()), [(1, 2), (3, 4)]) == ()


@pytest.mark.parametrize(("pickup", "expected"), [(0.0, [3, 2, 1]), (1.0, [4, 3, 2, 1])])
def test_bars_left_count_down_to_one(planned: Composer, pickup: float, expected: list[int]) -> None:
    """With a pickup its bar is one more, and the last one is short of it."""
    notes = tuple(Note(float(place), 1.0, 60 + place) for place in range(12))
    piece = Score((Part("", notes),), time_signatures=made.ABOUT.time_signatures, keys=made.ABOUT.keys, pickup=pickup)
    rows = melody_tokens.encode(piece)
    context = encoding.context_of(planned.data, rows, context_of(melody_tokens, rows, piece), piece)
    assert list(dict.fromkeys(context[:, -1].tolist())) == expected


def test_while_it_generates_as_many_bars_are_left_as_in_training(planned: Composer) -> None:
    """So the likelihood of a generated piece is that with which it was sampled."""
    asked = {"bars": "4", "metre": "4/4", "key": "G", "pickup": "0"}
    pieces = planned.generate_many(16, Prompt(condition=asked, attempts=3), Sampling(temperature=0.7))
    same = [one for one in pieces if one.ended and encoding.own_condition(one.score)["bars"] == "4"]
    same = [one for one in same if encoding.own_condition(one.score) | asked == dict(one.condition)]
    assert same
    for one in same:
        assert planned.score(one.score).nats.sum() == pytest.approx(one.nats, rel=1e-4)


def test_the_attempt_with_the_fewest_lapses_is_kept(planned: Composer) -> None:
    sampling = Sampling(seed=3)
    once = planned.generate_many(6, Prompt(attempts=1, guided=False), sampling)
    often = planned.generate_many(6, Prompt(attempts=20, guided=False), sampling)
    assert sum(one.lapses for one in often) < sum(one.lapses for one in once)
    for one, other in zip(once, often, strict=True):
        assert other.lapses <= one.lapses
        assert (other.attempt > 0) == (other.score != one.score)
        assert not one.attempt
        assert other.as_json()["attempt"] == other.attempt
    alone = planned.generate(attempts=20, guided=False, sampling=replace(sampling, seed=7))
    assert alone.score == often[4].score


# ------------------------------------------------------------------------------------- what else may be asked for


def test_tempo(planned: Composer) -> None:
    own = MusicGeneration(tempo=90, tempos={"jig": 170, "4/4": 120, "jig 4/4": 60}, attempts=1)
    for condition, expected in (
        ({"style": "jig", "metre": "6/8"}, 170), ({"style": "reel", "metre": "4/4"}, 120),
        ({"style": "jig", "metre": "4/4"}, 60), ({}, 90),
    ):  # fmt: skip
        assert own.tempo_of(condition) == expected
    other = Composer(planned.run, planned.task, planned.data, planned.conditions, own)
    assert other.generate(condition={"metre": "4/4"}).score.tempo == 120
    assert other.generate(tempo=77.0).score.tempo == 77
    assert other.generate(primer="G4 A4", bars=2, condition={"metre": "4/4"}).score.tempo == 120, "names have none"
    slow = Score((Part("", (Note(0.0, 1.0, 67),)),), tempo=55.0)
    assert other.generate(primer=slow, bars=2).score.tempo == 55
    with pytest.raises(DataError, match="tempo: should be from 4 to 1000"):
        other.generate(tempo=2.0)


def test_the_continuation_alone(planned: Composer) -> None:
    asked = {"primer": "G4 A4 B4", "bars": 3, "sampling": Sampling(seed=2)}
    whole, rest = planned.generate(**asked), planned.generate(**asked, continuation_only=True)
    assert [note.pitch for note in whole.score.notes[:3]] == [67, 69, 71]
    assert [(note.start + 3, note.pitch) for note in rest.score.notes] == [
        (note.start, note.pitch) for note in whole.score.notes[3:]
    ]
    assert rest.score.pickup == 1.0
    with pytest.raises(DataError, match="there is no primer"):
        planned.generate(continuation_only=True)


def test_instruments(planned: Composer) -> None:
    assert planned.generate(bars=2, instruments="violin, flute").score.parts[0].program == 40
    with pytest.raises(DataError, match="Did you mean 'fiddle'"):
        planned.generate(bars=2, instruments="fiddel")


def test_a_form_is_written_as_repeats(planned: Composer, tmp_path: Path) -> None:
    assert planned.conditions.knows("form", "AABB")
    asked = {"bars": "2", "metre": "4/4", "pickup": "0", "form": "AABB"}
    pieces = planned.generate_many(12, Prompt(condition=asked, attempts=4), Sampling(temperature=0.5))
    formed = [piece for piece in pieces if piece.score.repeats]
    assert formed
    for piece in formed:
        assert form_of(piece.score) == piece.as_json()["form"] == "AABB"
        assert played(piece.score).end == 2 * piece.score.end == 16.0
        assert "as AABB" in piece.summary
        piece.save(tmp_path / "a.abc")
        assert (tmp_path / "a.abc").read_text().count(":|") == 2
    for piece in pieces:
        through = any(note.start < 4.0 < note.end for note in piece.score.notes)
        assert bool(piece.score.repeats) == (piece.score.end == 8.0 and not through)


def test_parallels_of_a_whole_model_become_fewer(tmp_path: Path) -> None:
    recipe = made.small("chorale", made.folder(tmp_path / "corpus", "chorale"), {"optim.max_epochs": 2})
    assert train(recipe, tmp_path / "run", report=print).finished
    composer = ca.load(tmp_path / "run")
    counts = {}
    for guided in (False, True):
        pieces = composer.generate_many(8, Prompt(bars=6, guided=guided, attempts=1))
        counts[guided] = sum((voice_leading(piece.score) for piece in pieces), VoiceLeading())
    before, after = (counts[one].fifths + counts[one].octaves for one in (False, True))
    assert before > 10
    assert after < 0.3 * before
