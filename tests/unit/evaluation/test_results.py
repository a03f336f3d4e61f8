"""Rows of results.json: merged by seed, and turned into a table and a recipe's first line as they once were checked."""

import copy
import json
import re
import shlex
import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from crnn_audio.config.load import dump
from crnn_audio.decoding import carried
from crnn_audio.decoding.options import NONE, DecodingOptions
from crnn_audio.errors import DataError, RunError
from crnn_audio.evaluation import results, tables
from crnn_audio.evaluation.first_lines import with_first_line
from crnn_audio.evaluation.published import beside_published
from crnn_audio.inference.rolls import Predictor
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.metrics.scores import Scores
from crnn_audio.problems import rolls as problem
from tests import rolls
from tests.loading import loads, run_of

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def row(seed: int = 1, value: float = 0.069, **others: object) -> dict:
    return {
        "recipe": "recipes/an4/bilstm.yaml",
        "settings": "00112233aabb",
        "trained_on": "train",
        "split": "test",
        "metric": "wer",
        "head": "ctc",
        "cell": "lstm",
        "input": "fbank, 80 bins",
        "seeds": [seed],
        "values": [value],
        "mean": value,
        "sd": 0.0,
        "parameters": 4429662,
        "steps": 5400,
        "train_seconds": 3180.4,
        "commands": [f"crnn-audio train recipes/an4/bilstm.yaml seed={seed} && crnn-audio evaluate runs/an4-bilstm"],
        "commit": "0123456789ab",
        "dirty": False,
        "device": "cpu",
        "cpu": None,
        "precision": "float32",
        "torch": "2.11.0",
        "threads": 1,
        "date": "2026-11-21",
        **others,
    }


def merged(*news: dict) -> list[dict]:
    rows: list[dict] = []
    for new in news:
        results._update(rows, copy.deepcopy(new))
    return rows


def test_seeds_gather_in_one_row() -> None:
    values = [0.07, 0.08, 0.06]
    (found,) = merged(*(row(seed, value) for seed, value in zip((1, 2, 3), values, strict=True)))
    assert (found["seeds"], found["values"]) == ([1, 2, 3], values)
    assert found["mean"] == pytest.approx(0.07)
    assert found["sd"] == pytest.approx(0.01)
    assert ["seed=1" in found["commands"][0], "seed=3" in found["commands"][2]] == [True, True]
    assert list(found) == list(row())


def test_the_same_seed_is_replaced_and_the_rest_is_the_newest() -> None:
    (found,) = merged(row(1, 0.07), row(2, 0.08), row(1, 0.05, commit="ba9876543210", steps=6000))
    assert dict(zip(found["seeds"], found["values"], strict=True)) == {1: 0.05, 2: 0.08}
    assert found["sd"] == pytest.approx(statistics.stdev([0.05, 0.08]))
    assert (found["commit"], found["steps"]) == (["ba9876543210", row()["commit"]], 6000)
    assert (found["cpu"], found["precision"]) == (row()["cpu"], row()["precision"])
    assert merged(row(1, 0.07), row(1, 0.05)) == [row(1, 0.05)]


def test_runs_of_two_machines_keep_their_own_facts() -> None:
    elsewhere = {"cpu": "another processor", "precision": "float32", "commit": "ba9876543210"}
    (found,) = merged(row(1, precision="bf16"), row(2, precision="bf16"), row(3, **elsewhere), row(2, **elsewhere))
    assert found["precision"] == ["bf16", "float32", "float32"]
    assert found["cpu"] == [row()["cpu"], "another processor", "another processor"]
    assert found["torch"] == row()["torch"]
    assert f"another processor, 1 thread | {row()['commit']}, ba9876543210 |" in tables.readme([found])


