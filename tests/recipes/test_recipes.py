"""Every recipe validates, builds, takes steps, and made small learns four utterances by heart; no score is typed."""

import json
import os
import re
import shlex
import statistics
from pathlib import Path

import pytest

from crnn_audio.batching import manifests
from crnn_audio.config.load import dump
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.evaluation import results, tables
from crnn_audio.evaluation.first_lines import with_first_line
from crnn_audio.evaluation.published import with_results
from crnn_audio.evaluation.rows import identity
from crnn_audio.evaluation.show import show
from crnn_audio.metrics.scores import UNITS
from crnn_audio.problems import load_recipe, recognition
from crnn_audio.problems.registry import PROBLEMS
from crnn_audio.problems.restore import load as load_run
from crnn_audio.training.run import train
from tests.loading import loads

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))
ROWS = [row for path in (ROOT / "recipes").glob("*/results.json") for row in json.loads(path.read_text())]
FIELDS = (
    "recipe settings trained_on split metric head cell input seeds values mean sd parameters steps train_seconds "
    "commands commit dirty device cpu precision torch threads date"
).split()
METRICS = {
    "wer", "cer", "per", "accuracy", "acceptance", "miss_rate", "bleu", "chrf", "f1_frame", "f1_onset", "f1_note",
    *UNITS,
}  # fmt: skip
LEARNED_LOSS = 0.1
"""Nats a token, where an utterance is known by heart; an untrained model starts above 3."""

LOADED = {path: load_recipe(path) for path in RECIPES}
SPEECH = [path for path, recipe in LOADED.items() if isinstance(recipe, RecognitionRecipe)]

every_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
each_recipe = pytest.mark.parametrize("path", SPEECH, ids=lambda path: f"{path.parent.name}/{path.stem}")


def changed(path: Path, root: Path, *overrides: str) -> RecognitionRecipe:
    """A recipe on another corpus, in this process."""
    here = [f"data={{corpus: manifests, root: '{root}', workers: 0}}", "device=cpu", "threads=1"]
    here += ["init=null", "task.supervision=transcripts", "task.case=keep", "decoder=null"]
    return load_recipe(path, *[*here, *overrides])


def losses(run: Path) -> list[float]:
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [entry["loss"] for entry in map(json.loads, lines) if entry["event"] == "step"]


def test_every_recipe_is_here() -> None:
    walked = {Path(folder) / name for folder, _, names in os.walk(ROOT / "recipes") for name in names}
    odd = {path.name for path in walked if path.suffix not in (".yaml", ".json", ".md", ".png", ".jsgf")}
    assert {path for path in walked if path.suffix == ".yaml"} == set(RECIPES)
    assert RECIPES
    assert not odd, "neither recipe, grammar, scores, picture nor page"
    assert all(path.parent.parent == ROOT / "recipes" for path in RECIPES), "a recipe lies at recipes/<corpus>/"


@each_recipe
def test_builds_at_full_size_and_fits_on_a_screen(path: Path) -> None:
    recipe = load_recipe(path)
    assert loads(dump(recipe)) == recipe
    summary = show(recipe)
    assert summary.num_parameters > 0
    assert summary.figures["step_bytes"] > 4 * summary.num_parameters
    assert len(summary.lines) == 7
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 25
    assert max(map(len, text.splitlines())) <= 120


@each_recipe
def test_takes_two_steps_at_full_size(path: Path, tiny: Path, tmp_path: Path) -> None:
    recipe = changed(path, tiny, "data.batch_seconds=14", "optim.max_epochs=1")
    masks = recipe.augment.spec_augment
    if masks:
        recipe = changed(
            path, tiny, "data.batch_seconds=14", "optim.max_epochs=1", "augment.spec_augment.start_epoch=0"
        )
    trained = train(recipe, tmp_path / "run", report=lambda line: None)
    assert trained.finished
    assert trained.steps >= 2
    assert all(0 < loss < 100 for loss in losses(trained.path))


