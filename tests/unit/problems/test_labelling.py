"""A recipe of labelling from its corpus to files of segments, and what is wrong with some data."""

import io
import json
from dataclasses import replace
from pathlib import Path

import jaxtyping
import mido
import numpy as np
import pytest
import soundfile
from praatio import textgrid

from crnn_audio import cli
from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Segment
from crnn_audio.corpora.own import labels as label_files
from crnn_audio.errors import DataError, RecipeError, RunError, StreamError
from crnn_audio.evaluation.evaluate import evaluate
from crnn_audio.evaluation.publish import publish
from crnn_audio.evaluation.show import show
from crnn_audio.hypotheses import Labelled
from crnn_audio.hypotheses import Segment as Found
from crnn_audio.inference.outputs import segment_formats as formats
from crnn_audio.problems.restore import load
from tests import labellings as made
from tests import trainings


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    recipe = made.recipe(made.folder(folder / "corpus"), "optim.max_epochs=8", "train.eval_epochs=8")
    trainings.quietly(recipe, folder / "run")
    return folder


def test_it_learns_and_says_so(trained: Path, tmp_path: Path) -> None:
    scores = evaluate(trained / "run", "test")
    assert scores.metric == "f1_frame"
    assert scores.value > 0.9
    assert set(scores.figures["by_label"]["frame"]) == {"high", "low"}
    published = publish(trained / "run", tmp_path / "small")
    assert published.scores[1].value == pytest.approx(scores.value, abs=0.02)
    one, other = load(trained / "run"), load(tmp_path / "small")
    assert one.options == other.options
    assert one.options.thresholds != (0.5, 0.5) or one.options.median > 1
    assert "look-ahead" in "\n".join(show(made.recipe(trained / "corpus")).lines)


def test_a_recording_is_labelled_where_its_tones_are(trained: Path) -> None:
    labeller = load(trained / "run")
    cut = made.cut(trained / "corpus", "test", 1)
    found = labeller.label(cut.recording.path)
    assert {one.label for one in found} == {"high", "low"}
    for one in cut.segments:
        nearest = min((abs(one.start - other.start) for other in found if other.label == one.label), default=9)
        assert nearest < 0.1


def test_a_minute_without_an_event(trained: Path, tmp_path: Path) -> None:
    quiet = tmp_path / "quiet.wav"
    soundfile.write(quiet, 0.003 * np.random.default_rng(0).standard_normal(60 * made.RATE), made.RATE)
    labelled = load(trained / "run").labelled(quiet)
    assert labelled.segments == ()
    assert labelled.seconds == 60
    assert formats.as_textgrid(labelled).count("IntervalTier") == 1
    assert json.loads(formats.as_json(labelled)) == {"path": str(quiet), "seconds": 60, "segments": []}


def test_what_cannot_be_labelled(trained: Path, tmp_path: Path) -> None:
    labeller = load(trained / "run")
    soundfile.write(tmp_path / "short.wav", np.full(10, 0.1), made.RATE)
    with pytest.raises(DataError, match=r"short\.wav: 1\.25 ms is too short"):
        labeller.label(tmp_path / "short.wav")
    with labeller.stream(made.RATE) as stream:
        stream.flush()
        with pytest.raises(StreamError, match="has ended"):
            stream.feed(np.zeros(3, dtype=np.float32))


def test_labels_unknown_to_the_run_are_left_out_and_named(trained: Path, tmp_path: Path) -> None:
    root = made.folder(tmp_path / "corpus", (6, 2, 2))
    cuts = manifests.load(root / "dev.jsonl")
    odd = (*cuts[0].segments, Segment(0.2, 0.4, "whistle"))
    manifests.save([replace(cuts[0], segments=odd), *cuts[1:]], root / "dev.jsonl")
    recipe = made.recipe(root, "optim.max_epochs=1")
    said = list[str]()
    from crnn_audio.training.run import train

    train(recipe, tmp_path / "run", report=said.append)
    assert any("labels that are not learned: whistle" in line for line in said)
    assert load(tmp_path / "run").labels == ("low", "high")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["task.labels=[low,whistle]"], "no segment of train has the label 'whistle'"),
        (["task.exclusive=true"], "'low' and 'high' overlap at"),
    ],
)
def test_data_that_cannot_be_learned(overrides: list[str], words: str, tmp_path: Path) -> None:
    root = made.folder(tmp_path / "corpus", (4, 1, 1))
    cuts = manifests.load(root / "train.jsonl")
    both = (Segment(0.1, 0.5, "low"), Segment(0.3, 0.7, "high"))
    manifests.save([replace(cut, segments=both) for cut in cuts], root / "train.jsonl")
    with pytest.raises(DataError, match=words):
        trainings.quietly(made.recipe(root, *overrides), tmp_path / "run")


