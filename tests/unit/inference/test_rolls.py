"""Runs of piano rolls: loaded, asked what sounds next, scored and evaluated; and what asks them for speech."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import crnn_audio
from crnn_audio import runs
from crnn_audio.config import load as config
from crnn_audio.corpora import piano_rolls
from crnn_audio.errors import DataError, RecipeError, RunError
from crnn_audio.evaluation import doctor
from crnn_audio.evaluation.evaluate import evaluate
from crnn_audio.evaluation.publish import publish
from crnn_audio.evaluation.show import show
from crnn_audio.inference.rolls import Predictor
from crnn_audio.metrics import baselines
from crnn_audio.metrics.scores import Scores
from crnn_audio.problems import ScoreOptions, parts
from crnn_audio.problems import rolls as problem
from crnn_audio.problems.restore import load, restore
from crnn_audio.training import checkpoint
from crnn_audio.training.setup import _initial
from tests import rolls, trainings
from tests.invariants.small import moved

CELLS = ["rnn", "lstm", "gru", "tcn"]
CONV = [{"channels": 2, "kernel": [3, 7], "stride": [1, 4]}]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rolls.folder(tmp_path_factory.mktemp("rolls") / "piano_rolls", pieces=4)


def untrained(
    path: Path, root: Path, cell: str = "lstm", *, conv: bool = True, head: str = "sigmoid", recall: bool = False
) -> runs.Run:
    """A finished run as training leaves it, whose best weights are random and whose last are zero."""
    changes = {"model.recurrent.cell": cell, "model.recurrent.dropout": 0.5, "model.recurrent.input_dropout": 0.5}
    changes |= {"model.conv": CONV if conv else [], "model.conv_time": "causal", "model.head": {"kind": head}}
    changes |= {"data.copy_context": recall}
    recipe, assets = rolls.small(root, changes), problem.Assets()
    run = runs.create(path, config.dump(recipe), assets, {"command": "crnn-audio train small.yaml"})
    weights = checkpoint.weights(moved(problem.task(recipe, assets).model))
    run.save_weights("best", weights)
    run.save_weights("last", {name: torch.zeros_like(value) for name, value in weights.items()})
    run.set_state("finished", steps=3, epochs=1, train_seconds=3.0, best_dev=1.0)
    return run


@pytest.fixture(scope="module", params=["sigmoid", "nade", "recalling"])
def run(root: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    path = tmp_path_factory.mktemp("run") / "jsb"
    if request.param == "recalling":
        return untrained(path, root, conv=False, recall=True).path
    return untrained(path, root, head=request.param).path


@pytest.fixture(scope="module")
def predictor(run: Path) -> Predictor:
    found = crnn_audio.load(run, device="cpu")
    assert isinstance(found, Predictor)
    return found


# ---------------------------------------------------------------------------------------- loaded


@pytest.mark.parametrize("head", ["sigmoid", "nade"])
@pytest.mark.parametrize("conv", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_law_7_a_run_that_was_moved_says_the_same(cell: str, conv: bool, head: str, root: Path, tmp_path: Path) -> None:
    run, piece = untrained(tmp_path / "run", root, cell, conv=conv, head=head), rolls.tune(7, 25)
    here = load(run.path)
    before = here.score(piece)
    assert before.std() > 1e-3
    kept = here.task.model.state_dict()
    assert all(torch.equal(value, run.weights()[name]) for name, value in kept.items())
    shutil.move(run.path, tmp_path / "else where")
    np.testing.assert_array_equal(load(tmp_path / "else where").score(piece), before)
    # Of zero weights every key has an even chance.
    assert load(tmp_path / "else where", weights="last").score(piece) == pytest.approx(88 * np.log(2), rel=1e-6)


def test_what_is_opened_knows_what_it_is(predictor: Predictor) -> None:
    assert not predictor.task.training
    assert restore(predictor.run).assets == problem.Assets()
    assert restore(predictor.run).recipe.data.collection == "jsb"
    assert not (predictor.run.path / "vocabulary.json").exists()


def test_a_recipe_from_before_there_were_heads_is_read_as_it_was(root: Path, tmp_path: Path) -> None:
    run, piece = untrained(tmp_path / "run", root), rolls.tune(7, 25)
    wanted, recipe = load(run.path).score(piece), run.path / "recipe.yaml"
    text = recipe.read_text()
    recipe.write_text(text.replace("  head:\n    kind: sigmoid\n", ""))
    assert len(recipe.read_text()) < len(text)
    np.testing.assert_array_equal(load(run.path).score(piece), wanted)


def test_weights_of_another_shape_are_refused(root: Path, tmp_path: Path) -> None:
    run = untrained(tmp_path / "run", root)
    recipe = run.path / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("hidden_size: 8", "hidden_size: 9"))
    with pytest.raises(RunError, match="the weights do not fit the recipe beside them"):
        load(run.path)


# ---------------------------------------------------------------------------------------- asked


def test_a_piece_is_scored_frame_by_frame(predictor: Predictor) -> None:
    piece, running = rolls.tune(3, 20), None
    scores = predictor.score(piece)
    assert scores.shape == (19,)
    for frame in range(19):
        chances, running = predictor.step(piece[frame : frame + 1], running)
        assert chances.shape == (1, 88)
        if predictor.run.recipe["model"]["head"]["kind"] == "nade":
            continue  # whose keys are not independent
        wanted = -np.log(np.where(piece[frame + 1] == 1, chances[0], 1 - chances[0])).sum()
        assert scores[frame] == pytest.approx(wanted, rel=1e-4)


def test_steps_of_any_size_say_the_same_and_leave_no_trace(predictor: Predictor) -> None:
    piece = rolls.tune(3, 20)
    whole, after = predictor.step(piece)
    assert ((whole > 0) & (whole < 1)).all()
    first, running = predictor.step(piece[:7])
    nothing, running = predictor.step(piece[:0], running)
    assert nothing.shape == (0, 88)
    for _ in range(2):
        second, ended = predictor.step(piece[7:], running)
        np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-4)
    for one, other in zip(ended.carry.recurrent, after.carry.recurrent, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert not after.carry.recurrent[0].requires_grad


def test_the_shortest_pieces(predictor: Predictor) -> None:
    assert predictor.score(rolls.tune(3, 2)).shape == (1,)
    assert predictor.score(rolls.tune(3, 1)).shape == predictor.score(rolls.tune(3, 0)).shape == (0,)
    np.testing.assert_allclose(predictor.score(rolls.tune(3, 9))[:4], predictor.score(rolls.tune(3, 5)), rtol=1e-4)


# ---------------------------------------------------------------------------------------- evaluated


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_a_split_is_evaluated_beside_its_baselines(predictor: Predictor, root: Path, split: str) -> None:
    found = evaluate(predictor, split)
    assert isinstance(found, Scores)
    pieces = piano_rolls.read_splits(root, "jsb")
    chosen, train = ([piece.roll for piece in pieces[name]] for name in (split, "train"))
    nats = [predictor.score(roll) for roll in chosen]
    frames = sum(len(one) for one in nats)
    assert found.value == pytest.approx(sum(map(np.sum, nats)) / frames, rel=1e-5)
    assert found.metrics["nats_per_frame"] == found.value
    assert found.metrics["nats_per_frame_by_piece"] == pytest.approx(np.mean([one.mean() for one in nats]), rel=1e-5)
    assert found.as_json() == {
        "run": str(predictor.run.path), "corpus": "piano_rolls/jsb", "split": split,
        **found.metrics, "independent_key": baselines.independent_key(train, chosen),
        "key_markov": baselines.key_markov(train, chosen), "pieces": 4, "frames": frames,
    }  # fmt: skip
    restored = restore(predictor.run)
    during = problem.scores(predictor.task, restored.recipe, restored.assets, pieces[split], ScoreOptions(epoch=3))
    assert during.value == found.value, "what training chooses by is what is reported"


def test_the_hardest_pieces_are_listed() -> None:
    pieces = tuple(
        parts.ScoredPiece("frame", *one) for one in (("easy", 4.0, 4), ("long", 100.0, 20), ("hard", 24.0, 3))
    )
    found = Scores({"nats_per_frame": 4.741}, 4.741, "3 pieces", items=pieces, corpus="piano_rolls/jsb", split="test")
    assert found.lines("runs/jsb", 2) == [
        "runs/jsb on piano_rolls/jsb test: 3 pieces",
        "  hard: 8.00 in 3 frames",
        "  long: 5.00 in 20 frames",
    ]
    assert len(found.lines("runs/jsb", 0)) == 1


def test_the_scores_in_words(predictor: Predictor) -> None:
    found = evaluate(predictor, "test")
    first, value, others, baselines, *worst = found.lines("runs/jsb", 2)
    assert first == f"runs/jsb on piano_rolls/jsb test: 4 pieces, {found.figures['frames']} frames predicted"
    assert value == f"  {found.value:.3f} nats a frame"
    assert others.startswith(f"  by other definitions: {found.metrics['nats_per_frame_by_piece']:.3f} as the mean over")
    by_frequency, by_frame_before = found.figures["independent_key"], found.figures["key_markov"]
    assert baselines == (
        f"  baselines: {by_frequency:.2f} by how often a key sounds, {by_frame_before:.2f} by whether it did in the "
        "frame before"
    )
    assert len(worst) == 2


def test_another_root_and_a_split_that_is_not_there(run: Path, root: Path, tmp_path: Path) -> None:
    elsewhere = rolls.folder(tmp_path / "elsewhere", pieces=2, num_frames=9)
    assert len(evaluate(run, "dev", root=elsewhere).items) == 2
    with pytest.raises(DataError, match=r"piano_rolls/jsb: no split 'exam'; it has train, dev, test"):
        evaluate(run, "exam")
    with pytest.raises(DataError, match="not found"):
        evaluate(run, "test", root=tmp_path / "nowhere")
    assert len(evaluate(run, "test", root=root).items) == 4


# ---------------------------------------------------------------------------------------- asked for speech

OTHER = (
    r"a model for task rolls, where one for recognition is needed\. Give a run of a recipe with task\.kind recognition"
)


def test_where_a_recogniser_is_needed_the_message_says_what_this_is(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=OTHER) as caught:
        load(run, "recognition")
    assert caught.value.exit_code == 5
    with pytest.raises(RunError, match=OTHER):
        _initial(trainings.small(tmp_path, {"init": str(run)}))


def test_it_is_published_like_any_other(run: Path, root: Path, tmp_path: Path) -> None:
    made = publish(run, tmp_path / "small")
    again = {split: evaluate(load(made.path, device="cpu"), split, root=root) for split in ("dev", "test")}
    assert {one.split: one.value for one in made.scores} == {split: one.value for split, one in again.items()}
    card = (made.path / "README.md").read_text()
    assert "\n# small\n\nPredicts the next frame of a piano roll: 1 LSTM layers of 8, head " in card
    assert f"| piano_rolls/jsb test | {again['test'].value:.3f} |" in card
    assert str(root) not in card


def test_doctor_listens_to_speech_alone(tmp_path: Path) -> None:
    path = tmp_path / "jsb.yaml"
    path.write_text(json.dumps(rolls.SMALL))
    with pytest.raises(RecipeError, match=r"jsb\.yaml: trains on piano_rolls/jsb; doctor checks recordings"):
        doctor.check(path)


# ---------------------------------------------------------------------------------------- shown


@pytest.mark.parametrize(
    ("cell", "inside", "past"),
    [
        ("rnn", 2 * (8 * 8 + 8 * 8 + 2 * 8), None),
        ("lstm", 2 * 4 * (8 * 8 + 8 * 8 + 2 * 8), None),
        ("gru", 2 * 3 * (8 * 8 + 8 * 8 + 2 * 8), None),
        ("tcn", 2 * 2 * (8 * 8 * 5 + 8), 2 * 4 * 1 + 2 * 4 * 2),
    ],
)
def test_a_recipe_in_figures_by_formula(cell: str, inside: int, past: int | None) -> None:
    shape = {"model.recurrent.cell": cell, "model.recurrent.num_layers": 2, "model.recurrent.kernel_size": 5}
    recipe = rolls.small("nowhere", shape)
    summary = show(recipe)
    assert summary.num_parameters == (88 * 8 + 8) + inside + (8 * 88 + 88)
    assert summary.figures["past_frames"] == past
    context = "all of the past" if past is None else "its own frame and 24 before"
    assert summary.lines == (
        f"parameters          {summary.num_parameters:,}",
        f"context             {context}",
    )


def test_a_causal_front_sees_further_back() -> None:
    shape = {"model.conv": [{"kernel": [5, 3]}, {"kernel": [3, 3]}], "model.conv_time": "causal"}
    assert show(rolls.small("nowhere", shape)).figures["past_frames"] is None
    of_tcn = show(rolls.small("nowhere", shape | {"model.recurrent.cell": "tcn"}))
    assert of_tcn.figures["past_frames"] == 4 + 2 + 4


def test_weights_that_are_finite_and_too_large_are_an_error(root: Path, tmp_path: Path) -> None:
    run = untrained(tmp_path / "huge", root)
    run.save_weights("best", {name: torch.full_like(weight, 3e38) for name, weight in run.weights().items()})
    with pytest.raises(RunError, match="huge: the model computes NaN in place of numbers"):
        evaluate(run.path)
