"""A composer writes what is asked for, keeps what it is given, and says how likely a piece is."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import crnn_audio as ca
from crnn_audio.config.music import MusicGeneration
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DataError, RunError
from crnn_audio.inference.music import encoding
from crnn_audio.inference.music.composer import Composer
from crnn_audio.inference.music.prompts import Prompt
from crnn_audio.metrics.cadences import endings
from crnn_audio.symbolic import chorale_tokens, files
from crnn_audio.symbolic.score import Key, Note, Part, Score, TimeSignature
from crnn_audio.training.run import train
from tests import events as made
from tests.shared_cases import case


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Composer]:
    """`trained("melody")` is a composer of that kind, the same one each time."""

    @cache
    def train_once(kind: str) -> Composer:
        folder = tmp_path_factory.mktemp(kind)
        changes = {"optim.max_epochs": 6, "train.eval_epochs": 6}
        run = train(made.small(kind, made.folder(folder / "corpus", kind), changes), folder / "run", report=print)
        assert run.finished
        assert run.metric == "nats_per_note"
        opened = ca.load(run.path)
        assert isinstance(opened, Composer)
        return opened

    return train_once


@pytest.fixture(scope="module", params=["chorale", "melody"])
def composer(request: pytest.FixtureRequest, trained: Callable[[str], Composer]) -> Composer:
    return trained(request.param)


@pytest.fixture(scope="module")
def four(trained: Callable[[str], Composer]) -> Composer:
    return trained("chorale")


@pytest.fixture(scope="module")
def one(trained: Callable[[str], Composer]) -> Composer:
    return trained("melody")


# ------------------------------------------------------------------------------------- from nothing


def test_a_seed_and_settings_bring_a_piece_back(composer: Composer) -> None:
    first = composer.generate(tokens=300, sampling=Sampling(seed=5))
    again = composer.generate_many(3, Prompt(tokens=300), Sampling(seed=4))
    assert first.score.notes == again[1].score.notes
    assert first.nats == pytest.approx(again[1].nats)
    assert [piece.seed for piece in again] == [4, 5, 6]
    assert first.score != again[0].score


def test_so_many_bars(composer: Composer) -> None:
    for piece in composer.generate_many(3, Prompt(bars=3)):
        assert piece.ended
        assert 8 < piece.score.end <= 12


def test_bars_and_the_condition_bars_may_agree(composer: Composer) -> None:
    assert composer.generate(bars=2, condition={"bars": "2.0"}).score.end <= 8


def test_so_many_seconds(composer: Composer) -> None:
    piece = composer.generate(seconds=6.0)
    assert 4 < piece.score.seconds <= 7.5


def test_at_most_so_many_tokens(composer: Composer) -> None:
    piece = composer.generate(tokens=25, sampling=Sampling(seed=1))
    assert piece.num_tokens <= 25


def test_what_is_asked_for_stands_in_the_score(composer: Composer) -> None:
    piece = composer.generate(bars=2, condition={"key": "G", "metre": "4/4"})
    assert str(piece.score.keys[0]) == "G"
    assert str(piece.score.time_signatures[0]) == "4/4"
    close = {"close": "tonic"} if composer.conditions.knows("close", "tonic") else {}
    assert piece.condition == {"key": "G", "metre": "4/4", "bars": "2", "pickup": "0"} | close


def test_where_nothing_is_asked_it_is_like_training_pieces(composer: Composer) -> None:
    kinds = (({"metre": "3/4", "pickup": "1"}, 2), ({"metre": "4/4", "pickup": "0"}, 1))
    known = replace(composer.conditions, combinations=kinds)
    other = Composer(composer.run, composer.task, composer.data, known)
    pieces = other.generate_many(12, Prompt(bars=3))
    metres = [(str(piece.score.time_signatures[0]), piece.score.pickup) for piece in pieces]
    assert 1 < metres.count(("3/4", 1.0)) < 11
    assert metres.count(("3/4", 1.0)) + metres.count(("4/4", 0.0)) == 12
    for piece in pieces:
        bar = piece.score.time_signatures[0].bar
        assert 2 * bar < piece.score.end <= 3 * bar + piece.score.pickup, "the last bar may be short of the pickup"
    alone = other.generate(bars=3, sampling=Sampling(seed=7))
    assert alone.score == pieces[7].score
    assert other.generate(bars=2, condition={"metre": "4/4"}).score.pickup == 0


def test_a_piece_that_closes_on_the_tonic_ends_nowhere_else(one: Composer) -> None:
    for seed in range(6):
        asked = {"key": "G", "metre": "4/4", "close": "tonic"}
        piece = one.generate(condition=asked, tokens=3000, sampling=Sampling(seed=seed))
        assert piece.condition["close"] == "tonic"
        assert not piece.ended or endings(piece.score).on_tonic_chord


def test_a_piece_is_as_long_as_its_condition_tells(composer: Composer) -> None:
    """Where it must close on the tonic, up to the first place where it does."""
    asked, open_end = {"bars": "2", "key": "G", "metre": "4/4"}, not composer.conditions.knows("close", "tonic")
    for seed in range(6):
        piece = composer.generate(condition=asked, tokens=3000, sampling=Sampling(seed=seed))
        assert piece.score.end > 4
        assert not open_end or (piece.ended and piece.score.end <= 8)
        assert open_end or not piece.ended or endings(piece.score).on_tonic_chord


def test_a_pickup_that_is_none(composer: Composer) -> None:
    with pytest.raises(DataError, match="pickup 'much'"):
        encoding.about({"pickup": "much"})
    with pytest.raises(DataError, match="no such pickup"):
        composer.generate(condition={"pickup": "much"})


def test_its_figures_for_json(composer: Composer) -> None:
    piece = composer.generate(bars=2, sampling=Sampling(temperature=0.8, top_k=9, top_p=0.95, seed=2))
    facts = piece.as_json()
    assert (facts["seed"], facts["temperature"], facts["top_k"], facts["top_p"]) == (2, 0.8, 9, 0.95)
    assert facts["quarters"] == piece.score.end
    assert facts["nats_per_note"] == pytest.approx(piece.nats / piece.num_notes, abs=1e-4)


# ------------------------------------------------------------------------------------- likelihood


def test_a_written_piece_is_as_likely_as_it_was_when_sampled(composer: Composer) -> None:
    piece = composer.generate(bars=4, condition={"key": "G"}, sampling=Sampling(seed=3))
    likelihood = composer.score(piece.score)
    assert likelihood.nats.shape[1] == len(composer.representation.COLUMNS)
    assert likelihood.num_notes == piece.num_notes
    assert likelihood.nats.sum() == pytest.approx(piece.nats, rel=0.05), "but for the end, which was asked for"


def test_training_makes_its_pieces_likelier(composer: Composer, tmp_path: Path) -> None:
    kind = composer.kind
    recipe = made.small(kind, made.folder(tmp_path / "corpus", kind), {"optim.max_epochs": 1, "optim.lr": 1e-9})
    untrained = ca.load(train(recipe, tmp_path / "run", report=lambda line: None).path)
    piece = {"chorale": made.chorale, "melody": made.melody}[kind](200)
    assert composer.score(piece).nats_per_note < 0.9 * untrained.score(piece).nats_per_note


def test_given_voices_are_not_asked(four: Composer) -> None:
    piece = made.chorale(300)
    lower = four.score(piece, given=("soprano",))
    assert (lower.nats[:, 1] == 0).all()
    assert (lower.nats[:, 2:] > 0).any(axis=0).all()
    with pytest.raises(DataError, match="'descant' is no column"):
        four.score(piece, given=("descant",))


# ------------------------------------------------------------------------------------- primers


def test_a_primer_of_note_names_begins_a_tune(one: Composer) -> None:
    piece = one.generate(primer="G4 A4 B4 C5 D5:2 B4", bars=4)
    assert [(note.start, note.pitch) for note in piece.score.notes[:5]] == [(0, 67), (1, 69), (2, 71), (3, 72), (4, 74)]
    assert len(piece.score.notes) > 6
    assert piece.score.end == 16


def test_a_polyphonic_primer_begins_a_chorale(four: Composer) -> None:
    piece = four.generate(primer="C3+G3+E4+C5 D3+G3+D4+B4", bars=2)
    assert sorted(note.pitch for note in piece.score.notes if note.start == 0) == [48, 55, 64, 72]
    assert sorted(note.pitch for note in piece.score.notes if note.start == 1) == [50, 55, 62, 71]
    assert any("shared out among four voices" in remark for remark in piece.remarks)


def test_of_a_polyphonic_primer_a_melody_takes_the_top_and_says_so(one: Composer) -> None:
    piece = one.generate(primer="C4+E4+G4 C4+F4+A4", bars=1)
    assert [note.pitch for note in piece.score.notes[:2]] == [67, 69]
    assert piece.remarks


def test_the_key_of_a_primer_is_given_to_the_model(one: Composer) -> None:
    primer = made.melody(3)
    assert one.generate(primer=primer, tokens=200).condition["key"] == "G"


@pytest.mark.parametrize(
    ("primer", "message"),
    [
        ("", "holds no notes"),
        ("H4", "note 'H4': should be a letter"),
        ("C4:0", "above 0 and at most 64"),
        ("C4:x", "above 0 and at most 64"),
        ("missing.mid", "missing.mid: "),
        (Score((Part("a", ()),)), "holds no notes"),
    ],
)
def test_what_is_no_primer(one: Composer, primer, message: str) -> None:
    with pytest.raises(DataError, match=message):
        one.generate(primer=primer)


def test_the_rest_at_the_end_of_written_notes_is_kept(composer: Composer) -> None:
    for rest in (1, 2, 2.5, 5):
        piece = composer.generate(primer=f"G4:3 A4 R:{rest}", bars=4)
        assert [note.start for note in piece.score.notes if note.start < 4 + rest] == [0, 3]


def test_a_rest_at_the_end_of_a_file_is_left_out_with_a_word(one: Composer, tmp_path: Path) -> None:
    (tmp_path / "tune.abc").write_text("X:1\nM:4/4\nL:1/4\nK:G\nG A B c | G z3 |\n")
    piece = one.generate(primer=tmp_path / "tune.abc", bars=4)
    assert "3 quarters of rest at its end left out: the piece goes on after its last note" in piece.remarks


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"primer": "G4:4 A4:4 B4:4", "bars": 2}, r"the primer lasts 12 quarters \(3 bars\).* should last 8"),
        ({"primer": "G4:4 A4:4 B4:4", "bars": 3}, "the primer lasts 12 quarters"),
        ({"primer": "G4:4 A4:4 B4:4", "seconds": 2.0}, "the primer lasts 12 quarters"),
        ({"primer": "G4:4 A4:4 B4:4", "tokens": 4}, "the primer has .* tokens"),
        ({"primer": "G4 " + "R:64 " * 400}, "the primer lasts 25601 quarters, which are .* 4095 are generated at most"),
        ({"bars": 100_000}, "a piece of 400000 quarters has more than the 4095 rows"),
        ({"bars": 16, "condition": {"bars": "8"}}, "bars: 16, and 8 by the condition bars=8"),
        ({"condition": {"key": "G", "Key": "Ab"}}, "condition Key=Ab: key is given twice"),
    ],
)
def test_lengths_that_cannot_be_are_refused_at_once(composer: Composer, options: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        composer.generate(**options)


def test_a_primer_of_weeks_is_refused_at_once(composer: Composer) -> None:
    with pytest.raises(DataError, match="lasts 559241 quarter notes; a piece lasts 20000 at most"):
        composer.generate(primer=Score((Part("a", (Note(559_240.0, 1, 67),)),)))
    with pytest.raises(DataError, match="a piece lasts 20000 at most"):
        composer.generate(primer=case("music_primer_beyond_4096_rows") / "huge_delta.mid", bars=4)


def test_what_is_wrong_with_a_piece_names_its_file(composer: Composer, tmp_path: Path) -> None:
    files.save(Score((Part("a", (Note(30_000.0, 1, 67),)),), title="Étude"), tmp_path / "long.mid")
    for ask in (composer.score, lambda path: composer.generate(primer=path)):
        with pytest.raises(DataError, match=f"^{re.escape(str(tmp_path / 'long.mid'))}: .*lasts 30001 quarter notes"):
            ask(tmp_path / "long.mid")


def test_conditions_that_replace_a_primers_own_are_said(one: Composer) -> None:
    piece = one.generate(primer=replace(made.melody(3), keys=(Key(0.0, 2),)), condition={"key": "G"}, bars=8)
    assert "its key D is replaced by G, the condition" in piece.remarks


# ------------------------------------------------------------------------------------- kept voices


def soprano_of(piece: Score) -> Score:
    return replace(piece, parts=piece.parts[:1], fermatas=())


def test_a_kept_voice_stands_note_for_note(four: Composer) -> None:
    given = made.chorale(400, bars=3)
    for piece in four.generate_many(2, Prompt(keep={"soprano": soprano_of(given)})):
        assert piece.score.parts[0].notes == given.parts[0].notes
        assert piece.score.end == given.end
        assert sum(len(part.notes) for part in piece.score.parts[1:]) > 3


def test_of_a_kept_voice_the_model_is_given_its_own_key_and_metre(four: Composer) -> None:
    given = soprano_of(made.chorale(403, bars=3))
    piece = four.generate(keep={"soprano": given})
    assert piece.condition == {"key": "G", "metre": "4/4", "bars": "3", "pickup": "0"}
    in_three = replace(given, time_signatures=(TimeSignature(0.0, 3, 4),), keys=(), title="")
    piece = four.generate(keep={"soprano": in_three})
    asked = {name: value for name, value in piece.condition.items() if name != "key"}
    assert asked == {"bars": "4", "pickup": "0"}, "the model knows no 3/4, and must not be given 4/4"
    assert [str(metre) for metre in piece.score.time_signatures] == ["3/4"]
    assert four.generate(keep={"soprano": given}, condition={"key": "Ab"}).condition["key"] == "Ab"


def test_two_kept_voices(four: Composer) -> None:
    given = made.chorale(401, bars=3)
    bass = Score((given.parts[3],), time_signatures=given.time_signatures)
    piece = four.generate(keep={"soprano": soprano_of(given), "bass": bass})
    assert piece.score.parts[0].notes == given.parts[0].notes
    assert piece.score.parts[3].notes == given.parts[3].notes


def test_a_voice_is_found_by_its_name_in_a_file_of_several(four: Composer) -> None:
    given = made.chorale(402)
    piece = four.generate(keep={"tenor": given})
    assert piece.score.parts[2].notes == given.parts[2].notes


def long_voice() -> Score:
    return Score((Part("soprano", tuple(Note(4.0 * bar, 4.0, 70) for bar in range(300))),))


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ({"soprano": "C5+E5 D5"}, "fixed soprano.*One note at a time"),
        ({"soprano": long_voice()}, "a fixed voice lasts 4800 sixteenths; this model generates 4095 at most"),
        ({"descant": "C5 D5"}, "keep descant: no such voice; there are soprano, alto, tenor, bass"),
        ({"soprano": "C9"}, "outside 30 to 90"),
    ],
)
def test_what_cannot_be_kept(four: Composer, keep, message: str) -> None:
    with pytest.raises(DataError, match=message):
        four.generate(keep=keep)


def soprano(*notes: tuple[float, float, int], **about: object) -> Score:
    return Score((Part("soprano", tuple(Note(*note) for note in notes)),), **about)


def spans(piece: Score) -> list[tuple[float, float, int]]:
    return [(note.start, note.duration, note.pitch) for note in piece.parts[0].notes]


def test_a_kept_voice_is_rounded_to_the_grid(four: Composer) -> None:
    gates = soprano((0, 479 / 480, 71), (1, 479 / 480, 72), (2.02, 0.99, 74), (3, 1.04, 71))
    piece = four.generate(keep={"soprano": gates})
    assert spans(piece.score) == [(0, 1, 71), (1, 1, 72), (2, 1, 74), (3, 1, 71)]
    assert "the fixed soprano: 4 notes moved to the grid" in piece.remarks
    triplets = soprano(*((place / 3, 1 / 3, 71 + place) for place in range(6)))
    piece = four.generate(keep={"soprano": triplets})
    assert [start for start, _, _ in spans(piece.score)] == [0, 0.25, 0.75, 1, 1.25, 1.75]


def test_a_melody_out_of_musescore_is_kept(four: Composer) -> None:
    piece = four.generate(keep={"soprano": case("music_keep_off_grid") / "ms_pickup.mid"})
    assert [note.pitch for note in piece.score.parts[0].notes] == [67, 72, 74, 76, 72]
    assert all(note.duration == 1 for note in piece.score.parts[0].notes)
    assert (str(piece.score.time_signatures[0]), piece.score.pickup) == ("3/4", 1.0)


def test_fermatas_of_a_kept_voice_stay_and_no_others_come(four: Composer) -> None:
    given = soprano(*((float(place), 1.0, 70 + place % 3) for place in range(16)), fermatas=(7.0, 13.01))
    for piece in four.generate_many(2, Prompt(keep={"soprano": given})):
        assert piece.score.fermatas == (7.0, 13.0)


def test_the_key_of_a_kept_voice_without_one_is_estimated(four: Composer) -> None:
    given = soprano(*((float(place), 1.0, pitch) for place, pitch in enumerate((67, 71, 74, 72, 71, 69, 66, 67))))
    piece = four.generate(keep={"soprano": given})
    assert str(piece.score.keys[0]) == piece.condition["key"] == "G"
    assert "it has no key; G was estimated" in piece.remarks


def test_kept_voices_that_disagree_are_said(four: Composer) -> None:
    high = soprano((0, 4, 71), (4, 4, 72), keys=(Key(0.0, 1),), time_signatures=(TimeSignature(0.0, 4, 4),))
    low = Score(
        (Part("bass", (Note(0, 3, 48),)),), keys=(Key(0.0, 0),), time_signatures=(TimeSignature(0.0, 3, 4),), pickup=1.0
    )
    remarks = four.generate(keep={"soprano": high, "bass": low}).remarks
    assert set(remarks) >= {
        "the fixed bass has key C and the soprano G, which holds",
        "the fixed bass has time signature 3/4 and the soprano 4/4, which holds",
        "the fixed bass has a pickup of 1 quarters and the soprano 0, which holds",
        "the fixed bass ends at quarter 3 and the soprano at 8: the shorter one rests",
    }


def test_the_melody_of_a_file_is_kept_as_soprano(four: Composer) -> None:
    parts = (Part("Piano", (Note(0, 4, 50),)), Part("Voice", (Note(0, 4, 72),)))
    assert four.generate(keep={"soprano": Score(parts)}).score.parts[0].notes == (Note(0, 4, 72),)


def test_a_model_of_one_voice_keeps_none(one: Composer) -> None:
    with pytest.raises(DataError, match="generates one voice"):
        one.generate(keep={"soprano": "C5"})


def test_a_kept_voice_tells_the_length_itself(four: Composer) -> None:
    with pytest.raises(DataError, match="leave out primer, bars and seconds"):
        four.generate(keep={"soprano": "C5"}, bars=4)


# ------------------------------------------------------------------------------------- defaults


def test_the_defaults_are_those_of_the_recipe(one: Composer) -> None:
    own = MusicGeneration(temperature=0.0, top_p=0.5, tempo=66.0, guided=False, attempts=1)
    other = Composer(one.run, one.task, one.data, one.conditions, own)
    piece = other.generate(bars=1)
    assert (piece.sampling.temperature, piece.sampling.top_p, piece.score.tempo) == (0.0, 0.5, 66.0)
    chosen = other.generate(bars=1, sampling=Sampling(seed=3))
    assert chosen.score.notes == one.generate(bars=1, sampling=Sampling(seed=3)).score.notes


# ------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"condition": {"mood": "sad"}}, "knows no 'mood'. Its conditions are: bars, close, key, metre"),
        ({"condition": {"key": "H"}}, "condition key=H: no such key.* This model knows Ab, F#, G"),
        ({"condition": {"metre": "4/5"}}, "condition metre=4/5: no such metre. Did you mean '4/4'"),
        ({"bars": 0}, "bars: should be above 0"),
        ({"seconds": -1.0}, "seconds: should be above 0"),
        ({"tokens": 0}, "tokens: should be above 0"),
    ],
)
def test_what_cannot_be_asked_for(one: Composer, options, message: str) -> None:
    with pytest.raises(DataError, match=message):
        one.generate(**options)


def test_an_empty_model_of_conditions_is_damaged(one: Composer, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(one.run.path, copy)
    for wrong in (
        '{"key": "G"}',
        '{"values": {"key": "G"}, "combinations": []}',
        '{"values": {}, "combinations": [{"condition": {"metre": 1}, "pieces": 1}]}',
        '{"values": {}, "combinations": [{"condition": {}, "pieces": 0}]}',
    ):
        (copy / "conditions.json").write_text(wrong)
        with pytest.raises(RunError, match=r"conditions\.json: damaged"):
            ca.load(copy)
    (copy / "conditions.json").write_text('{"values": {"key": ["G"]}, "combinations": []}')
    with pytest.raises(RunError, match="do not fit the recipe"):
        ca.load(copy)


def test_grids_of_kept_voices_end_in_a_row_of_rests(four: Composer) -> None:
    piece = four.generate(keep={"soprano": "G4 A4 B4 G4"})
    rows = chorale_tokens.encode(replace(piece.score, fermatas=()))
    assert rows[-1].tolist() == [chorale_tokens.END, 1, 1, 1, 1]
    assert np.array_equal(rows[:-1, 1][::4] - chorale_tokens.FIRST_PITCH + chorale_tokens.LOWEST, [67, 69, 71, 67])