def test_a_corpus_without_any_label(tmp_path: Path) -> None:
    root = made.folder(tmp_path / "corpus", (2, 1, 1))
    cuts = manifests.load(root / "train.jsonl")
    manifests.save([replace(cut, segments=()) for cut in cuts], root / "train.jsonl")
    with pytest.raises(DataError, match="no recording of train has a labelled segment"):
        trainings.quietly(made.recipe(root), tmp_path / "run")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("augment.speed=[0.9,1.1]", "labels stand at times"),
        ("task.class_weights={whistle: 2}", "class_weights names 'whistle'"),
        ("task.targets=onsets", "exclusive is for targets 'segments'"),
    ],
)
def test_recipes_that_contradict_themselves(override: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=words):
        made.recipe(tmp_path, "task.labels=[low,high]", "task.exclusive=true", override)


def test_damaged_labels_of_a_run(trained: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(trained / "run", tmp_path / "run")
    (tmp_path / "run" / "labels.json").write_text("[1]")
    with pytest.raises(RunError, match=r"labels\.json: damaged"):
        load(tmp_path / "run")


FOUND = Labelled(
    "a b.wav",
    3.0,
    (Found(0.25, 0.75, "say, \"a\"", 0.9), Found(0.5, 1.5, "b", 0.5), Found(2.0, 2.5, "b", 0.25)),
)  # fmt: skip


def test_formats_are_read_by_us_and_by_others(tmp_path: Path) -> None:
    rows = [(one.start, one.end, one.label) for one in FOUND.segments]
    assert label_files.read_audacity(formats.as_audacity(FOUND)) == rows
    text = formats.as_textgrid(FOUND)
    assert sorted(label_files.read_textgrid(text)) == sorted(rows)
    (tmp_path / "a.TextGrid").write_text(text, encoding="utf-8")
    grid = textgrid.openTextgrid(str(tmp_path / "a.TextGrid"), includeEmptyIntervals=False)
    assert [entry[2] for entry in grid.getTier("b").entries] == ["b", "b"]
    assert label_files.read_rttm(formats.as_rttm(FOUND)) == [(s, e, "_".join(label.split())) for s, e, label in rows]
    import csv

    table = formats.HEADERS["csv"] + formats.as_csv(FOUND)
    assert [row["label"] for row in csv.DictReader(io.StringIO(table))] == ['say, "a"', "b", "b"]
    assert json.loads(formats.as_json(FOUND))["segments"][1] == {
        "start": 0.5, "end": 1.5, "label": "b", "confidence": 0.5,
    }  # fmt: skip


def test_notes_and_drums_become_midi() -> None:
    found = Labelled("a.wav", 2.0, (Found(0.5, 1.0, "60", 0.9), Found(1.0, 1.02, "kick", 1.0)))
    file = mido.MidiFile(file=io.BytesIO(formats.as_midi(found, 100.0, 16)))
    notes = [(one.channel, one.note, one.velocity) for track in file.tracks for one in track if one.type == "note_on"]
    assert notes == [(0, 60, 114), (9, 36, 127)]
    with pytest.raises(DataError, match="is no note"):
        formats.as_midi(FOUND)


def test_the_verb_writes_lines_and_files(trained: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # which takes the console for no text stream

    def call(*words: str, code: int = 0, verb: str = "label") -> str:
        monkeypatch.setattr("sys.argv", ["crnn-audio", verb, str(trained / "run"), *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert (ended.value.code or 0) == code
        return capsys.readouterr().out

    one, other = (str(trained / "corpus" / f"test{number}.wav") for number in (0, 1))
    lines = call(one, other).splitlines()
    assert lines[0] == "path\tstart\tend\tlabel\tconfidence"
    assert {line.split("\t")[0] for line in lines[1:]} == {one, other}
    assert json.loads(call(one, "--format", "json"))["seconds"] == 1.5
    call(one, "--format", "textgrid", "--out", str(tmp_path / "out"), "--plot", str(tmp_path / "plots"))
    assert (tmp_path / "out" / "test0.TextGrid").read_text().startswith("File type")
    assert (tmp_path / "plots" / "test0.png").read_bytes().startswith(b"\x89PNG")
    live = [json.loads(line) for line in call(one, "--json", verb="stream").splitlines()]
    assert sorted(live, key=lambda each: each["start"]) == json.loads(call(one, "--format", "json"))["segments"]
    assert call(one, verb="stream").splitlines()[0].count("  ") == 3
    assert call(str(tmp_path / "none.wav"), one, code=4)
    assert not call(one, other, "--format", "audacity", code=2)
    assert not call(one, "--format", "mid", code=2)
    assert not call(one, "--onset-threshold", "0.2", code=2)
    assert not call(one, "--format", "mid", "--out", str(tmp_path / "midi"), code=4)
