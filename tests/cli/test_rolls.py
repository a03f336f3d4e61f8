"""Piano rolls from the command line: trained, evaluated, recorded; bad files and bad asks are one message."""

import json
import shutil
from pathlib import Path

import pytest
from scipy.io import savemat

from crnn_audio.evaluation import tables
from crnn_audio.metrics.scores import worded
from tests import rolls
from tests.cli.conftest import Here, program
from tests.rolls import cells, tune

METRICS = ["nats_per_frame", "nats_per_frame_by_piece", "nats_per_frame_by_window"]
FIRST_LINE = "# Chords that go up and down. Not measured yet."
RECIPE = f"{FIRST_LINE}\n" + json.dumps(
    rolls.SMALL
    | {
        "data": {"corpus": "piano_rolls", "collection": "jsb", "batch_size": 2, "bptt": 8},
        "optim": {"lr": 1e-2, "max_epochs": 4},
        "train": {"eval_epochs": 2},
    }
)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with `recipes/jsb/small.yaml`, its rolls in data/piano_rolls, and `run`, trained on them."""
    folder = tmp_path_factory.mktemp("rolls")
    (folder / "recipes" / "jsb").mkdir(parents=True)
    (folder / "recipes" / "jsb" / "small.yaml").write_text(RECIPE, encoding="utf-8")
    rolls.folder(folder / "data" / "piano_rolls")
    done = program("train", "recipes/jsb/small.yaml", "--out", "run", cwd=folder)
    facts = json.loads((folder / "run" / "run.json").read_text())
    assert done.stdout.startswith(f"run: finished (steps {facts['steps']}, epochs 4, ")
    assert done.stdout.endswith(f"best dev {facts['best_dev']:.3f} nats a frame).\n")
    assert f"epoch 4/4  dev {facts['best_dev']:.3f} nats a frame (best so far)" in done.stderr
    assert " frames/s" in done.stderr
    assert (folder / "run" / "curves.png").exists()
    assert not (folder / "run" / "vocabulary.json").exists()
    return folder


@pytest.fixture
def tree(workshop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory that may be written to, and that we are in."""
    monkeypatch.chdir(shutil.copytree(workshop, tmp_path / "tree"))
    monkeypatch.delenv("CRNN_AUDIO_DATA", raising=False)
    monkeypatch.setattr("crnn_audio.training.display.plot_curves", lambda *_: None)
    return Path()


def test_a_trained_run_is_evaluated(here: Here) -> None:
    found = json.loads(here("evaluate", "run", "--json").stdout)
    assert list(found) == [
        "run", "corpus", "split", *METRICS, "independent_key", "key_markov", "pieces", "frames"
    ]  # fmt: skip
    assert (found["run"], found["corpus"], found["split"]) == ("run", "piano_rolls/jsb", "test")
    assert (found["pieces"], found["frames"]) == (5, sum(19 + 3 * one for one in range(5)))
    assert 0 < found["nats_per_frame"] < 20
    shown = here("evaluate", "run", "--worst", "1").stdout.splitlines()
    assert shown[:2] == [
        f"run on piano_rolls/jsb test: 5 pieces, {found['frames']} frames predicted",
        f"  {found['nats_per_frame']:.3f} nats a frame",
    ]
    by_piece, by_window = (found[metric] for metric in METRICS[1:])
    assert shown[2].startswith(f"  by other definitions: {by_piece:.3f} as the mean over pieces; {by_window:.3f} as")
    assert len(shown) == 5
    dev = json.loads(here("evaluate", "run", "--split", "dev", "--json").stdout)
    facts = json.loads(Path("run/run.json").read_text())
    assert dev["nats_per_frame"] == pytest.approx(facts["best_dev"], rel=1e-6)


