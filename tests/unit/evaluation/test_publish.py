"""A published copy: half the bytes, scored as it ships, with a card that says so; and what is not published."""

import errno
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jiwer
import pytest
import torch
from huggingface_hub import EvalResult, ModelCard
from safetensors.torch import load_file
from torch import Tensor

import crnn_audio
from crnn_audio import files, runs
from crnn_audio.batching import manifests
from crnn_audio.config import load as config
from crnn_audio.corpora import an4
from crnn_audio.decoding.options import DecodingOptions
from crnn_audio.errors import DataError, RunError
from crnn_audio.evaluation.evaluate import evaluate
from crnn_audio.evaluation.publish import publish
from crnn_audio.evaluation.tune import store
from crnn_audio.features.normalize import Statistics
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.metrics.scores import Scores
from crnn_audio.problems import ScoreOptions, recognition
from crnn_audio.problems.recognition import Assets
from crnn_audio.problems.restore import load, restore
from crnn_audio.runs import Run
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.training import directory
from tests import trainings

FILES = {"run.json", "recipe.yaml", "vocabulary.json", "statistics.json", "best.safetensors", "README.md"}
LIVE = {"model.recurrent.bidirectional": False, "model.recurrent.look_ahead": 2}
ENDED = {
    "steps": 30,
    "epochs": 3,
    "train_seconds": 12.5,
    "best_epoch": 2,
    "best_dev": 0.5,
    "threads": 1,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trainings.corpus(tmp_path_factory.mktemp("publish") / "corpus", train=4, dev=3, test=4)


def trained(
    path: Path, root: Path, changes: dict[str, Any] | None = None, which: tuple[str, ...] = ("best", "last")
) -> Run:
    """A run as training leaves it, without any training; rounding its weights changes what they hear."""
    recipe = trainings.small(root, changes)
    command = f"crnn-audio train recipes/small.yaml data.root={root} seed=7 --out {path.name}"
    facts = {"recipe": "recipes/small.yaml", "command": command, "commit": "0123456789ab", "dirty": False}
    run = runs.create(path, config.dump(recipe), assets_of(root), facts)
    for number, name in enumerate(which):
        run.save_weights(name, weights(run, number))
    for name in ("checkpoint.safetensors", "log.jsonl", "left_out.jsonl", "curves.png"):
        (path / name).write_bytes(b"of training")
    run.set_state("finished", **ENDED)
    return runs.open_run(path)


def assets_of(root: Path) -> Assets:
    tokens = Vocabulary.build([cut.text for cut in manifests.load(root / "train.jsonl")], "characters")
    return Assets(tokens, Statistics((-8.0,) * 12, (3.0,) * 12))


def weights(run: Run, seed: int) -> dict[str, Tensor]:
    """Blank wins by far where numbers are exact; next to 16381 and 16391 half precision knows 16384 alone."""
    restored = restore(run)
    model = recognition.task(restored.recipe.model_copy(update={"seed": seed}), restored.assets).model
    with torch.no_grad():
        model.head.linear.bias.fill_(16381)
        model.head.linear.bias[0] = 16391
    return model.state_dict()


@pytest.fixture(scope="module")
def run(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Only to be read."""
    return trained(tmp_path_factory.mktemp("run") / "run", root)


@pytest.fixture(scope="module")
def copy(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of `run`; only to be read."""
    return publish(run.path, tmp_path_factory.mktemp("copy") / "small").path


def scored(path: Path, split: str) -> Scores:
    return evaluate(load(path, device="cpu"), split)


# ---------------------------------------------------------------------------------------- the copy


def test_the_decoder_goes_with_it(root: Path, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("ab\nc\n")
    run = trained(tmp_path / "run", root, {"decoder.lexicon": str(tmp_path / "words.txt"), "decoder.word_score": 9})
    store(run, restore(run).recipe.decoder.options)
    published = publish(run.path, tmp_path / "small")
    (tmp_path / "words.txt").unlink()
    opened = load(published.path, device="cpu")
    assert opened.decoding.identity == load(run.path, device="cpu").decoding.identity
    said = {word for one in evaluate(opened, "test").items for word in one.hypothesis.split()}
    assert said == {word for one in published.scores[-1].items for word in one.hypothesis.split()}
    assert said
    assert said <= {"ab", "c"}
    bare = opened.with_decoding(DecodingOptions(greedy=True))
    freely = evaluate(bare, "test", options=ScoreOptions(decoder=bare.decoder))
    assert not {word for one in freely.items for word in one.hypothesis.split()} <= {"ab", "c"}
    assert (
        "With the decoder that it keeps (word_score 9, lexicon words.txt" in (published.path / "README.md").read_text()
    )
    assert "lexicon: words.txt" in (published.path / "recipe.yaml").read_text()


def test_the_copy_is_the_run_without_its_training(run: Run, copy: Path) -> None:
    assert {path.name for path in copy.iterdir()} == FILES
    opened = runs.open_run(copy)
    assert opened.finished
    assert (opened.recipe, opened.text) == (run.recipe, run.text)
    assert restore(opened).assets == restore(run).assets
    kept = {name: fact for name, fact in run.facts.items() if name not in ("format", "crnn_audio", "state", "sha256")}
    assert kept.keys() > ENDED.keys()
    assert {name: opened.facts[name] for name in kept} == kept
    assert isinstance(load(copy), Recognizer)


def test_its_weights_are_the_runs_in_half_precision_and_half_the_bytes(run: Run, copy: Path) -> None:
    small, whole = load_file(copy / "best.safetensors"), load_file(run.path / "best.safetensors")
    assert small.keys() == whole.keys()
    for name, weight in whole.items():
        assert small[name].dtype == torch.float16
        assert torch.equal(small[name], weight.half()), name
    assert any(not torch.equal(weight.half().float(), weight) for weight in whole.values()), "nothing was rounded"
    numbers = 2 * sum(weight.numel() for weight in whole.values())
    sizes = [(path / "best.safetensors").stat().st_size for path in (copy, run.path)]
    headers = [int.from_bytes((path / "best.safetensors").read_bytes()[:8], "little") + 8 for path in (copy, run.path)]
    assert [size - header for size, header in zip(sizes, headers, strict=True)] == [numbers, 2 * numbers]
    used = load(copy, device="cpu").task.model.state_dict()
    assert all(torch.equal(used[name], small[name].float()) for name in small)


def test_the_last_weights_are_published_if_asked(run: Run, tmp_path: Path) -> None:
    made = publish(run.path, tmp_path / "last", weights="last", splits=())
    small, last = load_file(made.path / "best.safetensors"), load_file(run.path / "last.safetensors")
    assert all(torch.equal(small[name], weight.half()) for name, weight in last.items())
    assert not torch.equal(last["head.linear.weight"], load_file(run.path / "best.safetensors")["head.linear.weight"])
    again = publish(made.path, tmp_path / "again", splits=())
    for one in (made, again):
        assert one.weights == "last"
        assert "The weights are those at the end of training.\n" in sections(one.path)["Data"]


def test_without_a_choice_on_dev_they_are_the_last(root: Path, copy: Path, tmp_path: Path) -> None:
    made = publish(trained(tmp_path / "run", root, which=("last",)).path, tmp_path / "small", splits=())
    assert made.weights == "last"
    assert "The weights are those at the end of training.\n" in sections(made.path)["Data"]
    assert "The weights are those that were best on dev, after epoch 2.\n" in sections(copy)["Data"]


def test_what_lies_below_here_is_named_from_here_and_names_with_spaces_are_quoted(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my corpus").mkdir()
    for split in ("train", "test"):
        manifests.save(manifests.load(root / f"{split}.jsonl"), tmp_path / "my corpus" / f"{split}.jsonl")
    typed = ["train", str(tmp_path / "r.yaml"), f"data.root={tmp_path / 'my corpus'}", f"init={tmp_path / 'old'}"]
    monkeypatch.setattr("sys.argv", ["crnn-audio", *typed, "--out", str(tmp_path / "a run")])
    recipe = trainings.small(tmp_path / "my corpus")
    found = assets_of(tmp_path / "my corpus")
    run = directory.create(Path("a run"), recipe, found, 1, str(tmp_path / "r.yaml"), "float32")
    run.save_weights("best", weights(run, 0))
    run.set_state("finished", **ENDED)
    run = runs.open_run(run.path)
    assert run.facts["recipe"] == "r.yaml"
    assert run.facts["command"] == "crnn-audio train r.yaml 'data.root=my corpus' init=old --out 'a run'"
    made = publish(tmp_path / "a run", tmp_path / "my model", splits=("test",))
    assert "crnn-audio transcribe 'my model' recording.wav" in sections(made.path)["Usage"]
    for path in made.path.iterdir():
        assert str(tmp_path).encode() not in path.read_bytes(), path
    assert made.scores[0].corpus == "my corpus"


def test_a_copy_of_a_copy_is_the_same(copy: Path, tmp_path: Path) -> None:
    again = publish(copy, tmp_path / "again", splits=("test",)).path
    assert (again / "best.safetensors").read_bytes() == (copy / "best.safetensors").read_bytes()


# ---------------------------------------------------------------------------------------- its scores


def test_its_scores_are_those_of_the_very_copy(run: Run, root: Path, tmp_path: Path) -> None:
    made = publish(run.path, tmp_path / "small")
    assert made.num_bytes == sum(path.stat().st_size for path in made.path.iterdir())
    assert [(one.corpus, one.split) for one in made.scores] == [(str(root), "dev"), (str(root), "test")]
    noted = json.loads((made.path / "run.json").read_text())["scores"]
    rows = table(made.path)
    for score, stored, row in zip(made.scores, noted, rows, strict=True):
        again, before = scored(made.path, score.split), scored(run.path, score.split)
        assert score == again
        assert again.metrics["cer"] != before.metrics["cer"], "the run and its copy cannot be distinguished"
        assert stored == {name: value for name, value in again.as_json().items() if name != "run"}
        low, high = (100 * bound for bound in again.figures["interval"])
        area = "" if again.figures["roc_auc"] is None else f"{again.figures['roc_auc']:.3f}"
        assert row == [
            f"{root} {score.split}",
            f"{100 * again.value:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{100 * again.metrics['cer']:.2f}",
            str(again.figures["words"]),
            area,
        ]
        cuts = manifests.load(root / f"{score.split}.jsonl")
        texts = [one.text for one in load(made.path).transcribe([cut.recording.path for cut in cuts])]
        assert score.value == pytest.approx(jiwer.wer([cut.text for cut in cuts], texts))


def table(path: Path) -> list[list[str]]:
    """The cells of the model card's scores, without the head."""
    lines = [line for line in (path / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_scores_are_of_the_splits_that_were_asked_for(run: Run, tmp_path: Path) -> None:
    made = publish(run.path, tmp_path / "small", splits=("test",))
    assert [one.split for one in made.scores] == ["test"]
    assert [row[0].split()[-1] for row in table(made.path)] == ["test"]


def test_what_was_trained_on_dev_has_last_weights_and_no_score_of_dev(root: Path, tmp_path: Path) -> None:
    run = trained(tmp_path / "run", root, {"data.dev_as_train": True}, which=("last",))
    made = publish(run.path, tmp_path / "small")
    assert [one.split for one in made.scores] == ["test"]
    assert [one["split"] for one in json.loads((made.path / "run.json").read_text())["scores"]] == ["test"]
    assert [row[0] for row in table(made.path)] == [f"{root} test"]
    small, last = load_file(made.path / "best.safetensors"), load_file(run.path / "last.safetensors")
    assert all(torch.equal(small[name], weight.half()) for name, weight in last.items())
    assert "Trained on train and dev" in sections(made.path)["Data"]


def test_a_corpus_without_test_is_scored_on_dev_unless_that_was_trained_on(root: Path, tmp_path: Path) -> None:
    half = Path(shutil.copytree(root, tmp_path / "half"))
    (half / "test.jsonl").unlink()
    made = publish(trained(tmp_path / "run", half).path, tmp_path / "small")
    assert [one.split for one in made.scores] == ["dev"]
    assert [row[0] for row in table(made.path)] == [f"{half} dev"]
    with pytest.raises(DataError, match="no test split, and dev was trained on"):
        publish(trained(tmp_path / "all", half, {"data.dev_as_train": True}).path, tmp_path / "none")
    (half / "dev.jsonl").unlink()
    with pytest.raises(DataError, match="neither a dev nor a test split"):
        publish(tmp_path / "run", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_of_where_it_started_only_the_name_is_given(run: Run, root: Path, tmp_path: Path) -> None:
    made = publish(trained(tmp_path / "fine", root, {"init": str(run.path)}).path, tmp_path / "small")
    assert runs.open_run(made.path).recipe["init"] == run.path.name
    assert f"starting from {run.path.name}:" in sections(made.path)["Data"]
    assert str(run.path) not in (made.path / "recipe.yaml").read_text() + (made.path / "README.md").read_text()


# ---------------------------------------------------------------------------------------- its card


def sections(path: Path) -> dict[str, str]:
    """The model card by heading; what stands before the second is under the name of the model."""
    parts = re.split(r"^##? (.+)\n\n", (path / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert parts[0].startswith("---\n")
    assert parts[0].endswith("\n---\n\n"), "metadata for hubs"
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_card_says_what_it_is_and_what_of(run: Run, root: Path, copy: Path) -> None:
    found = sections(copy)
    assert list(found) == ["small", "Data", "Scores", "Limitations", "Usage"]
    assert f"{load(copy).task.model.num_parameters:,} parameters" in found["small"]
    assert "2 convolutions and 1 LSTM layers of 8" in found["small"]
    assert "bidirectional" in found["small"]
    assert "half precision" in found["small"]
    data = found["Data"]
    assert f" Here: {root}.\n\nLicence: Your own: " in data
    assert "Trained on train: 3 epochs, 30 steps, seed 1, on cpu, 1 thread(s)" in data
    assert run.facts["command"] in data
    assert "commit 0123456789ab" in data
    assert "unlike the recordings" in found["Limitations"]


@pytest.mark.parametrize(("changes", "verbs"), [({}, ["transcribe"]), (LIVE, ["transcribe", "stream"])])
def test_the_card_tells_how_it_is_used(root: Path, tmp_path: Path, changes: dict, verbs: list[str]) -> None:
    made = publish(trained(tmp_path / "run", root, changes).path, tmp_path / "live", splits=())
    found = sections(made.path)
    lines = [line for line in found["Usage"].splitlines() if line != "```"]
    assert lines == [f"crnn-audio {verb} live recording.wav" for verb in verbs]
    (said,) = re.findall(r"look-ahead (\d+) ms", found["live"]) or ["0"]
    # By hand: convolutions of 3 frames at strides 2 and 2 wait for 1 + 2, two frames out are 8, and a window of 25 ms
    # that begins 7.5 ms before its frame ends 17.5 ms after.
    assert float(said) == pytest.approx(10 * (3 + 8) + 17.5 if changes else 0, abs=0.5)


@pytest.fixture
def known(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Run]:
    """`known(path)` is a run of AN4, whose folder is `root` and whose recordings are these few."""

    def read_splits(folder: Path) -> dict[str, list[manifests.Cut]]:
        return {split: manifests.load(folder / f"{split}.jsonl") for split in ("train", "dev", "test")}

    monkeypatch.setattr(an4, "read_splits", read_splits)
    monkeypatch.delenv("CRNN_AUDIO_DATA", raising=False)
    monkeypatch.setattr(an4, "obtain", lambda *_: pytest.fail("AN4 was downloaded"))
    return lambda path: trained(path, root, {"data.corpus": "an4"})


@pytest.mark.parametrize("given", [False, True], ids=["of-the-recipe", "given"])
def test_where_a_known_corpus_lay_is_for_nobody_to_see(
    known: Callable[[Path], Run], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    run = known(tmp_path / "run")
    assert run.recipe["data"]["root"] == str(root)
    assert str(root) in run.facts["command"]
    made = publish(run.path, tmp_path / "small", root=root if given else None)
    assert [one.corpus for one in made.scores] == ["an4", "an4"]
    copy = runs.open_run(made.path)
    assert copy.recipe["data"]["root"] is None
    assert {**copy.recipe, "data": run.recipe["data"]} == run.recipe
    for path in made.path.iterdir():
        assert str(root).encode() not in path.read_bytes(), f"{path.name} tells where the corpus lay"
    assert copy.facts["command"] == "crnn-audio train recipes/small.yaml seed=7 --out run"


def test_the_card_of_a_known_corpus_has_its_licence_its_home_and_its_limits(
    known: Callable[[Path], Run], tmp_path: Path
) -> None:
    found = sections(publish(known(tmp_path / "run").path, tmp_path / "small", splits=("test",)).path)
    assert "CMU AN4" in found["Data"]
    assert an4.HOME in found["Data"]
    assert f"Licence: {an4.LICENCE}." in found["Data"]
    assert found["Limitations"].strip() == an4.NOT_FOR


# ---------------------------------------------------------------------------------------- a model of the zoo


def test_a_copy_in_the_zoo_goes_by_its_name(
    run: Run, root: Path, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "ZOO", tmp_path / "zoo")
    monkeypatch.chdir(tmp_path)
    assert publish(run.path, runs.ZOO / "beeps", splits=()).path == runs.locate("beeps") == tmp_path / "zoo" / "beeps"
    spoken = root / "test-0.wav"
    found, wanted = (load(model, device="cpu").transcribe(spoken) for model in ("beeps", copy))
    assert found == wanted
    assert found.text
    with pytest.raises(RunError, match=r"Known names: beeps\."):
        load("beep")


# ---------------------------------------------------------------------------------------- refused


def test_only_a_finished_run_is_published(root: Path, tmp_path: Path) -> None:
    run = trained(tmp_path / "run", root)
    run.set_state("training")
    with pytest.raises(RunError, match="only a finished run is published") as raised:
        publish(run.path, tmp_path / "small")
    assert str(run.path) in str(raised.value)
    assert not (tmp_path / "small").exists()


@pytest.mark.parametrize("there", ["an empty folder", "a run", "a file"])
def test_what_is_there_is_left_alone(run: Run, root: Path, tmp_path: Path, there: str) -> None:
    out = tmp_path / "small"
    if there == "a run":
        trained(out, root)
    elif there == "a file":
        out.write_text("mine")
    else:
        out.mkdir()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match=r"small: exists\. Choose another --out"):
        publish(run.path, out)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("number", [65520.0, -1e6, float("nan"), float("inf")])
def test_weights_beyond_half_precision_are_named(root: Path, tmp_path: Path, number: float) -> None:
    run = trained(tmp_path / "run", root)
    spoiled = run.weights()
    spoiled["recurrent.layers.0.norm.weight"][3] = number
    run.save_weights("best", spoiled)
    with pytest.raises(RunError, match=r"recurrent\.layers\.0\.norm\.weight holds (NaN|numbers that half precision)"):
        publish(run.path, tmp_path / "small")
    assert not (tmp_path / "small").exists()
    spoiled["recurrent.layers.0.norm.weight"][3] = 65504.0  # its largest number
    run.save_weights("best", spoiled)
    assert publish(run.path, tmp_path / "small", splits=()).num_bytes > 0


@pytest.mark.parametrize("missing", ["folder", "split"])
def test_without_its_scores_there_is_no_copy(run: Run, tmp_path: Path, missing: str) -> None:
    """So that the same call, with the corpus where it belongs, makes it."""
    wrong = {"root": tmp_path / "nowhere"} if missing == "folder" else {"splits": ("test", "exam")}
    with pytest.raises(DataError):
        publish(run.path, tmp_path / "small", **wrong)
    assert not (tmp_path / "small").exists()
    assert publish(run.path, tmp_path / "small", splits=()).path == tmp_path / "small"


def test_half_a_copy_is_never_seen_and_what_a_killed_call_left_is_removed(
    run: Run, tmp_path: Path, monkeypatch
) -> None:
    out = tmp_path / "small"

    def full(*arguments: object) -> None:
        assert not out.exists(), "it takes its place when it is whole"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for place in ("write_text", "write_bytes"):
        with monkeypatch.context() as patch:
            patch.setattr(files, place, full)
            with pytest.raises(RunError, match=r"small: cannot be written \(No space left on device\)"):
                publish(run.path, out, splits=())
        assert list(tmp_path.iterdir()) == []
    left = tmp_path / ".small.partial"
    left.mkdir()
    (left / "run.json").write_text("{")
    assert publish(run.path, out, splits=()).path == out
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
    assert (out / "README.md").read_text().partition("\n---\n\n")[2].startswith("# small\n")


def test_a_long_name_and_a_link_to_nowhere(run: Run, tmp_path: Path) -> None:
    assert publish(run.path, tmp_path / ("\u58f0" * 85), splits=()).num_bytes > 0
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(RunError, match="link: exists"):
        publish(run.path, tmp_path / "link", splits=())


@pytest.mark.parametrize("typed", ["crnn-audio train 'half", 'say "', "end \\"])
def test_a_command_that_is_none_is_one_line(root: Path, tmp_path: Path, typed: str) -> None:
    path = trained(tmp_path / "run", root).path
    header = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(header | {"command": typed}))
    with pytest.raises(RunError, match=r"run\.json: damaged \(its command is none: No "):
        publish(path, tmp_path / "small", splits=())
    (path / "run.json").write_text(json.dumps(header | {"command": 3}))
    with pytest.raises(RunError, match=r"run\.json: damaged \(its command is '3'"):
        publish(path, tmp_path / "small", splits=())


def test_a_hub_reads_the_metadata_of_a_card_and_its_copy_of_the_folder_is_loaded(root: Path, tmp_path: Path) -> None:
    run = trained(tmp_path / "run", root)
    published = publish(run.path, tmp_path / "small", root=root)
    card = ModelCard.load(published.path / "README.md")
    assert (card.data.library_name, card.data.pipeline_tag) == ("crnn_audio", "automatic-speech-recognition")
    assert card.data.model_name == "small"
    found = [(one.dataset_name, one.dataset_split, one.metric_type, one.metric_value) for one in card.data.eval_results]
    assert all(isinstance(one, EvalResult) for one in card.data.eval_results)
    assert found == [(one.corpus, one.split, *pair) for one in published.scores for pair in one.metrics.items()]
    again = ModelCard(str(card)).data.to_dict()
    assert again == card.data.to_dict(), "nothing is lost"
    fetched = tmp_path / "models--small" / "snapshots" / "0123"  # as a hub's client keeps it: links to named blobs
    fetched.mkdir(parents=True)
    for file in published.path.iterdir():
        (fetched / file.name).symlink_to(file)
    (fetched / ".gitattributes").write_text("*.safetensors filter=lfs")
    sound = root / "test-0.wav"
    assert crnn_audio.load(fetched).transcribe(sound).text == load(published.path).transcribe(sound).text