@pytest.fixture(scope="module")
def four(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four utterances, of several words each, to learn and to be asked."""
    folder = tmp_path_factory.mktemp("four")
    cuts = [cut for cut in manifests.load(tiny / "train.jsonl") if " " in cut.text][:4]
    for split in ("train", "dev"):
        manifests.save(cuts, folder / f"{split}.jsonl")
    return folder


@each_recipe
def test_made_small_it_learns_four_utterances_by_heart(path: Path, four: Path, tmp_path: Path) -> None:
    recipe = changed(
        path,
        four,
        "augment={}",
        "task.consistency=0",
        "task.intermediate=0",
        "task.attention=0",  # with smoothed targets, of which no loss is small
        "model.decoder=null",
        "model.conv_dropout=0",
        "model.recurrent.num_layers=1",
        "model.recurrent.hidden_size=64",
        "model.recurrent.dropout=0",
        "optim.lr=6e-3",
        "optim.ema=0",
        "optim.max_epochs=100",
        "train={eval_epochs: 100}",
    )
    trained = train(recipe, tmp_path / "run", report=lambda line: None)
    course = losses(trained.path)
    assert len(course) == 100, "four utterances are one batch"
    assert course[0] > 2
    assert course[-1] < LEARNED_LOSS
    assert trained.score == 0
    cuts = recognition.data(recipe).items["train"]
    hypotheses = load_run(trained.path, device="cpu").transcribe([cut.recording.path for cut in cuts])
    assert [one.text for one in hypotheses] == [cut.text for cut in cuts]


@every_recipe
def test_the_first_line_is_what_was_measured(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    own = [row for row in ROWS if ROOT / row["recipe"] == path]
    first = text.partition("\n")[0]
    if own:
        assert with_first_line(text, own) == text
    else:
        assert first.endswith((" Not measured yet.", " Not measured.")), "no row stands behind this line"
        assert "Measured:" not in first


def test_the_table_is_what_was_measured() -> None:
    page = ROOT / "recipes" / "README.md"
    assert page.exists() or not ROWS
    if page.exists():
        ordered = [
            row for file in sorted((ROOT / "recipes").glob("*/results.json")) for row in json.loads(file.read_text())
        ]
        cells = page.with_name("cells.json")
        measured = json.loads(cells.read_text()) if cells.exists() else None
        written = [json.loads(file.read_text()) for file in sorted((ROOT / "recipes").glob("*/written.json"))]
        published = json.loads(page.with_name("published.json").read_text())
        assert page.read_text(encoding="utf-8") == tables.readme(ordered, published, measured, written)
        front = (ROOT / "README.md").read_text(encoding="utf-8")
        assert with_results(front, ordered, published) == front
        assert all((page.parent / one["picture"]).is_file() for one in written)
        assert (ROOT / "recipes" / "LOG.md").exists(), "the page points to it"


def test_rows_have_all_fields_and_add_up() -> None:
    for row in ROWS:
        assert [field for field in row if field != "folds"] == FIELDS
        assert row["metric"] in METRICS
        assert ROOT / row["recipe"] in RECIPES
        runs = list(zip(row["seeds"], row.get("folds") or row["seeds"], strict=True))
        assert len(set(runs)) == len(runs) == len(row["values"]) == len(row["commands"]) > 0
        assert row["mean"] == pytest.approx(statistics.fmean(row["values"]))
        assert row["sd"] == pytest.approx(statistics.stdev(row["values"]) if len(row["values"]) > 1 else 0)
        most = 100 if row["metric"].startswith("nats") else 2
        assert all(0 <= value < most for value in row["values"]), "a fraction, not per cent; or nats"
        assert row["cell"] == load_recipe(ROOT / row["recipe"]).model.recurrent.cell
    names = [identity(row) for row in ROWS]
    assert len(set(names)) == len(names)


def test_rows_are_of_the_recipes_as_they_are() -> None:
    for row in ROWS:
        recipe = LOADED[ROOT / row["recipe"]]
        assert row["settings"] == results.digest(recipe), "the recipe was edited since"
        assert row["input"] == PROBLEMS[recipe.task.kind].inputs(recipe)


def test_each_command_trains_its_seed_and_evaluates_what_it_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    folders: dict[str, object] = {}
    for row in ROWS:
        folds = row.get("folds") or [None] * len(row["seeds"])
        precisions = row["precision"] if isinstance(row["precision"], list) else [row["precision"]] * len(row["seeds"])
        for seed, fold, precision, command in zip(row["seeds"], folds, precisions, row["commands"], strict=True):
            train, evaluate = map(shlex.split, command.split(" && "))
            assert (train[:3], train[-2]) == (["crnn-audio", "train", row["recipe"]], "--out")
            recipe = load_recipe(row["recipe"], *train[3:-2])  # every change is one that the recipe takes
            assert (recipe.seed, recipe.precision) == (seed, precision)
            assert getattr(recipe.data, "fold", None) == fold
            assert row["trained_on"] == ("train+dev" if getattr(recipe.data, "dev_as_train", False) else "train")
            assert recipe.threads in (0, row["threads"])
            assert evaluate[:4] == ["crnn-audio", "evaluate", train[-1], "--split"]
            assert (evaluate[4], evaluate[5], len(evaluate)) == (row["split"], "--weights", 7)
            assert evaluate[6] == ("last" if row["trained_on"] == "train+dev" else "best")
            assert not Path(train[-1]).is_absolute()
            same = (row["recipe"], row["trained_on"], seed, fold)
            assert folders.setdefault(train[-1], same) == same, "two trainings in one folder"


def test_no_row_has_a_path_of_a_machine() -> None:
    for path in (ROOT / "recipes").rglob("*.json"):
        assert not re.search(r"""["'= ]/\w""", path.read_text(encoding="utf-8")), path
