"""From a recipe to its parts: splits spelled as it says, models drawn from its seed, a plan from its numbers."""

import json
import os
from pathlib import Path

import pytest
import torch

from crnn_audio import build
from crnn_audio.batching import manifests
from crnn_audio.batching.plan import Batch, plan_epoch
from crnn_audio.errors import DataError, RecipeError, RunError
from crnn_audio.features import normalize
from crnn_audio.text.vocabulary import Vocabulary
from tests import trainings

VOCABULARY = Vocabulary.build(["ab c"], "characters")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return trainings.corpus(tmp_path_factory.mktemp("build") / "corpus", train=8, dev=3)


# ---------------------------------------------------------------------------------------- splits


def test_manifests_are_read_by_split(root) -> None:
    splits = build.splits(trainings.small(root))
    assert {name: len(cuts) for name, cuts in splits.items()} == {"train": 8, "dev": 3}
    assert all(cut.recording.path.exists() for cuts in splits.values() for cut in cuts)


def test_train_is_needed_and_the_others_are_not(tmp_path) -> None:
    cut = trainings.beep(tmp_path, "one", "a", 0.3)
    with pytest.raises(DataError, match=r"train\.jsonl: no such manifest"):
        build.splits(trainings.small(tmp_path))
    manifests.save([cut], tmp_path / "train.jsonl")
    manifests.save([cut], tmp_path / "test.jsonl")
    assert set(build.splits(trainings.small(tmp_path))) == {"train", "test"}


def test_transcripts_are_spelled_as_the_task_says(tmp_path) -> None:
    manifests.save([trainings.beep(tmp_path, "one", "  Well-known,  it’s ÄPFEL ", 0.4)], tmp_path / "train.jsonl")

    def text(**task: str) -> str:
        changes = {f"task.{name}": value for name, value in task.items()}
        return build.splits(trainings.small(tmp_path, changes))["train"][0].text

    assert text() == "Well-known, it’s ÄPFEL"
    assert text(case="lower", punctuation="remove") == "well known it's äpfel"
    assert text(case="upper") == "WELL-KNOWN, IT’S ÄPFEL"


def test_dev_as_train_adds_dev_and_keeps_it(root) -> None:
    splits = build.splits(trainings.small(root, {"data.dev_as_train": True}))
    assert [cut.id for cut in splits["train"]] == [f"train-{n}" for n in range(8)] + [f"dev-{n}" for n in range(3)]
    assert len(splits["dev"]) == 3


def test_a_split_that_is_not_there_is_an_error(root) -> None:
    splits = build.splits(trainings.small(root))
    assert required(splits, "dev", "mine") == splits["dev"]
    with pytest.raises(DataError, match=r"mine: no split 'test'; it has train, dev\."):
        required(splits, "test", "mine")


def test_an_unknown_corpus_is_an_error_that_lists_those_there_are() -> None:
    with pytest.raises(
        DataError, match=r"birds: no such corpus\. There are spoken_digits, an4, .*, piano_rolls, chorales"
    ):
        build.prepare("birds")


# ---------------------------------------------------------------------------------------- parts


def test_the_model_is_drawn_from_the_seed_alone(root) -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        recipe = trainings.small(root, {"seed": seed, "features.normalize": "none"})
        return build.recognition(recipe, VOCABULARY, None).model.state_dict()

    first = weights(1)
    torch.randn(5)
    assert all(torch.equal(value, first[name]) for name, value in weights(1).items())
    assert any(not torch.equal(value, first[name]) for name, value in weights(2).items())


def test_the_parts_are_as_the_recipe_says(root) -> None:
    changes = {
        "features.num_mels": 20, "features.normalize": "none", "task.consistency": 0.3, "precision": "bf16",
        "task.intermediate": 0.4, "model.recurrent.num_layers": 3,
        "augment.spec_augment": {"start_epoch": 2, "time_masks": 7}, "model.conv": [{"channels": 3, "stride": [2, 2]}],
        "model.recurrent.cell": "gru", "model.recurrent.bidirectional": False, "model.conv_time": "causal",
    }  # fmt: skip
    task = build.recognition(trainings.small(root, changes), VOCABULARY, None)
    assert (task.front_end.num_features, task.consistency, task.mixed) == (20, 0.3, True)
    assert (task.masks.start_epoch, task.masks.time_masks) == (2, 7)
    assert (task.intermediate, len(task.model.recurrent.inner_heads)) == (0.4, 2)
    assert (task.model.subsampling_factor, task.model.look_ahead) == (2, 0)
    assert any(isinstance(module, torch.nn.GRU) for module in task.model.modules())
    assert not any(isinstance(module, torch.nn.LSTM) for module in task.model.modules())
    plain = build.recognition(
        trainings.small(root, {"features.normalize": "none", "model.recurrent.num_layers": 3}), VOCABULARY, None
    )
    assert (plain.masks, len(plain.model.recurrent.inner_heads)) == (None, 0)