def test_a_finished_run_is_left_alone_and_an_unfinished_one_goes_on(tree: Path, here: Here) -> None:
    best = (tree / "run" / "best.safetensors").read_bytes()
    again = here("train", "recipes/jsb/small.yaml", "--out", "run")
    assert "this run was finished before" in again.stderr
    assert (tree / "run" / "best.safetensors").read_bytes() == best
    stopped = here("train", "recipes/jsb/small.yaml", "--out", "two", "--minutes", "0")
    assert "two: stopped and saved (steps 1, epochs 0," in stopped.stderr
    assert stopped.stdout == ""
    whole = here("train", "recipes/jsb/small.yaml", "--out", "two")
    assert "two: resumed after step 1, epoch 1 of 4." in whole.stderr
    assert (tree / "two" / "best.safetensors").read_bytes() == best


def test_a_score_is_recorded_in_row_table_and_first_line(tree: Path, here: Here) -> None:
    done = here("evaluate", "run", "--record", "--json")
    found = json.loads(done.stdout)
    assert done.stderr == "Recorded in recipes/jsb/results.json.\n"
    rows = json.loads((tree / "recipes" / "jsb" / "results.json").read_text(encoding="utf-8"))
    assert [row["metric"] for row in rows] == METRICS
    row = rows[0]
    assert (row["metric"], row["head"], row["cell"]) == ("nats_per_frame", "sigmoid", "lstm")
    assert (row["seeds"], row["values"], row["split"]) == ([1], [found["nats_per_frame"]], "test")
    assert row["commands"] == [
        "crnn-audio train recipes/jsb/small.yaml --out runs/jsb-small-1 && crnn-audio evaluate runs/jsb-small-1 "
        "--split test --weights best"
    ]
    assert (tree / "recipes" / "README.md").read_text(encoding="utf-8") == tables.readme(rows)
    first = (tree / "recipes" / "jsb" / "small.yaml").read_text(encoding="utf-8").partition("\n")[0]
    measured = f"Measured: test {found['nats_per_frame']:.3f} nats a frame (1 seed), "
    assert first.startswith(f"# Chords that go up and down. {measured}")
    assert measured in here("recipes").stdout
    here("evaluate", "run", "--noise", "data", exit_code=5)


def test_a_recipe_is_shown(here: Here) -> None:
    done = here("show", "recipes/jsb/small.yaml", "model.recurrent.cell=tcn")
    assert "context             its own frame and 4 before" in done.stdout
    assert "bptt: 8" in done.stdout
    assert "features" not in done.stdout


def test_prepare_counts_what_there_is(tree: Path, here: Here) -> None:
    (tree / "data" / "piano_rolls" / "MuseData.mat").unlink()
    done = here("prepare", "piano_rolls")
    frames = sum(20 + 3 * one for one in range(5))
    assert done.stdout.splitlines() == [
        f"{name:10}  {split:10}          5 pieces  {frames:9} frames"
        for name in ("jsb", "nottingham", "piano_midi")
        for split in ("train", "dev", "test")
    ]
    assert done.stderr == "Not there: MuseData.mat.\npiano_rolls lies in data/piano_rolls.\n"
    first, *rest = here("prepare", "piano_rolls", "--json").stdout.splitlines()
    assert json.loads(first) == {"collection": "jsb", "split": "train", "pieces": 5, "frames": frames}
    assert len(rest) == 8


def test_prepare_names_what_is_damaged_and_where_none_is_there(tree: Path, here: Here, tmp_path: Path) -> None:
    (tree / "data" / "piano_rolls" / "Nottingham.mat").write_bytes(b"no music")
    done = here("prepare", "piano_rolls", exit_code=4)
    assert len(done.stdout.splitlines()) == 9
    assert done.stderr.startswith("data/piano_rolls/Nottingham.mat: not a MATLAB file that can be read")
    (tmp_path / "empty").mkdir()
    done = here("prepare", "piano_rolls", "--root", tmp_path / "empty", exit_code=4)
    assert "empty: holds none of JSB_Chorales.mat, Nottingham.mat, MuseData.mat, Piano_midi.mat." in done.stderr
    done = here("prepare", "piano_rolls", "--out", "manifests", exit_code=4)
    assert "manifests are of recordings, and these are none" in done.stderr


