"""Law 6: parts of a batch add up to the batch, and the same seed gives the same weights."""

from pathlib import Path

import pytest
import torch

from crnn_audio.problems import recognition
from crnn_audio.training import loop, optim
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.options import Options
from tests import trainings

OPTIONS = Options(
    max_epochs=1, lr=1e-2, schedule="one_cycle", warmup=0.2, plateau_patience=1, clip_norm=1.0, clip_value=None,
    eval_epochs=1, early_stopping=0, checkpoint_steps=0, seed=1,
)  # fmt: skip


def trained(recipe, tmp_path: Path, accumulate: int, name: str = "adamw"):
    """Weights and reports of an epoch in float64: behind the features, where a difference is a bug and not noise."""
    data, assets = trainings.read(recipe)
    task = recognition.task(recipe, assets)
    task.model.double()
    single = task.features
    task.features = lambda audio: (single(audio)[0].double(), single(audio)[1])
    changed = recipe.model_copy(update={"data": recipe.data.model_copy(update={"accumulate": accumulate})})
    recorder, feed = trainings.Recorder(), recognition.feed(changed, data, assets).batches
    loop.train(
        task,
        feed,
        optim.build_optimizer(task.model, name=name, lr=1e-2),
        None,
        Progress(),
        OPTIONS,
        total_steps=feed.num_steps(0),
        device=torch.device("cpu"),
        validate=None,
        keep_best=lambda scores: None,
        checkpoint_path=tmp_path / "checkpoint.safetensors",
        observer=recorder,
        stop=lambda: False,
    )
    return task.model.state_dict(), recorder.reports


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return trainings.corpus(tmp_path_factory.mktemp("accumulation") / "corpus", train=13)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what checking remembers is kept there


WAYS = {
    "plain": {},
    "masks": {"augment.spec_augment": {"time_width": 5, "freq_width": 5}, "augment.speed": [0.9, 1.1]},
    "two views": {"augment.spec_augment": {"time_width": 5, "freq_width": 5}, "task.consistency": 0.3},
    "inner heads": {"task.intermediate": 0.3, "model.recurrent.num_layers": 3},
    "one direction": {"model.recurrent.bidirectional": False, "model.recurrent.cell": "gru"},
    "tcn": {"model.recurrent.bidirectional": False, "model.recurrent.cell": "tcn"},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_parts_of_a_batch_add_up_to_the_batch(root, tmp_path, way, name) -> None:
    """Two, three and more parts, uneven ones, and more parts than a batch has cuts."""
    recipe = trainings.small(root, {"features.normalize": "utterance", "data.batch_seconds": 2.6} | WAYS[way])
    whole, reports = trained(recipe, tmp_path, 1, name)
    initial = trainings.untrained(recipe).model
    assert any((whole[one] - value.double()).abs().max() > 1e-3 for one, value in initial.state_dict().items())
    for count in (2, 3, 5):
        parted, parts = trained(recipe, tmp_path, count, name)
        for one in whole:
            torch.testing.assert_close(parted[one], whole[one], rtol=1e-9, atol=1e-9)
        for ours, theirs in zip(parts, reports, strict=True):
            assert ours.loss == pytest.approx(theirs.loss, rel=1e-9)
            assert ours.gradient_norm == pytest.approx(theirs.gradient_norm, rel=1e-9)
            assert ours.amount == pytest.approx(theirs.amount)
            assert ours.padded_amount <= theirs.padded_amount + 1e-9


def test_the_parts_are_uneven_in_count_and_in_length(root) -> None:
    """Or the law above would hold for a mean of means too."""
    recipe = trainings.small(root, {"features.normalize": "utterance", "data.batch_seconds": 2.6, "data.accumulate": 2})
    feed = recognition.feed(recipe, *trainings.read(recipe)).batches
    sizes = [tuple(one.size for one in parts) for parts in feed.steps(0, 0)]
    assert any(len(set(size)) > 1 for size in sizes), sizes


# ---------------------------------------------------------------------------------------- determinism


@pytest.fixture
def runs(root, tmp_path, monkeypatch):
    monkeypatch.setattr("crnn_audio.training.display.plot_curves", lambda *_: None)

    def run(name: str, **changes) -> Path:
        recipe = trainings.small(root, trainings.EVERYTHING_RANDOM | changes)
        trainings.quietly(recipe, tmp_path / name)
        return tmp_path / name

    return run


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(runs) -> None:
    once, again, other = runs("once"), runs("again"), runs("other", seed=2)
    assert trainings.log_of(once) == trainings.log_of(again)
    assert trainings.same_bytes(once, again)
    assert not trainings.same_bytes(once, other)


def test_neither_workers_nor_what_was_sampled_before_change_the_weights(runs) -> None:
    once = runs("once")
    torch.randn(7)
    workers = runs("workers", **{"data.workers": 2})
    assert trainings.log_of(once) == trainings.log_of(workers)
    assert trainings.same_bytes(once, workers)