def test_folds_gather_in_a_row_of_their_own() -> None:
    folds = [row(1, value, folds=[fold]) for fold, value in ((1, 0.1), (2, 0.2), (3, 0.6))]
    official, found = merged(row(1, 0.01), *folds)
    assert official == row(1, 0.01)
    assert (found["seeds"], found["folds"], found["values"]) == ([1, 1, 1], [1, 2, 3], [0.1, 0.2, 0.6])
    assert found["mean"] == pytest.approx(0.3)
    (again,) = merged(*folds, row(1, 0.3, folds=[2]), row(2, 0.5, folds=[2]))
    assert list(zip(again["seeds"], again["folds"], again["values"], strict=True)) == [
        (1, 1, 0.1), (1, 2, 0.3), (1, 3, 0.6), (2, 2, 0.5),
    ]  # fmt: skip
    assert len(again["commands"]) == 4


def test_rows_of_other_settings_are_replaced_and_not_merged() -> None:
    edited = row(3, 0.05, settings="ffeeddccbbaa")
    others = [row(1, 0.02, metric="cer"), row(1, 0.09, split="dev")]
    assert merged(row(1, 0.07), row(2, 0.08), edited) == [edited]
    (found,) = merged(row(1, 0.07), edited, row(4, 0.07, settings="ffeeddccbbaa"))
    assert (found["seeds"], found["values"]) == ([3, 4], [0.05, 0.07])
    elsewhere = row(recipe="recipes/an4/a.yaml")
    assert merged(row(), *others, elsewhere, edited) == [elsewhere, edited]


def test_settings_are_the_same_exactly_when_the_recipe_is() -> None:
    text = "data: {corpus: an4}\n"
    same = [
        [],
        ["data.root=elsewhere", "data.dev_as_train=true", "data.fold=2", "device=cuda:1", "threads=3", "seed=9"],
        ["optim.lr=0.001"],
    ]
    other = [["optim.lr=0.002"], ["data.corpus=spoken_digits"], ["model.conv.0.channels=8"], ["data.batch_seconds=1"]]
    (digest,) = {results.digest(loads(text, overrides)) for overrides in same}
    assert re.fullmatch("[0-9a-f]{12}", digest)
    assert len({results.digest(loads(text, overrides)) for overrides in other} | {digest}) == len(other) + 1


def test_other_splits_metrics_and_recipes_have_rows_of_their_own_in_order() -> None:
    news = [
        row(),
        row(metric="cer"),
        row(split="dev"),
        row(trained_on="train+dev"),
        row(recipe="recipes/an4/a.yaml"),
        row(seed=2, split="dev"),
    ]
    found = merged(*news)
    names = [
        (one["recipe"].removeprefix("recipes/an4/"), one["trained_on"], one["split"], one["metric"]) for one in found
    ]
    assert names == [
        ("a.yaml", "train", "test", "wer"),
        ("bilstm.yaml", "train", "dev", "wer"),
        ("bilstm.yaml", "train", "test", "cer"),
        ("bilstm.yaml", "train", "test", "wer"),
        ("bilstm.yaml", "train+dev", "test", "wer"),
    ]
    assert [one["seeds"] for one in found] == [[1], [1, 2], [1], [1], [1]]


def test_a_table_has_the_recipes_whose_metrics_are_its_own() -> None:
    """Words with a wrong pronunciation and wrong words of speech are both called wer, and stand in two tables."""
    kinds = {"speech": ("cer",), "sounds": ("per",), "actions": ("accuracy",), "french": ("bleu", "chrf")}
    rows = [
        row(recipe=f"recipes/{name}/a.yaml", metric=metric)
        for name, others in kinds.items()
        for metric in ("wer", *others)
    ]
    text = tables.readme(rows)
    for title, name in (
        ("Speech", "speech"), ("Pronunciations", "sounds"), ("Commands", "actions"), ("Translations", "french"),
    ):  # fmt: skip
        section = text.partition(f"## {title}\n")[2].partition("\n## ")[0]
        assert section.count("a.yaml)") == 1, title
        assert f"[{name}/a.yaml]" in section
    first = [with_first_line("# It.\n", [one for one in rows if name in one["recipe"]]) for name in kinds]
    assert [line.partition(" (")[0].removeprefix("# It. Measured: test ") for line in first] == [
        "WER 6.90 %", "WER 6.90 %", "6.90 % right", "BLEU 6.90",
    ]  # fmt: skip


