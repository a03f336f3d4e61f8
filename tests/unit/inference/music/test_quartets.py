"""Quartets of pitches alone: written, scored and evaluated, where what tells the end costs nothing."""

import numpy as np
import pytest

import crnn_audio as ca
from crnn_audio.batching.music import Pieces
from crnn_audio.batching.sequence import whole
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DataError
from crnn_audio.evaluation.evaluate import evaluate
from crnn_audio.inference.music.composer import Composer
from crnn_audio.problems import ScoreOptions, music
from crnn_audio.problems.restore import restore
from crnn_audio.symbolic import quartet_tokens
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
    assert likelihood.columns == quartet_tokens.COLUMNS
    assert likelihood.num_notes == 4 * 32
    assert likelihood.nats_per_note == pytest.approx(likelihood.nats[:-1, 1:].mean())
    assert (likelihood.nats[:, 0] == 0).all(), "what tells the end"
    assert (likelihood.nats[-1] == 0).all(), "the row of the end"
    assert (likelihood.nats[:-1, 1:] > 0).all()


def test_a_primer_goes_on(composer: Composer) -> None:
    primer = made.chorale(3)
    piece = composer.generate(primer=primer, bars=4, sampling=Sampling(seed=1))
    rows, given = quartet_tokens.encode(piece.score), quartet_tokens.encode(primer)
    assert np.array_equal(rows[: len(given) - 1], given[:-1])


def test_no_voice_is_kept(composer: Composer) -> None:
    with pytest.raises(
        DataError, match="this model does not distinguish held and repeated notes, so that no voice can be fixed"
    ):
        composer.generate(keep={"soprano": "C5 D5"})


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_split_is_evaluated_over_its_cells_and_by_pieces(composer: Composer, split: str) -> None:
    found = evaluate(composer, split, options=ScoreOptions(num_generated=2))
    restored = restore(composer.run)
    recipe, assets = restored.recipe, restored.assets
    pieces = music.encoded(recipe, music.data(recipe).items[split], assets.conditions)
    assert not pieces.findings
    nats = {}
    for batch in whole(Pieces([[piece] for piece in pieces.pieces], reads_ahead=False), 1):
        (one,) = token_nats(composer.task, batch)
        nats[batch.cut_ids[0]] = one[:-1, 1:]
    cells = sum(one.size for one in nats.values())
    mean = found.figures["mean_over_pieces"]
    assert found.value == pytest.approx(sum(one.sum() for one in nats.values()) / cells, rel=1e-5)
    assert mean == pytest.approx(np.mean([one.mean() for one in nats.values()]), rel=1e-5)
    assert abs(found.value - mean) > 1e-4
    assert sum(one.count for one in found.items) == cells
    assert found.as_json()["mean_over_pieces"] == mean
    first = found.lines("run", 0)[1]
    assert first == f"  {found.value:.3f} nats a note; {mean:.3f} as the mean over pieces"
    assert found.metrics == {"nats_per_note": found.value}
    card = music.card(composer.run, recipe, assets, composer.task, [found])
    assert "four voices on the sixteenth, pitches alone" in card.what
