"""Texts turned into others from the command line: a line in, a line out; bad lines are named and keep their place."""

import json
import shutil
from pathlib import Path

import pytest

from tests import transductions as made
from tests.cli.conftest import Here, program

RECIPE = "# Pairs. Not measured yet.\n" + json.dumps(made.SMALL | {"data": {"corpus": "pairs", "root": "pairs"}})


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with pairs, and `run` and `fixed`, trained on them."""
    folder = tmp_path_factory.mktemp("translate")
    (folder / "small.yaml").write_text(RECIPE, encoding="utf-8")
    made.folder(folder / "pairs")
    program("train", "small.yaml", "--out", "run", cwd=folder)
    changes = ["model.decoder.attention=fixed", "model.decoder.cell=gru", "optim.max_epochs=1"]
    program("train", "small.yaml", *changes, "--out", "fixed", cwd=folder)
    return folder


@pytest.fixture
def tree(workshop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that may be written to, and that we are in."""
    monkeypatch.chdir(shutil.copytree(workshop, tmp_path / "tree"))
    return Path.cwd()


def test_a_line_in_is_a_line_out(tree: Path, here: Here) -> None:
    Path("words.txt").write_text("ab\n\ncd\nabX\n" + "a" * 5000 + "\nba\n", encoding="utf-8")
    done = here("translate", "run", "words.txt", exit_code=4)
    lines = done.stdout.split("\n")
    assert len(lines) == 7
    assert [place for place, line in enumerate(lines[:6]) if not line] == [1, 4]
    assert done.stderr == (
        "line 2: is empty, so there is nothing to translate.\n"
        "line 4: 'abX': unknown characters: 'X'\n"
        "line 5: has 5,000 characters, where a source has at most 4,096. Cut it.\n"
    )
    assert here("translate", "run", "ab").stdout == f"{lines[0]}\n"


def test_alternatives_and_json(tree: Path, here: Here) -> None:
    rows = [line.split("\t") for line in here("translate", "run", "abc", "--nbest", 3).stdout.splitlines()]
    assert [len(row) for row in rows] == [3, 3, 3]
    assert {row[0] for row in rows} == {"abc"}
    (one,) = [json.loads(line) for line in here("translate", "run", "abc", "--nbest", 3, "--json").stdout.splitlines()]
    assert list(one) == ["source", "text", "log_prob", "nbest", "remarks"]
    assert [[alternative["text"], f"{alternative['log_prob']:.4f}"] for alternative in one["nbest"]] == [
        row[1:] for row in rows
    ]
    assert here("translate", "run", "abc", "--beam", 0, exit_code=2).stderr


def test_attention_is_plotted(tree: Path, here: Here) -> None:
    here("translate", "run", "abc", "--plot", "pictures")
    assert [path.name for path in Path("pictures").iterdir()] == ["00001.png"]
    assert Path("pictures/00001.png").read_bytes().startswith(b"\x89PNG")
    done = here("translate", "fixed", "abc", "--plot", "none")
    assert done.stderr == "fixed has a fixed context and no attention, so there is nothing to plot.\n"
    assert not Path("none").exists()


def test_evaluated_shown_prepared_and_published(tree: Path, here: Here) -> None:
    scores = json.loads(here("evaluate", "run", "--json").stdout)
    assert (scores["corpus"], scores["split"], scores["pairs"]) == ("pairs", "test", 6)
    assert 0 <= scores["wer"] <= 1
    assert "target tokens       6" in here("show", "small.yaml").stdout
    rows = [json.loads(line) for line in here("prepare", "pairs", "--root", "pairs", "--json").stdout.splitlines()]
    assert [(row["split"], row["sources"]) for row in rows] == [("train", 60), ("dev", 8), ("test", 6)]
    here("publish", "run", "--out", "small")
    card = Path("small/README.md").read_text(encoding="utf-8")
    assert "decoder with attention (additive)" in card
    assert "crnn-audio translate small -" in card
    assert here("translate", "small", "ab").stdout


def test_an_exported_one_writes_greedily(tree: Path, here: Here) -> None:
    assert here("export", "run", "--out", "light").stdout == "crnn-audio translate light -\n"
    lines = [here("translate", model, "abc", "--beam", 1, "--json").stdout for model in ("run", "light")]
    by_run, by_folder = (json.loads(line) for line in lines)
    assert by_folder.pop("log_prob") == pytest.approx(by_run.pop("log_prob"), abs=2e-4)
    assert by_folder["text"] == by_run["text"]
    here("translate", "light", "abc", "--plot", "pictures")
    assert Path("pictures/00001.png").read_bytes().startswith(b"\x89PNG")
    done = here("translate", "light", "abc", "--nbest", 2, exit_code=5)
    assert done.stderr == ("light: an exported model writes greedily. Leave --beam and --nbest out, or use the run.\n")
    assert "usable (its 4 files are whole" in here("doctor", "light").stdout


def test_a_model_of_another_kind_is_refused(tree: Path, here: Here) -> None:
    done = here("translate", "an4", "ab", exit_code=5)
    assert "an4" in done.stderr
    assert "Traceback" not in done.stderr