def test_what_stands_for_no_recipe_is_not_recorded(recognizer, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("recipes/tiny", "elsewhere"):
        Path(folder).mkdir(parents=True)
        Path(folder, "small.yaml").write_text(f"# Small.\n{recognizer.run.text}")
    Path("recipes/tiny/other.yaml").write_text(recognizer.run.text.replace("lr: 0.001", "lr: 0.002"))
    Path("recipes/tiny/broken.yaml").write_text("data: {}")
    for place in (".", "recipes"):  # where a stranger's run would have a README replaced
        Path(place, "small.yaml").write_text(recognizer.run.text)
        Path(place, "README.md").write_text("mine")
    Path("recipes/away").symlink_to("../elsewhere")
    errors = Scores({"wer": 1 / 4, "cer": 1 / 9}, 1.0, "1 utterance, 4 words", split="test")

    def run_with(**facts: object) -> Recognizer:
        run = replace(recognizer.run, facts={"state": "finished", "train_seconds": 60.0, "threads": 1} | facts)
        return Recognizer(run, recognizer.task)

    def recorded(**facts: object) -> None:
        results.record(run_with(**facts), errors, "best")

    for facts, said in (
        ({"state": "training", "recipe": "recipes/tiny/small.yaml"}, "only a finished run"),
        ({"recipe": None}, "trained from None, which is no recipe under recipes/"),
        ({}, "trained from None"),
        ({"recipe": "elsewhere/small.yaml"}, "'elsewhere/small.yaml', which is no recipe under recipes/"),
        ({"recipe": "recipes/../small.yaml"}, "which is no recipe under recipes/"),
        ({"recipe": "recipes/tiny/../small.yaml"}, "which is no recipe under recipes/"),
        ({"recipe": "recipes/small.yaml"}, "which is no recipe under recipes/"),
        ({"recipe": "recipes/away/small.yaml"}, "which is no recipe under recipes/"),
        ({"recipe": "recipes/tiny/a\0.yaml"}, "which is no recipe under recipes/"),
        ({"recipe": f"recipes/tiny/{'a' * 300}.yaml"}, "which is no recipe under recipes/"),
        ({"recipe": "recipes/tiny/none.yaml"}, "which is no recipe under recipes/"),
        ({"recipe": "recipes/tiny/other.yaml"}, "trained with other settings than recipes/tiny/other.yaml"),
        ({"recipe": "recipes/tiny/broken.yaml"}, "cannot be read any more"),
    ):
        with pytest.raises(RunError, match=said):
            recorded(**facts)
        with pytest.raises(RunError, match=said):
            results.recordable(run_with(**facts))
    assert not Path("recipes/tiny/results.json").exists()
    assert {Path(place, "README.md").read_text() for place in (".", "recipes")} == {"mine"}

    small = "recipes/tiny/small.yaml"
    assert results.recordable(run_with(recipe=small)) == Path(small)
    assert not Path("recipes/tiny/results.json").exists(), "asking wrote something"
    recorded(recipe=small)
    (wer,) = [one for one in json.loads(Path("recipes/tiny/results.json").read_text()) if one["metric"] == "wer"]
    assert list(wer) == list(row())
    assert (wer["values"], wer["parameters"]) == ([0.25], recognizer.task.model.num_parameters)
    assert Path("recipes/tiny/small.yaml").read_text().startswith("# Small. Measured: test WER 25.00 % (1 seed)")


def test_a_decoder_has_a_row_of_its_own(recognizer, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recipes/tiny").mkdir(parents=True)
    Path("recipes/tiny/small.yaml").write_text(f"# Small.\n{recognizer.run.text}")
    Path("recipes/tiny/words.txt").write_text("two\nthree\n")
    facts = {"state": "finished", "train_seconds": 60.0, "threads": 1, "recipe": "recipes/tiny/small.yaml"}
    trained = Recognizer(replace(recognizer.run, facts=facts), recognizer.task)
    for value, decoding in (
        (0.25, NONE),
        (0.2, DecodingOptions(lexicon=Path("recipes/tiny/words.txt"), word_score=0.5)),
        (0.1, DecodingOptions(lexicon=tmp_path / "recipes/tiny/words.txt", word_score=0.5)),
    ):
        results.record(trained, Scores({"wer": value}, 1.0, "1 utterance", split="test"), "best", decoding)
    greedy, other = json.loads(Path("recipes/tiny/results.json").read_text())
    assert list(greedy) == list(row())
    assert (greedy["values"], other["values"]) == ([0.25], [0.1])
    assert re.fullmatch(r"word_score 0\.5, lexicon words\.txt [0-9a-f]{12}", other["decoder"])
    assert other["commands"][0].endswith("--weights best --word-score 0.5 --lexicon recipes/tiny/words.txt")
    assert "Measured: test WER 25.00 %" in Path("recipes/tiny/small.yaml").read_text(), "the greedy row is the main one"
    table = Path("recipes/README.md").read_text()
    assert "| split | decoder | WER % |" in table
    assert "| test | greedy | **25.00** |" in table
    assert f"| test | {other['decoder']} | 10.00 |" in table
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="no recipe under recipes/ of this folder"):
        results.recordable(trained, decoding)


def test_a_decoder_that_the_run_keeps_is_recorded_with_the_files_beside_the_recipe(
    recognizer, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recipes/tiny").mkdir(parents=True)
    Path("recipes/tiny/small.yaml").write_text(f"# Small.\n{recognizer.run.text}")
    (tmp_path.parent / "my words.txt").write_text("two\nthree\n")
    facts = {"state": "finished", "train_seconds": 60.0, "threads": 1, "recipe": "recipes/tiny/small.yaml"}
    trained = Recognizer(replace(recognizer.run, facts=facts), recognizer.task)
    away = DecodingOptions(lexicon=tmp_path.parent / "my words.txt", word_score=0.5)
    kept = carried.save(away, recognizer.run.path)
    assert kept.lexicon is not None
    for decoding in (away, kept):
        with pytest.raises(RunError, match="a row's command has to work elsewhere too") as refused:
            results.recordable(trained, decoding)
    copied = shlex.join(["cp", str(kept.lexicon), "recipes/tiny/my words.txt"])
    assert f"Keep it with the recipe (`{copied}`)" in str(refused.value)
    Path("recipes/tiny/other.txt").write_text("two\nfour!\n")
    Path("recipes/tiny/words.txt").write_text("two\nthree\n")
    results.record(trained, Scores({"wer": 0.2}, 1.0, "1 utterance", split="test"), "best", kept)
    (row,) = json.loads(Path("recipes/tiny/results.json").read_text())
    assert row["commands"][0].endswith("--weights best --word-score 0.5 --lexicon recipes/tiny/words.txt")
    assert row["decoder"] == DecodingOptions(lexicon=Path("recipes/tiny/words.txt"), word_score=0.5).identity
    results.record(trained, Scores({"wer": 0.3}, 1.0, "1 utterance", split="test"), "best", NONE)
    assert len(json.loads(Path("recipes/tiny/results.json").read_text())) == 2


def rows() -> list[dict]:
    gpu = {"device": "NVIDIA H200", "threads": 4, "train_seconds": 95.0, "recipe": "recipes/spoken_digits/bilstm.yaml"}
    return merged(
        row(1, 0.07), row(2, 0.08), row(3, 0.06), row(1, 0.031, metric="cer"), row(1, 0.0092, parameters=692494, **gpu)
    )


def test_the_table_is_the_one_that_was_checked() -> None:
    assert tables.readme(rows()) == (GOLDEN / "recipes_readme.md").read_text(encoding="utf-8")


def test_published_figures_stand_beside_ours_and_footnotes_below() -> None:
    recipe, cer = "recipes/an4/bilstm.yaml", {"recipe": "recipes/an4/bilstm.yaml", "metric": "cer"}
    ours = {"recipe": recipe, "split": "test", "metric": "wer", "task": "AN4"}
    theirs = {"source": "ESPnet", "differs": "other data"}
    figures = [("train", "7.6"), ("train", "at most 8"), ("train+dev", "7.6")]
    published = {
        "figures": [ours | theirs | {"trained_on": trained, "published": figure} for trained, figure in figures],
        "footnotes": [{"rows": [cer | {"split": split}], "text": split + ": {here1}."} for split in ("test", "dev")],
    }
    assert beside_published(rows(), published, "recipes/")[2:] == [
        "| [AN4](recipes/an4/bilstm.yaml) | test | **7.00 ± 1.00** % WER | 7.6 | -0.60 | ESPnet; other data |",
        "| [AN4](recipes/an4/bilstm.yaml) | test | **7.00 ± 1.00** % WER | at most 8 |  | ESPnet; other data |",
        "",
        "test: 3.10.",
    ]


@pytest.mark.parametrize("ending", [" Not measured yet.", " Not measured.", " Measured: test WER 9.90 %, by hand."])
def test_the_first_line_of_a_recipe(ending: str) -> None:
    an4, digits = rows()[:-1], rows()[-1:]
    text = f"# AN4, characters, CTC.{ending}\ndata: {{corpus: an4}}\n# Measured: stays\n"
    measured = "Measured: test WER 7.00 ± 1.00 % (3 seeds), 53 minutes on cpu, 1 thread."
    once = f"# AN4, characters, CTC. {measured}\ndata: {{corpus: an4}}\n# Measured: stays\n"
    assert with_first_line(text, an4) == once
    assert with_first_line(once, an4) == once, "writing it again changes it"
    assert with_first_line(text, digits).partition("\n")[0] == (
        "# AN4, characters, CTC. Measured: test WER 0.92 % (1 seed), 2 minutes on NVIDIA H200."
    )
    named = with_first_line(text, [row(1, 0.07, cpu="AMD EPYC 7763")])
    assert "53 minutes on AMD EPYC 7763, 1 thread." in named
    both = [row(1, 0.09, split="dev", train_seconds=60.0, threads=2), *an4]
    assert with_first_line(text, both) == once, "test stands for itself"
    folds = [row(1, 0.01, folds=[1]), *an4]
    assert with_first_line(text, folds) == once, "the corpus's own test stands before its folds"
    dev = with_first_line(text, both[:1])
    assert "Measured: dev WER 9.00 % (1 seed), 1 minute on cpu, 2 threads." in dev


@pytest.mark.parametrize("content", ["", "[1]", '[{"recipe": "a"}]', "[" * 9999, "3"])
def test_damaged_results_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "an4").mkdir()
    (tmp_path / "an4" / "results.json").write_text(content)
    with pytest.raises(DataError, match=r"an4/results\.json: damaged"):
        results.write_tables(tmp_path)


# ---------------------------------------------------------------------------------------- nats a frame


def roll_row(seed: int, value: float, **others: object) -> dict:
    fixed = {
        "recipe": "recipes/jsb/gru.yaml",
        "metric": "nats_per_frame",
        "head": "sigmoid",
        "cell": "gru",
        "input": "frames",
    }
    return row(seed, value, **(fixed | {"parameters": 298_000, "train_seconds": 45.4} | others))


def test_rows_of_rolls_have_a_table_of_their_own() -> None:
    tcn = {"recipe": "recipes/jsb/tcn.yaml", "cell": "tcn", "head": "joint"}
    by_piece = roll_row(1, 8.5, metric="nats_per_frame_by_piece")
    of_rolls = merged(roll_row(1, 8.43), roll_row(2, 8.37), by_piece, roll_row(1, 8.2749, **tcn))
    speech, _, table = tables.readme([*rows(), *of_rolls]).partition("\n## Piano rolls\n")
    assert speech == (GOLDEN / "recipes_readme.md").read_text(encoding="utf-8")
    ending = "298,000 | 0.8 | cpu, 1 thread | 0123456789ab |"
    head = "| recipe | cell | head | input | trained on | split | nats a frame | mean over pieces | mean over windows |"
    assert table.splitlines()[-4:] == [
        f"{head} seeds | parameters | minutes | device | commit |",
        "|---|---|---|---|---|---|--:|--:|--:|--:|--:|--:|---|---|",
        "| [jsb/gru.yaml](jsb/gru.yaml) | gru | sigmoid | frames | train | test | **8.400 ± 0.042** | 8.500 |  | 2 "
        f"| {ending}",
        f"| [jsb/tcn.yaml](jsb/tcn.yaml) | tcn | joint | frames | train | test | **8.275** |  |  | 1 | {ending}",
    ]
    assert tables.readme(of_rolls).endswith(table)


def test_the_first_line_of_a_recipe_of_rolls() -> None:
    text = "# JSB, GRU (8.43). Not measured yet.\ntask: {}\n"
    several = merged(roll_row(1, 8.43), roll_row(2, 8.37))
    once = with_first_line(text, several)
    assert once == (
        "# JSB, GRU (8.43). Measured: test 8.400 ± 0.042 nats a frame (2 seeds), 45 seconds on cpu, 1 thread."
        "\ntask: {}\n"
    )
    assert with_first_line(once, several) == once
    longer = with_first_line(text, [roll_row(1, 8.43, train_seconds=150.0)])
    assert "Measured: test 8.430 nats a frame (1 seed), 2 minutes on cpu" in longer


@pytest.mark.parametrize(("kind", "head"), [("sigmoid", "sigmoid"), ("nade", "joint")])
def test_a_run_of_rolls_is_recorded(kind: str, head: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = rolls.small("nowhere", {"model.head": {"kind": kind}})
    Path("recipes/jsb").mkdir(parents=True)
    Path("recipes/jsb/small.yaml").write_text(f"# Small. Not measured yet.\n{dump(recipe)}")
    for seed, value in ((1, 8.5), (2, 8.3)):
        facts = {"state": "finished", "train_seconds": 30.0, "threads": 1, "device": "cpu", "steps": 9}
        facts |= {"recipe": "recipes/jsb/small.yaml", "command": f"crnn-audio train {tmp_path}/x.yaml --out {tmp_path}"}
        facts |= {"processor": "AMD EPYC 7763", "torch": "2.11.0", "precision": "float32"}
        seeded = recipe.model_copy(update={"seed": seed})
        run = run_of(seeded, tmp_path / "run", facts=facts)
        predictor = Predictor(run, problem.task(seeded, problem.Assets()), copy_context=False)
        found = Scores({"nats_per_frame": value}, value, "5 pieces", corpus="piano_rolls/jsb", split="test")
        results.record(predictor, found, "best")
    (only,) = json.loads(Path("recipes/jsb/results.json").read_text())
    assert list(only) == list(row())
    assert (only["metric"], only["head"], only["cell"]) == ("nats_per_frame", head, "lstm")
    assert (only["seeds"], only["values"], only["trained_on"]) == ([1, 2], [8.5, 8.3], "train")
    assert only["commands"] == [
        f"crnn-audio train recipes/jsb/small.yaml{changes} --out runs/jsb-small-{seed} && crnn-audio evaluate "
        f"runs/jsb-small-{seed} --split test --weights best"
        for seed, changes in ((1, ""), (2, " seed=2"))
    ]
    assert (only["cpu"], only["torch"], only["precision"]) == ("AMD EPYC 7763", "2.11.0", "float32")
    written = [path for path in Path().rglob("*") if path.suffix in (".json", ".md", ".yaml") and path.is_file()]
    assert not any(str(tmp_path) in path.read_text() for path in written if path.parts[0] == "recipes")
    assert only["parameters"] == predictor.task.model.num_parameters
    assert Path("recipes/README.md").read_text() == tables.readme([only])
    first = Path("recipes/jsb/small.yaml").read_text().partition("\n")[0]
    assert (
        first == "# Small. Measured: test 8.400 ± 0.141 nats a frame (2 seeds), 30 seconds on AMD EPYC 7763, 1 thread."
    )