def test_normalisation_by_kind() -> None:
    statistics = ([1.0, 2.0], [0.5, 4.0])
    module = recognition.normalizer("global", statistics)
    assert isinstance(module, normalize.GlobalNorm)
    features = torch.tensor([[[2.0, 10.0], [9.0, 9.0]]])
    assert module(features, torch.tensor([1])).tolist() == [[[2.0, 2.0], [0.0, 0.0]]]
    assert isinstance(recognition.normalizer("utterance", None), normalize.UtteranceNorm)
    assert isinstance(recognition.normalizer("none", None), normalize.NoNorm)


def test_statistics_of_other_features_are_refused(root) -> None:
    with pytest.raises(RunError, match=r"statistics\.json: damaged \(the features are 12\)"):
        build.recognition(trainings.small(root), VOCABULARY, ([0.0] * 11, [1.0] * 11))


def test_cuts_carry_their_tokens(root) -> None:
    recipe = trainings.small(root, {"seed": 5})
    chosen = build.splits(recipe)["train"]
    ready = recognition.cuts(recipe, chosen, VOCABULARY)
    assert [VOCABULARY.decode(ids) for ids in ready.targets] == [cut.text for cut in chosen]
    assert (ready.sample_rate, ready.seed) == (trainings.RATE, 5)


def test_the_feed_follows_the_recipe(root) -> None:
    changes = {"data.batch_seconds": 1.3, "augment.speed": [0.8, 1.2], "data.accumulate": 3, "seed": 4}
    recipe = trainings.small(root, changes)
    chosen = build.splits(recipe)["train"]
    ids, durations = [cut.id for cut in chosen], [cut.duration for cut in chosen]

    def plan(epoch: int, short_first: bool) -> list[Batch]:
        return plan_epoch(ids, durations, budget=1.3, seed=4, epoch=epoch, speeds=[0.8, 1.2], short_first=short_first)

    feed = build.feed(recipe, recognition.cuts(recipe, chosen, VOCABULARY))
    assert [feed.plan(epoch) for epoch in range(3)] == [plan(0, True), plan(1, False), plan(2, False)]
    assert [feed.num_steps(epoch) for epoch in range(9)] == [len(feed.plan(epoch)) for epoch in range(9)]
    assert plan(0, True) != plan(0, False)
    assert feed.accumulate == 3
    shuffled = trainings.small(root, changes | {"data.first_epoch": "shuffled"})
    assert build.feed(shuffled, recognition.cuts(shuffled, chosen, VOCABULARY)).plan(0) == plan(0, False)


# ---------------------------------------------------------------------------------------- the machine


def test_a_gpu_that_is_not_there_is_an_error_and_auto_is_not(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert hardware.device("auto") == hardware.device("cpu") == torch.device("cpu")
    for name in ("cuda", "cuda:1"):
        with pytest.raises(RecipeError, match="PyTorch sees no GPU"):
            hardware.device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert hardware.device("auto") == torch.device("cuda")
    assert hardware.device("cuda:1") == torch.device("cuda:1")


def test_threads_are_as_asked_or_the_cores_that_may_be_used(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3)), raising=False)
    assert (hardware.threads(0), hardware.threads(7)) == (3, 7)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert hardware.threads(0) == 4
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    assert [hardware.threads(asked, 3) for asked in (0, 1, 4)] == [2, 1, 2]
    assert hardware.threads(0, 8) == hardware.threads(4, 8) == 1


def test_a_manifest_of_another_tool_is_read(tmp_path) -> None:
    """Absolute sources and a subset of fields, as a hand-made manifest has them."""
    cut = trainings.beep(tmp_path, "one", "abc", 0.3)
    line = {
        "id": "x", "start": 0, "duration": 0.3, "supervisions": [{"text": "abc"}],
        "recording": {
            "id": "r", "sources": [{"source": str(cut.recording.path)}], "sampling_rate": 8000, "num_samples": 2400,
        },
    }  # fmt: skip
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "train.jsonl").write_text(json.dumps(line))
    recipe = trainings.small(tmp_path / "elsewhere")
    (batch,) = next(build.feed(recipe, recognition.cuts(recipe, build.splits(recipe)["train"], VOCABULARY)).steps(0, 0))
    assert batch.audio.lengths.tolist() == [2400]
