"""`recipes` and `show`: what there is, what a recipe comes to, and mistakes said word for word as promised."""

import json
import re
from pathlib import Path

import pytest
import yaml

from crnn_audio.config import load
from crnn_audio.problems import RECIPES, load_recipe
from tests.loading import loads

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SHIPPED = sorted(path.relative_to(ROOT) for path in (ROOT / "recipes").rglob("*.yaml"))
FIGURES = [
    "parameters",
    "tokens",
    "frames in",
    "subsampling factor",
    "receptive field",
    "look-ahead",
    "memory of a step",
]


def figures(text: str) -> dict[str, str]:
    """The comment lines under a shown recipe."""
    lines = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ")]
    return {line[:20].strip(): line[20:] for line in lines}


def test_recipes_lists_each_with_its_first_line(cli) -> None:
    lines = cli("recipes", cwd=ROOT).stdout.splitlines()
    first_lines = [(ROOT / path).read_text(encoding="utf-8").partition("\n")[0] for path in SHIPPED]
    assert [line.split(maxsplit=1) for line in lines] == [
        [str(path), first.lstrip("# ")] for path, first in zip(SHIPPED, first_lines, strict=True)
    ]
    starts = {line.index(line.split(maxsplit=1)[1]) for line in lines}
    assert len(starts) == 1, "the second column does not stand straight"


def test_recipes_as_json(cli) -> None:
    text, rows = cli("recipes", cwd=ROOT).stdout, cli("recipes", "--json", cwd=ROOT).stdout
    listed = [json.loads(line) for line in rows.splitlines()]
    assert [[row["recipe"], row["measured"]] for row in listed] == [
        line.split(maxsplit=1) for line in text.splitlines()
    ]


def test_recipes_of_the_working_directory_come_first_and_shipped_ones_else(cli, tmp_path: Path) -> None:
    assert cli("recipes").stdout.startswith("recipes/tiny/lstm.yaml  Sixteen made utterances, learned by heart.")
    assert len(cli("recipes", cwd=tmp_path).stdout.splitlines()) == len(SHIPPED)


def test_the_shown_recipe_is_the_recipe_with_its_figures(cli) -> None:
    text = cli("show", "tiny/lstm", "optim.lr=2e-4", cwd=ROOT).stdout
    assert loads(text) == load_recipe(ROOT / "recipes" / "tiny" / "lstm.yaml", *["optim.lr=2e-4"])
    assert {"case", "punctuation", "consistency"} < yaml.safe_load(text)["task"].keys(), "a default is not filled in"
    found = figures(text)
    assert list(found) == FIGURES
    assert found["subsampling factor"] == "4 (a frame out each 40 ms)"
    assert found["receptive field"].startswith("7 frames (70 ms)")
    assert found["look-ahead"] == "the whole recording"
    assert found["tokens"] == "18"
    assert re.fullmatch(r"about [\d,]+ MiB for \d+ s of speech", found["memory of a step"])
    # conv 8*9+8 and 8*8*9+8, their norms over 20 and 10 bins, projection 80 to 64 and its norm, two directions, head
    expected = (80 + 2 * 160) + (584 + 2 * 80) + (80 * 64 + 64 + 2 * 64) + 2 * 4 * 64 * (64 + 64 + 2) + 2 * 128
    assert found["parameters"] == f"{expected + 128 * 18 + 18:,}"


def test_a_model_that_does_not_wait_and_a_corpus_that_is_not_here(cli, tmp_path: Path) -> None:
    overrides = ["model.recurrent.bidirectional=false", "model.conv_time=causal"]
    found = figures(cli("show", "an4/bilstm", *overrides, cwd=tmp_path).stdout)
    assert found["look-ahead"] == "18 ms", "a window reaches 17.5 ms past its frame's time"
    assert found["tokens"].endswith(" (assumed: the corpus is not here yet)")
    assert list(tmp_path.iterdir()) == []


def test_the_json_schema_is_json_and_whole(cli) -> None:
    text = cli("show", "--json-schema").stdout
    assert text == load.json_schema(RECIPES)
    schema = json.loads(text)
    references = [part.split('"')[1] for part in text.split('"$ref": ')[1:]]
    assert references
    assert {reference.removeprefix("#/$defs/") for reference in references} <= schema["$defs"].keys()
    kinds = [schema["$defs"][name]["properties"].keys() for name in (recipe.__name__ for recipe in RECIPES.values())]
    for path in SHIPPED:
        fields = yaml.safe_load((ROOT / path).read_text(encoding="utf-8")).keys()
        assert any(fields <= known for known in kinds)


def test_mistakes_in_a_recipe_are_said_as_the_design_says(cli, tmp_path: Path) -> None:
    (tmp_path / "recipes" / "an4").mkdir(parents=True)
    recipe = "data: {corpus: an4}\nmodel: {recurrent: {cell: ltsm, hiden_size: 256}}\n"
    (tmp_path / "recipes" / "an4" / "bilstm.yaml").write_text(recipe, encoding="utf-8")
    expected = (GOLDEN / "recipe_mistakes.txt").read_text(encoding="utf-8")
    for verb in ("show", "train"):
        done = cli(verb, "recipes/an4/bilstm.yaml", cwd=tmp_path, exit_code=3)
        assert (done.stdout, done.stderr) == ("", expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipes"], "a recipe that is wrong left something"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tiny/lstn"], "tiny/lstn: no such recipe; did you mean 'recipes/tiny/lstm.yaml'?"),
        (["tiny/lstm", "optim.lrr=3"], "override 'optim.lrr=3': no such field; did you mean 'lr'?"),
        (["tiny/lstm", "optim.lr"], "override 'optim.lr'"),
        (["tiny/lstm", "optim.lr=fast"], "override 'optim.lr=fast': input should be a number (found 'fast')"),
        (["recipes"], "recipes: a folder, not a recipe; it holds tiny/lstm.yaml."),
    ],
)
def test_mistakes_on_the_command_line_are_recipe_errors(cli, arguments: list[str], said: str) -> None:
    done = cli("show", *arguments, exit_code=3)
    assert said in done.stderr
    assert done.stdout == ""
