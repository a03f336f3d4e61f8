"""Starting from a trained run: the same features and network, old tokens in their places, new ones beside them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from crnn_audio import runs
from crnn_audio.batching import manifests
from crnn_audio.errors import RunError
from crnn_audio.problems import start
from crnn_audio.problems.restore import restore
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.training import display, run
from tests import trainings
from tests.trainings import quietly

STACK = {"model.recurrent.num_layers": 2, "task.intermediate": 0.3}
"""With inner heads, so that tokens are rows of one weight and columns of another."""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(display, "plot_curves", lambda *_: None)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return trainings.corpus(tmp_path_factory.mktemp("init") / "corpus", train=6, dev=2)


@pytest.fixture(scope="module")
def trained(root, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(display, "plot_curves", lambda *_: None)
        quietly(trainings.small(root, STACK), folder)
    return folder


@pytest.fixture
def other_words(tmp_path) -> Path:
    """A corpus with a token that the first lacks, and without one that it has."""
    folder = tmp_path / "other"
    folder.mkdir()
    cuts = [trainings.beep(folder, f"one-{n}", text, 0.5) for n, text in enumerate(["az a", "za", "b z", "zb a"])]
    manifests.save(cuts, folder / "train.jsonl")
    return folder


def first_weights(recipe, out: Path, monkeypatch) -> dict[str, torch.Tensor]:
    """The weights that training begins with."""
    found = {}

    def looking(task, *arguments, **options):
        found.update({name: value.clone() for name, value in task.model.state_dict().items()})
        raise KeyboardInterrupt

    monkeypatch.setattr(run.loop, "train", looking)
    with pytest.raises(KeyboardInterrupt):
        quietly(recipe, out)
    return found


def test_old_tokens_keep_ids_weights_and_statistics_and_new_ones_begin_anew(
    trained, other_words, tmp_path, monkeypatch
) -> None:
    recipe = trainings.small(other_words, {**STACK, "init": str(trained)})
    weights = first_weights(recipe, tmp_path / "fine", monkeypatch)
    old, new = runs.open_run(trained), runs.open_run(tmp_path / "fine")
    known, grown = restore(old).assets, restore(new).assets
    count = len(known.vocabulary)
    assert grown.vocabulary.tokens == (*known.vocabulary.tokens, "z")
    assert grown.statistics == known.statistics
    fresh = first_weights(trainings.small(other_words, STACK), tmp_path / "fresh", monkeypatch)
    assert weights.keys() == old.weights().keys() == fresh.keys()
    grew = 0
    for name, before in old.weights().items():
        corner = tuple(slice(size) for size in before.shape)
        assert torch.equal(weights[name][corner], before), name
        if weights[name].shape != before.shape:
            grew += 1
            assert weights[name].shape == tuple(count + 1 if size == count else size for size in before.shape)
    assert grew == 5, "weight and bias of two heads, and the columns of the feedback"
    assert weights["head.linear.weight"][count:].any(), "what is new is sampled, not zero"


def test_the_weights_of_the_seed_do_not_matter_but_for_new_tokens(trained, root, tmp_path, monkeypatch) -> None:
    recipes = [trainings.small(root, {**STACK, "init": str(trained), "seed": seed}) for seed in (1, 2)]
    same = [first_weights(recipe, tmp_path / str(recipe.seed), monkeypatch) for recipe in recipes]
    assert all(torch.equal(same[0][name], same[1][name]) for name in same[0])


def test_it_starts_from_the_best_and_learns(trained, root, tmp_path) -> None:
    quietly(trainings.small(root, {**STACK, "init": str(trained), "optim.max_epochs": 1}), tmp_path / "fine")
    assert runs.open_run(tmp_path / "fine").finished
    before, after = load_file(trained / "best.safetensors"), load_file(tmp_path / "fine" / "last.safetensors")
    distance = sum((before[name] - after[name]).abs().mean().item() for name in before)
    assert 0 < distance < 0.1 * sum(value.abs().mean().item() for value in before.values())


def test_a_run_stopped_before_its_first_checkpoint_starts_from_the_same_weights(
    trained, root, tmp_path, monkeypatch
) -> None:
    recipe = trainings.small(root, {**STACK, "init": str(trained)})
    first, again = (first_weights(recipe, tmp_path / "fine", monkeypatch) for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"features.num_mels": 16}, "features.num_mels: 12 -> 16"),
        ({"model.recurrent.hidden_size": 9}, "model.recurrent.hidden_size: 8 -> 9"),
        ({"task.vocabulary": "words"}, "task.vocabulary: characters -> words"),
        ({"task.intermediate": 0.0}, "task.intermediate heads: True -> False"),
    ],
)
def test_what_does_not_fit_is_refused_with_each_difference(trained, root, tmp_path, changes, named) -> None:
    with pytest.raises(RunError, match="cannot be started from") as raised:
        quietly(trainings.small(root, {**STACK, "init": str(trained)} | changes), tmp_path / "fine")
    assert named in str(raised.value)
    assert not (tmp_path / "fine").exists()


def test_what_training_alone_uses_may_differ(trained, root, tmp_path, monkeypatch) -> None:
    changes = {"model.recurrent.dropout": 0.4, "model.conv_dropout": 0.1, "task.consistency": 0.2, "optim.lr": 1e-4}
    recipe = trainings.small(root, {**STACK, "init": str(trained)} | changes)
    assert first_weights(recipe, tmp_path / "fine", monkeypatch)


def test_a_run_that_is_not_there_is_said(root, tmp_path) -> None:
    with pytest.raises(RunError, match="no such run directory"):
        quietly(trainings.small(root, {"init": "nowhere/run"}), tmp_path / "fine")


def test_growing_keeps_order() -> None:
    vocabulary = Vocabulary.build(["b a"], "characters")
    assert start.grown(vocabulary, ["zb", "ya"]).tokens == (*vocabulary.tokens, "y", "z")
    assert start.grown(vocabulary, ["ab"]) == vocabulary


def test_new_tokens_are_reported_and_how_another_case_does_without_them() -> None:
    old = Vocabulary.build(["one two"], "words")
    assert start.added_tokens("an4", old, start.grown(old, ["two one"])) == []
    assert start.added_tokens("an4", old, start.grown(old, ["ONE three Two"])) == [
        "an4 lacks 3 of the new texts' tokens, untrained as yet: 'ONE', 'Two', 'three'.",
        "  2 of them it knows in lower case: task.case=lower keeps what it has learned.",
    ]
    letters = Vocabulary.build(["ABCDEFGHIJ"], "characters")
    first, second = start.added_tokens("an4", letters, start.grown(letters, ["abcdefghij"]))
    assert first.endswith("untrained as yet: " + ", ".join(map(repr, "abcdefgh")) + " and others.")
    assert "10 of them it knows in upper case: task.case=upper" in second


def test_new_tokens_are_reported_before_training(trained, other_words, tmp_path) -> None:
    said = list[str]()
    recipe = trainings.small(other_words, {**STACK, "init": str(trained), "optim.max_epochs": 1})
    run.train(recipe, tmp_path / "fine", report=said.append)
    assert f"{trained} lacks 1 of the new texts' tokens, untrained as yet: 'z'." in said
