"""From a recipe to its parts: splits spelled as it says, models initialised by its seed, checked data, statistics."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch

from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut
from crnn_audio.batching.plan import Batch, plan_epoch
from crnn_audio.errors import DataError, RunError
from crnn_audio.evaluation.evaluate import required
from crnn_audio.features import normalize
from crnn_audio.features.normalize import Statistics
from crnn_audio.problems import Data, Feed, recognition, recordings, speech
from crnn_audio.problems.recognition import Assets
from crnn_audio.text.vocabulary import Vocabulary
from tests import trainings

VOCABULARY = Vocabulary.build(["ab c"], "characters")
PLAIN = Assets(VOCABULARY, None)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return trainings.corpus(tmp_path_factory.mktemp("problem") / "corpus", train=8, dev=3)


def splits(recipe) -> dict[str, list[Cut]]:
    return recognition.data(recipe).items


def fed(recipe, vocabulary: Vocabulary | None = None) -> Feed:
    data = recognition.data(recipe)
    built = vocabulary or Vocabulary.build([cut.text for cut in data.items["train"]], "characters")
    return recognition.feed(recipe, data, Assets(built, None))


# ---------------------------------------------------------------------------------------- splits


def test_manifests_are_read_by_split(root) -> None:
    found = splits(trainings.small(root))
    assert {name: len(cuts) for name, cuts in found.items()} == {"train": 8, "dev": 3}
    assert all(cut.recording.path.exists() for cuts in found.values() for cut in cuts)


def test_train_is_needed_and_the_others_are_not(tmp_path) -> None:
    cut = trainings.beep(tmp_path, "one", "a", 0.3)
    with pytest.raises(DataError, match=r"train\.jsonl: no such manifest"):
        splits(trainings.small(tmp_path))
    manifests.save([cut], tmp_path / "train.jsonl")
    manifests.save([cut], tmp_path / "test.jsonl")
    assert set(splits(trainings.small(tmp_path))) == {"train", "test"}


def test_transcripts_are_normalised_as_the_task_says_and_nothing_else_of_a_cut_changes(tmp_path) -> None:
    cut = replace(trainings.beep(tmp_path, "one", "  Well-known,  it’s ÄPFEL ", 0.4), label="greeting")
    manifests.save([cut], tmp_path / "train.jsonl")

    def text(**task: str) -> str:
        changes = {f"task.{name}": value for name, value in task.items()}
        (found,) = splits(trainings.small(tmp_path, changes))["train"]
        assert (found.speaker, found.label) == ("someone", "greeting")
        return found.text

    assert text() == "Well-known, it’s ÄPFEL"
    assert text(case="lower", punctuation="remove") == "well known it's äpfel"
    assert text(case="upper") == "WELL-KNOWN, IT’S ÄPFEL"
    assert text(case="upper", language="tr") == "WELL-KNOWN, İT’S ÄPFEL"


def test_invisible_characters_are_no_tokens_and_are_said(tmp_path) -> None:
    cuts = [trainings.beep(tmp_path, "one", "a\u200bb\ufeff", 0.4), trainings.beep(tmp_path, "two", "\u00adab", 0.4)]
    manifests.save(cuts, tmp_path / "train.jsonl")
    data = recognition.data(trainings.small(tmp_path))
    assert [cut.text for cut in data.items["train"]] == ["ab", "ab"]
    assert data.remarks == (f"{tmp_path}: 3 invisible characters (1 U+200B, 1 U+FEFF, 1 U+00AD) in 2 texts removed.",)


def test_dev_as_train_adds_dev_and_keeps_it_without_holding_it_out(root) -> None:
    data = recognition.data(trainings.small(root, {"data.dev_as_train": True}))
    assert [cut.id for cut in data.items["train"]] == [f"train-{n}" for n in range(8)] + [f"dev-{n}" for n in range(3)]
    assert len(data.items["dev"]) == 3
    assert data.held_out == ("test",)
    assert recognition.data(trainings.small(root)).held_out == ("dev", "test")


def test_a_split_that_is_not_there_is_an_error(root) -> None:
    found = splits(trainings.small(root))
    assert required(found, "dev", "mine") == found["dev"]
    with pytest.raises(DataError, match=r"mine: no split 'test'; it has train, dev\."):
        required(found, "test", "mine")


# ---------------------------------------------------------------------------------------- parts


def test_the_model_is_initialised_by_the_seed_alone(root) -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        recipe = trainings.small(root, {"seed": seed, "features.normalize": "none"})
        return recognition.task(recipe, PLAIN).model.state_dict()

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
    task = recognition.task(trainings.small(root, changes), PLAIN)
    assert (task.front_end.num_features, task.consistency, task.mixed) == (20, 0.3, True)
    assert (task.first_masked_epoch, task.masks.keywords["time_masks"]) == (2, 7)
    assert (task.intermediate, len(task.model.recurrent.inner_heads)) == (0.4, 2)
    assert (task.model.subsampling_factor, task.model.look_ahead) == (2, 0)
    assert any(isinstance(module, torch.nn.GRU) for module in task.model.modules())
    assert not any(isinstance(module, torch.nn.LSTM) for module in task.model.modules())
    recipe = trainings.small(root, {"features.normalize": "none", "model.recurrent.num_layers": 3})
    plain = recognition.task(recipe, PLAIN)
    assert (plain.masks, len(plain.model.recurrent.inner_heads)) == (None, 0)


def test_normalisation_by_kind() -> None:
    module = recordings.normalizer("global", Statistics((1.0, 2.0), (0.5, 4.0)))
    assert isinstance(module, normalize.GlobalNorm)
    features = torch.tensor([[[2.0, 10.0], [9.0, 9.0]]])
    assert module(features, torch.tensor([1])).tolist() == [[[2.0, 2.0], [0.0, 0.0]]]
    assert isinstance(recordings.normalizer("utterance", None), normalize.UtteranceNorm)
    assert isinstance(recordings.normalizer("none", None), normalize.NoNorm)


def test_statistics_of_other_features_are_refused(root) -> None:
    with pytest.raises(RunError, match=r"statistics\.json: damaged \(the features are 12\)"):
        recognition.task(trainings.small(root), Assets(VOCABULARY, Statistics((0.0,) * 11, (1.0,) * 11)))


def test_cuts_carry_their_tokens(root) -> None:
    recipe = trainings.small(root, {"seed": 5})
    chosen = splits(recipe)["train"]
    ready = speech.cuts(recipe, chosen, VOCABULARY)
    assert [VOCABULARY.decode(ids) for ids in ready.targets] == [cut.text for cut in chosen]
    assert (ready.sample_rate, ready.seed) == (trainings.RATE, 5)


def test_the_feed_follows_the_recipe(root) -> None:
    changes = {"data.batch_seconds": 1.3, "augment.speed": [0.8, 1.2], "data.accumulate": 3, "seed": 4}
    recipe = trainings.small(root, changes)
    chosen = splits(recipe)["train"]
    ids, durations = [cut.id for cut in chosen], [cut.duration for cut in chosen]

    def plan(epoch: int, short_first: bool) -> list[Batch]:
        return plan_epoch(ids, durations, budget=1.3, seed=4, epoch=epoch, speeds=[0.8, 1.2], short_first=short_first)

    batches = fed(recipe).batches
    assert [batches.plan(epoch) for epoch in range(3)] == [plan(0, True), plan(1, False), plan(2, False)]
    assert [batches.num_steps(epoch) for epoch in range(9)] == [len(batches.plan(epoch)) for epoch in range(9)]
    assert plan(0, True) != plan(0, False)
    assert batches.accumulate == 3
    assert fed(trainings.small(root, changes | {"data.first_epoch": "shuffled"})).batches.plan(0) == plan(0, False)


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
    (batch,) = next(fed(trainings.small(tmp_path / "elsewhere")).batches.steps(0, 0))
    assert batch.audio.lengths.tolist() == [2400]


# ---------------------------------------------------------------------------------------- checks


def many(folder: Path, count: int = 200) -> list[Cut]:
    """So many cuts of two recordings."""
    folder.mkdir()
    fine, gone = trainings.beep(folder, "fine", "ab", 0.3), trainings.beep(folder, "gone", "ab", 0.3)
    cuts = [Cut(f"c{n}", (gone if n == 7 else fine).recording, 0.0, 0.3, "ab") for n in range(count)]
    manifests.save(cuts, folder / "train.jsonl")
    return cuts


def test_one_unreadable_file_in_two_hundred_is_left_out_before_anything_reads_it(tmp_path) -> None:
    many(tmp_path / "corpus")
    (tmp_path / "corpus" / "gone.wav").write_bytes(b"not audio")
    recipe = trainings.small(tmp_path / "corpus", {"data.batch_seconds": 20.0, "optim.max_epochs": 1})
    _, said = trainings.quietly(recipe, tmp_path / "out")
    (listed,) = map(json.loads, (tmp_path / "out" / "left_out.jsonl").read_text().splitlines())
    assert listed["cut"] == "c7"
    assert "gone.wav: not audio" in listed["problem"]
    assert any(line.startswith("Left out 1 of 200 training cuts") for line in said)


def test_too_many_unreadable_files_leave_no_run_behind(tmp_path) -> None:
    many(tmp_path / "corpus", 50)
    (tmp_path / "corpus" / "gone.wav").unlink()
    with pytest.raises(DataError, match=r"split train: 1 of 50 cuts cannot be used\n  cut 'c7': .*no such file"):
        trainings.quietly(trainings.small(tmp_path / "corpus"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_everything_fine_is_everything_used(root) -> None:
    found = fed(trainings.small(root))
    assert (len(found.batches.cuts.cuts), found.findings, found.remarks) == (8, (), ())


def test_a_cut_of_dev_that_cannot_be_read_refuses(root, tmp_path) -> None:
    copy = shutil.copytree(root, tmp_path / "copy")
    (copy / "dev-1.wav").write_bytes(b"")
    with pytest.raises(DataError, match=r"split dev: 1 of 3 cuts cannot be used\n  cut 'dev-1': .*empty"):
        fed(trainings.small(copy))


def test_symbols_of_dev_that_train_never_shows_are_said_and_kept(root, tmp_path) -> None:
    copy = shutil.copytree(root, tmp_path / "copy")
    manifests.save([trainings.beep(copy, f"dev-{n}", "zé", 0.4) for n in range(2)], copy / "dev.jsonl")
    found = fed(trainings.small(copy))
    (said,) = found.remarks
    assert said.startswith("dev: 2 cuts hold symbols that train never shows and that cannot be recognised: cut 'dev-0'")
    assert "'z', 'é'" in said
    assert len(found.batches.cuts.cuts) == 8


def test_a_corpus_that_changed_under_a_run_is_refused_and_not_learned_as_unknown(root) -> None:
    with pytest.raises(DataError, match=r"8 of 8 cuts cannot be used\n.*unknown to the vocabulary") as raised:
        fed(trainings.small(root), Vocabulary.build(["xyz"], "characters"))
    assert "cut 'train-0'" in str(raised.value)


# ---------------------------------------------------------------------------------------- statistics


def measured(recipe) -> Statistics | None:
    return recognition.assets(recipe, recognition.data(recipe), report=lambda line: None).statistics


def test_the_statistics_are_those_of_all_frames_together(root) -> None:
    recipe = trainings.small(root, {"augment.speed": [0.9, 1.1], "augment.spec_augment": {}})
    found = measured(recipe)
    front_end = recordings.front_end(recipe.features)
    frames = []
    for cut in splits(recipe)["train"]:
        wave = torch.from_numpy(soundfile.read(cut.recording.path, dtype="float32")[0])
        features, lengths = front_end(wave.unsqueeze(0), torch.tensor([len(wave)]))
        frames.append(features[0, : int(lengths)].double())
    everything = torch.cat(frames)
    torch.testing.assert_close(torch.tensor(found.mean), everything.mean(0).float())
    torch.testing.assert_close(torch.tensor(found.std), everything.std(0, correction=0).float())


def test_of_much_audio_a_part_is_measured_that_depends_on_the_seed_alone(root, monkeypatch) -> None:
    whole = measured(trainings.small(root))
    monkeypatch.setattr(recordings, "STATISTICS_SECONDS", 0.7)
    first, again = (measured(trainings.small(root)) for _ in range(2))
    assert first == again != whole
    assert measured(trainings.small(root, {"seed": 2})) != first


@pytest.mark.parametrize("kind", ["utterance", "none"])
def test_without_global_normalisation_nothing_is_measured(root, tmp_path, kind) -> None:
    recipe = trainings.small(root, {"features.normalize": kind})
    assert measured(recipe) is None
    (tmp_path / "run").mkdir()
    PLAIN.save(tmp_path / "run")
    assert not (tmp_path / "run" / "statistics.json").exists()
    assert Assets.from_folder(tmp_path / "run", recipe) == PLAIN


def test_numbers_of_assets_survive_to_the_last_bit(root, tmp_path) -> None:
    whole = Assets(VOCABULARY, Statistics((0.1 + 0.2, 1e-300, -1 / 3), (2**-52 + 1, 3.0, 1e17)))
    whole.save(tmp_path)
    assert Assets.from_folder(tmp_path, trainings.small(root)) == whole


# ---------------------------------------------------------------------------------------- another corpus


@pytest.mark.parametrize(
    ("case", "tokens", "expected"),
    [("keep", "abc", "lower"), ("keep", "ABC", "upper"), ("keep", "aBc", "keep"), ("keep", "12", "keep"),
     ("lower", "ABC", "lower")],
)  # fmt: skip
def test_another_corpus_is_spelled_in_the_case_that_the_model_writes(root, case, tokens, expected) -> None:
    recipe = trainings.small(root, {"task.case": case})
    found = recognition.transfer(recipe, Assets(Vocabulary.build([tokens], "characters"), None))
    assert found == ["data.dev_as_train=false", "data.fold=null", f"task.case={expected}"]


def test_a_corpus_without_dev_cannot_train_on_it(tmp_path) -> None:
    trainings.corpus(tmp_path / "corpus", 3)
    (tmp_path / "corpus" / "dev.jsonl").unlink()
    with pytest.raises(DataError, match=r"has no dev, which data\.dev_as_train would train on"):
        recognition.data(trainings.small(tmp_path / "corpus", {"data.dev_as_train": True}))


def test_data_is_plain() -> None:
    assert Data({}, ()).remarks == ()