BAD = {
    "columns": ({"traindata": cells([tune(1, 9)[:, :87]])}, "a matrix of shape (9, 87); it should be (frames, 88)."),
    "empty": ({"traindata": cells([tune(1, 9), tune(1, 0)])}, "jsb-train-1: 0 frames; a piece needs two"),
    "loud": ({"traindata": cells([3 * tune(1, 9)])}, "holds other values than 0 and 1"),
    "other": ({"songs": cells([tune(1, 9)])}, "holds no traindata, but songs."),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_collection_is_exit_code_4_and_one_message(bad: str, tree: Path, here: Here) -> None:
    content, message = BAD[bad]
    good = {} if bad == "other" else dict.fromkeys(("validdata", "testdata"), cells([tune(1, 9)]))
    savemat(tree / "data" / "piano_rolls" / "JSB_Chorales.mat", good | content)
    for words in (("train", "recipes/jsb/small.yaml", "--out", "new"), ("evaluate", "run")):
        done = here(*words, exit_code=4)
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("data/piano_rolls/JSB_Chorales.mat")
        assert message in done.stderr
    assert not (tree / "new").exists()


def test_a_truncated_and_a_missing_file_too(tree: Path, here: Here) -> None:
    path = tree / "data" / "piano_rolls" / "JSB_Chorales.mat"
    path.write_bytes(path.read_bytes()[:-2000])
    done = here("train", "recipes/jsb/small.yaml", "--out", "new", exit_code=4)
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert "JSB_Chorales.mat: not a MATLAB file that can be read" in done.stderr
    path.unlink()
    done = here("train", "recipes/jsb/small.yaml", "--out", "new", exit_code=4)
    assert "JSB_Chorales.mat: no such file; there are MuseData.mat, Nottingham.mat, Piano_midi.mat." in done.stderr


NEEDED = "run: a model for task rolls, where one for {} is needed. Give a run of a recipe with task.kind "


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (("transcribe", "run", "{tiny}"), 5, NEEDED.format("recognition")),
        (("stream", "run", "{tiny}"), 5, NEEDED.format("recognition, classification or labelling")),
        (("generate", "run", "--out", "small"), 5, NEEDED.format("music or text")),
        (("score", "run", "C4 E4"), 5, NEEDED.format("music or text")),
        (("next", "run", "a"), 5, NEEDED.format("text")),
        (
            ("doctor", "recipes/jsb/small.yaml"),
            3,
            "small.yaml: trains on piano_rolls/jsb; doctor checks",
        ),
        (("doctor", "piano_rolls"), 3, "`crnn-audio prepare piano_rolls` reads every piece and reports what"),
    ],
    ids=lambda words: words[0] if isinstance(words, tuple) else "",
)
def test_what_is_for_other_models_is_one_message(
    words: tuple[str, ...], exit_code: int, message: str, tree: Path, here: Here, tiny: Path
) -> None:
    sound = next(iter(sorted(tiny.rglob("*.flac"))))
    asked = [word.format(tiny=sound) for word in words]
    if words[0] == "transcribe":  # which writes bytes, and so not into pytest's hands
        done = program(*asked, cwd=Path.cwd(), exit_code=exit_code)
    else:
        done = here(*asked, exit_code=exit_code)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert not (tree / "small").exists()


def test_published_with_a_card(tree: Path, here: Here) -> None:
    done = here("publish", "run", "--out", "small")
    scores = json.loads((tree / "small" / "run.json").read_text())["scores"]
    assert done.stdout.splitlines() == [
        f"small on piano_rolls/jsb {one['split']}: {', '.join(worded(metric, one[metric]) for metric in METRICS)}"
        for one in scores
    ]
    card = (tree / "small" / "README.md").read_text(encoding="utf-8")
    assert "Predicts the next frame of a piano roll: 1 LSTM layers of 8, head sigmoid" in card
    assert "| piano_rolls/jsb test |" in card
