"""Quartets of pitches alone: written, scored and evaluated, where what tells the end costs nothing."""

import numpy as np
import pytest

import crnn_audio as ca
from crnn_audio import build
from crnn_audio.batching.music import Pieces
from crnn_audio.batching.sequence import whole
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DataError
from crnn_audio.evaluation.cards import music_card
from crnn_audio.evaluation.evaluate import evaluate_events
from crnn_audio.inference.music.composer import Composer
from crnn_audio.symbolic import quartet
from crnn_audio.tasks.music_generation import token_nats
from crnn_audio.training.run import train
from tests import events as made


@pytest.fixture(scope="module")
def composer(tmp_path_factory: pytest.TempPathFactory) -> Composer:
    folder = tmp_path_factory.mktemp("quartets")
    recipe = made.small("quartet", made.quartets(folder / "jsb16", 4), {"optim.max_epochs": 1})
    opened = ca.load(train(recipe, folder / "run", report=lambda line: None).path)
    assert isinstance(opened, Composer)
    return opened


def test_a_piece_is_written_as_long_as_is_asked(composer: Composer) -> None:
    piece = composer.generate(bars=2, sampling=Sampling(seed=3))
    assert piece.ended
    assert piece.num_notes == 4 * 32
    assert piece.num_tokens == 5 * 33
    assert piece.score.end <= 8
    assert 2 < piece.nats / piece.num_notes < 6


def test_of_a_piece_that_is_scored_the_cells_count(composer: Composer) -> None:
    likelihood = composer.score(made.chorale(3))
    assert likelihood.columns == quartet.COLUMNS
    assert likelihood.num_notes == 4 * 32
    assert likelihood.nats_per_note == pytest.approx(likelihood.nats[:-1, 1:].mean())
    assert (likelihood.nats[:, 0] == 0).all(), "what tells the end"
    assert (likelihood.nats[-1] == 0).all(), "the row of the end"
    assert (likelihood.nats[:-1, 1:] > 0).all()


def test_a_primer_goes_on(composer: Composer) -> None:
    primer = made.chorale(3)
    piece = composer.generate(primer=primer, bars=4, sampling=Sampling(seed=1))
    rows, given = quartet.encode(piece.score), quartet.encode(primer)
    assert np.array_equal(rows[: len(given) - 1], given[:-1])


def test_no_voice_is_kept(composer: Composer) -> None:
    with pytest.raises(DataError, match="this model tells no held note from a repeated one; there is no voice to keep"):
        composer.generate(keep={"soprano": "C5 D5"})


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_split_is_judged_over_its_cells_and_by_pieces(composer: Composer, split: str) -> None:
    found = evaluate_events(composer, split, written=2)
    pieces = build.encoded(composer.run.events, build.music(composer.run.events).splits[split], composer.run.conditions)
    assert not pieces.left_out
    nats = {}
    for batch in whole(Pieces([[piece] for piece in pieces.pieces], reads_ahead=False), 1):
        (one,) = token_nats(composer.task, batch)
        nats[batch.cut_ids[0]] = one[:-1, 1:]
    cells = sum(one.size for one in nats.values())
    assert found.nats_per_note == pytest.approx(sum(one.sum() for one in nats.values()) / cells, rel=1e-5)
    assert found.mean_over_pieces == pytest.approx(np.mean([one.mean() for one in nats.values()]), rel=1e-5)
    assert abs(found.nats_per_note - found.mean_over_pieces) > 1e-4
    assert sum(one.count for one in found.pieces) == cells
    assert found.as_json()["mean_over_pieces"] == found.mean_over_pieces
    first = found.lines("run", 0)[1]
    assert first == f"  {found.nats_per_note:.3f} nats a note; {found.mean_over_pieces:.3f} as the mean over pieces"
    assert found.scores == {"nats_per_note": found.nats_per_note}
    assert "four voices on the sixteenth, pitches alone" in music_card(composer, (found,), "Trained.")
