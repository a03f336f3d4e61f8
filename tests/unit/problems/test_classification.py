"""A recipe of classification from its corpus to labels, and every mistake in labelled data that a person can make."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jaxtyping
import pytest

from crnn_audio import cli
from crnn_audio.batching import manifests
from crnn_audio.errors import DataError, RunError
from crnn_audio.evaluation.evaluate import evaluate
from crnn_audio.evaluation.publish import publish
from crnn_audio.inference.classifying import named
from crnn_audio.inference.events import Detection
from crnn_audio.problems import classification, keywords
from crnn_audio.problems.restore import load
from tests import classifications as made
from tests import trainings


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classes")
    changes = {"task.background": ["noise"], "optim.max_epochs": 5, "optim.lr": 3e-2, "data.batch_seconds": 1.5}
    recipe = made.small(made.corpus(folder / "corpus"), changes)
    trainings.quietly(recipe, folder / "run")
    return folder


def test_it_learns_and_says_so(trained: Path, tmp_path: Path) -> None:
    scores = evaluate(trained / "run", "test")
    assert scores.metrics["accuracy"] == 1.0
    assert scores.figures["classes"]["low"] == {"count": 2, "recall": 1.0, "precision": 1.0}
    assert scores.lines("run")[1].startswith("  accuracy 100.00 %  (95 % interval")
    assert load(trained / "run").reject_below == 0.0, "nothing was wrong on dev"
    published = publish(trained / "run", tmp_path / "small")
    assert published.scores[1].value == 1.0
    assert "one of 3 labels" in (tmp_path / "small" / "README.md").read_text()
    assert load(tmp_path / "small").reject_below == 0.0


def test_the_best_is_the_one_with_the_higher_accuracy(trained: Path) -> None:
    entries = trainings.log_of(trained / "run", "dev")
    facts = json.loads((trained / "run" / "run.json").read_text())
    assert facts["best_dev"] == max(one["score"] for one in entries) == 1.0


def test_a_recording_is_labelled_alone_or_with_others(trained: Path) -> None:
    classifier = load(trained / "run")
    paths = sorted((trained / "corpus").glob("test-*.wav"))
    together = classifier.classify([str(path) for path in paths], top=2)
    assert [one.label for one in together] == ["high", "low", "noise"] * 2
    for path, one in zip(paths, together, strict=True):
        alone = classifier.classify(str(path), top=2)
        assert (alone.label, len(alone.top)) == (one.label, 2)
        assert alone.confidence == pytest.approx(one.confidence, abs=1e-5)
        assert (alone.seconds, alone.path) == (one.seconds, str(path))


def test_an_answer_below_the_confidence_of_dev_is_not_listed(trained: Path) -> None:
    assert named([0.7, 0.3], ["a", "b"], multilabel=False, below=0.8).label == "not listed"
    assert named([0.7, 0.3], ["a", "b"], multilabel=False, below=0.7).label == "a"
    several = named([0.6, 0.9, 0.2], ["a", "b", "c"], multilabel=True)
    assert (several.label, several.confidence) == ("b; a", 0.6)
    assert named([0.1, 0.3], ["a", "b"], multilabel=True).label == ""
    classifier = load(trained / "run")
    classifier.reject_below = None
    with pytest.raises(RunError, match="no confidence for rejecting"):
        classifier.classify(str(trained / "corpus" / "test-0.wav"), reject=True)


def test_the_verb_writes_lines_json_and_files(trained: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # which takes the console for no text stream

    def call(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["crnn-audio", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        return capsys.readouterr().out

    run, folder = str(trained / "run"), trained / "corpus"
    one = call("classify", run, str(folder / "test-1.wav")).split("\t")
    assert one[0] == "low"
    line = json.loads(call("classify", run, str(folder / "test-0.wav"), "--json", "--top", "2"))
    assert (line["label"], len(line["top"])) == ("high", 2)
    rows = call("classify", run, str(folder / "test-2.wav"), str(folder / "test-0.wav"), "--format", "tsv")
    assert [row.split("\t")[1] for row in rows.splitlines()] == ["noise", "high"]
    call("classify", run, str(folder), "--out", str(tmp_path / "out"))
    assert (tmp_path / "out" / "test-1.txt").read_text().startswith("low\t")
    assert len(list((tmp_path / "out").glob("*.txt"))) == 24
    pictures = tmp_path / "pictures"
    assert "accuracy 100.00 %" in call("evaluate", run, "--plot", str(pictures))
    assert (pictures / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_the_threshold_of_keywords_is_found_in_a_background_and_kept(
    trained: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    monkeypatch.setattr(keywords, "DETECTION", Detection(refractory=0.5, window=0.3, step=0.05))

    def call(*words: str, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["crnn-audio", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert (ended.value.code or 0) == code, said
        return said.err if code else said.out

    noise = tmp_path / "noise"
    noise.mkdir()
    run = str(shutil.copytree(trained / "run", tmp_path / "run"))
    asked = ("evaluate", run, "--split", "dev", "--background", str(noise), "--false-alarms", "0")
    assert "holds no recordings" in call(*asked, code=4)
    made.recorded(noise, "short", "noise", 0.1, 2)
    assert "too short to hold a window of 0.3 s. Give more background." in call(*asked, code=4)
    made.recorded(noise, "long", "noise", 5.0, 2)
    scores = json.loads(call(*asked, "--json", "--plot", str(tmp_path / "pictures")))
    assert (scores["miss_rate"], scores["false_alarms_per_hour"]) == (0.0, 0.0)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["confusion.png", "misses.png"]
    opened = load(run)
    assert opened.detection().threshold == scores["threshold"] == opened.run.chosen("threshold")
    assert 0 < scores["threshold"] < 1
    assert "0.00 % of the keywords of dev are missed" in keywords.section(opened.run)["Keywords in a stream"]
    line = json.loads(call("stream", run, str(trained / "corpus" / "test-1.wav"), "--json", "--threshold", "0.4"))
    assert (line["label"], line["confidence"] > 0.4) == ("low", True)
    assert "low" in call("stream", run, str(trained / "corpus" / "test-4.wav"))


def changed(folder: Path, split: str, change) -> Path:
    """Another folder of manifests whose cuts are those of the corpus, changed."""
    out = folder.with_name(f"{folder.name}-{split}")
    for name in ("train", "dev", "test"):
        cuts = manifests.load(folder / f"{name}.jsonl")
        out.mkdir(exist_ok=True)
        manifests.save(change(cuts) if name == split else cuts, out / f"{name}.jsonl")
    return out


def relabelled(labels: dict[int, str | None]):
    return lambda cuts: [replace(cut, label=labels.get(n, cut.label)) for n, cut in enumerate(cuts)]


@pytest.mark.parametrize(
    ("split", "labels", "message"),
    [
        ("train", {0: "lonely"}, "a single recording of 'lonely'"),
        ("train", {0: "Low", 3: "Low"}, "the labels 'Low' and 'low' differ in case or space alone"),
        ("train", {0: "low ", 3: "low "}, "the labels 'low' and 'low ' differ in case or space alone"),
        ("train", dict.fromkeys(range(12), "low"), "1 labels, where at least two are needed"),
        ("train", {0: None}, "cut 'train-0': has no label"),
        ("dev", {0: "other"}, "cut 'dev-0' has the label 'other', unknown to the model"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(tmp_path: Path, split: str, labels: dict, message: str) -> None:
    recipe = made.small(changed(made.corpus(tmp_path / "corpus"), split, relabelled(labels)))
    with pytest.raises(DataError, match=message):
        trainings.quietly(recipe, tmp_path / "run")


def test_a_background_that_is_no_label_is_refused(tmp_path: Path) -> None:
    recipe = made.small(made.corpus(tmp_path / "corpus"), {"task.background": ["silence"]})
    with pytest.raises(DataError, match=r"task\.background names 'silence', which is no label"):
        classification.assets(recipe, classification.data(recipe), report=lambda line: None)


def test_a_label_unknown_to_the_run_is_named_when_it_is_scored(trained: Path, tmp_path: Path) -> None:
    other = changed(made.corpus(tmp_path / "corpus"), "test", relabelled({1: "whistle"}))
    with pytest.raises(DataError, match="'test-1' has the label 'whistle', unknown to the model"):
        evaluate(trained / "run", "test", root=other)


def test_several_labels_are_learned_by_sigmoids(tmp_path: Path) -> None:
    folder = changed(made.corpus(tmp_path / "corpus"), "train", relabelled({0: "high; low", 3: "high; low", 1: None}))
    recipe = made.small(folder, {"task.multilabel": True, "optim.max_epochs": 1})
    trainings.quietly(recipe, tmp_path / "run")
    scores = evaluate(tmp_path / "run", "test")
    assert 0 <= scores.value <= 1
    assert load(tmp_path / "run").classify(str(tmp_path / "corpus" / "test-0.wav")).confidence >= 0.5
