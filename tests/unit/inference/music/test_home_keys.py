"""A composer that knows one key writes in all: what is asked for in another key is the same music, moved."""

from dataclasses import replace
from pathlib import Path

import pytest

import crnn_audio as ca
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DataError
from crnn_audio.inference.music.composer import Composer
from crnn_audio.problems import music
from crnn_audio.symbolic import key_normalization
from crnn_audio.symbolic.score import Key, Score
from crnn_audio.training.run import train
from tests import events as made

CHANGES = {"data.normalize_keys": True, "data.transpose": 0, "optim.max_epochs": 4, "train.eval_epochs": 4}
MAKE = {"chorale": made.chorale, "melody": made.melody}


@pytest.fixture(scope="module", params=["chorale", "melody"])
def composer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Composer:
    folder = tmp_path_factory.mktemp("home")
    recipe = made.small(request.param, made.folder(folder / "corpus", request.param), CHANGES)
    opened = ca.load(train(recipe, folder / "run", report=lambda line: None).path)
    assert isinstance(opened, Composer)
    return opened


def in_d(score: Score) -> Score:
    """A piece in G, a fifth higher."""
    return replace(key_normalization.transpose_score(score, 7), keys=(Key(0.0, 2),))


def test_any_major_key_may_be_asked_for_and_moves_the_piece(composer: Composer) -> None:
    in_key = {key: composer.generate(condition={"key": key}, bars=3, sampling=Sampling(seed=3)) for key in "CGD"}
    pitches = {key: [note.pitch for note in piece.score.notes] for key, piece in in_key.items()}
    assert len(pitches["C"]) > 3
    assert pitches["G"] == [pitch - 5 for pitch in pitches["C"]]
    assert pitches["D"] == [pitch + 2 for pitch in pitches["C"]]
    assert {key: str(piece.score.keys[0]) for key, piece in in_key.items()} == {"C": "C", "G": "G", "D": "D"}


def test_a_mode_that_it_never_saw_is_refused_with_those_it_knows(composer: Composer) -> None:
    with pytest.raises(DataError, match=r"no such key.*This model knows any key that is major"):
        composer.generate(condition={"key": "Em"})


def test_a_piece_is_as_likely_in_another_key(composer: Composer) -> None:
    piece = MAKE[composer.kind](100)
    assert composer.score(in_d(piece)).nats_per_note == composer.score(piece).nats_per_note


def test_a_primer_that_tells_no_key_is_given_one(composer: Composer) -> None:
    piece = composer.generate(primer="G4 B4 D5 G5 F#5 E5 D5 C5 B4 A4 G4:2", bars=5)
    assert str(piece.score.keys[0]) == "G"
    assert any("it has no key; G" in remark for remark in piece.remarks)
    top = piece.score.parts[0].notes
    assert [note.pitch for note in top[:4]] == [67, 71, 74, 79]


def test_a_kept_voice_stays_note_for_note(composer: Composer) -> None:
    piece = in_d(made.chorale(5))
    soprano = replace(piece, parts=piece.parts[:1], fermatas=())
    if composer.kind == "melody":
        with pytest.raises(DataError, match="this model generates one voice"):
            composer.generate(keep={"soprano": soprano})
        return
    found = composer.generate(keep={"soprano": soprano}).score
    assert found.parts[0].notes == piece.parts[0].notes
    assert str(found.keys[0]) == "D"


def test_what_was_trained_on_is_in_one_key(tmp_path: Path) -> None:
    recipe = made.small("melody", made.folder(tmp_path, "melody"), CHANGES)
    data = music.data(recipe)
    tunes, known = data.items["train"], music.assets(recipe, data).conditions
    moved = [replace(tune, score=in_d(tune.score), condition={**tune.condition, "key": "D"}) for tune in tunes]
    own, others = (music.encoded(recipe, some, known).pieces for some in (tunes, moved))
    assert all((one.rows == two.rows).all() for one, two in zip(own, others, strict=True))
    assert all((one.condition == two.condition).all() for one, two in zip(own, others, strict=True))
    assert known.values["key"] == ("C",)
