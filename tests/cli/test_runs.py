"""Run directories from the command line: how a model is used; old, unknown or damaged ones are one message."""

import json
import shlex
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Here


@pytest.fixture
def tree(workshop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the workshop that may be spoiled, and that we are in."""
    monkeypatch.chdir(shutil.copytree(workshop, tmp_path / "tree"))
    return Path.cwd()


def respelled(tree: Path, old: str, new: str) -> None:
    """Changes a line of the run's recipe."""
    path = tree / "run" / "recipe.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def refused(here: Here, *words: str, exit_code: int = 5) -> str:
    """What a command that fails writes to standard error."""
    done = here(*words, exit_code=exit_code)
    assert done.stdout == ""
    return done.stderr


USING = [["evaluate", "run"], ["publish", "run", "--out", "small"], ["train", "tiny/lstm", "--out", "run"]]


def test_commands_that_use_a_run(live: Path, tree: Path, here: Here) -> None:
    assert here("show", "run", "--usage", "a file.wav").stdout == "transcribe run 'a file.wav'\n"
    lines = here("show", live, "--usage", "a.wav").stdout.splitlines()
    assert [shlex.split(line) for line in lines] == [[verb, str(live), "a.wav"] for verb in ("transcribe", "stream")]
    assert here("show", "chorales", "--usage", "a.wav", exit_code=3).stdout == "", "a run directory or a recipe"


@pytest.mark.parametrize("words", USING, ids=lambda words: words[0])
def test_a_run_of_earlier_names_is_one_message_with_todays(tree: Path, here: Here, words: list[str]) -> None:
    respelled(tree, "  reverberation: null\n", "  rooms: null\n")
    said = refused(here, *words)
    assert said.startswith("run: trained by an earlier version, with other names of fields. Change them in its recipe.")
    assert "augment.rooms" in said
    assert "reverberation" in said
    respelled(tree, "  rooms: null\n", "  reverberation: null\n")
    assert here("show", "run").stdout, "changed as the message says, it is read again"


def test_a_recipe_of_earlier_names_is_one_message(tree: Path, here: Here) -> None:
    (tree / "old.yaml").write_text("task: {kind: next_frame}\ndata: {corpus: piano_rolls, chunk_frames: 8}\n")
    for words in (["train", "old.yaml", "--out", "new"], ["show", "old.yaml"]):
        said = refused(here, *words, exit_code=3)
        assert "next_frame" in said
        assert "rolls" in said
    assert not (tree / "new").exists()


@pytest.mark.parametrize("words", USING[:2], ids=lambda words: words[0])
def test_a_run_of_an_unknown_problem_is_one_message(tree: Path, here: Here, words: list[str]) -> None:
    respelled(tree, "kind: recognition", "kind: translation")
    said = refused(here, *words)
    assert said.startswith(
        "run: a model for task 'translation', which this version does not know; it knows recognition"
    )
    assert said.count("\n") == 1


DAMAGE = {
    "missing": (None, "run/vocabulary.json: no such file; the run directory is incomplete. Restore"),
    "no JSON": ("{", "run/vocabulary.json: damaged ("),
    "no object": ("[1]", "run/vocabulary.json: damaged ("),
    "too few": ('{"kind": "characters", "tokens": ["<blank>", "<unk>", "a"]}', "do not fit the recipe beside them"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_an_asset_that_is_missing_or_damaged_is_one_message(tree: Path, here: Here, damage: str) -> None:
    content, message = DAMAGE[damage]
    path = tree / "run" / "vocabulary.json"
    path.unlink() if content is None else path.write_text(content)
    for words in USING[:2]:
        said = refused(here, *words)
        assert message in said
        assert said.count("\n") == 1
    assert not (tree / "small").exists()


@pytest.mark.parametrize("content", [None, "{", '{"mean": [1], "std": [1]}', '{"mean": "x"}', "[]"])
def test_statistics_too(tree: Path, here: Here, content: str | None) -> None:
    path = tree / "run" / "statistics.json"
    path.unlink() if content is None else path.write_text(content)
    said = refused(here, "evaluate", "run")
    assert said.startswith("run")
    assert "statistics.json" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("recipe.yaml", "task: {kind: 3}\n", "run/recipe.yaml: damaged (it names no task.kind)"),
        ("recipe.yaml", "- 1\n", "run/recipe.yaml: damaged ("),
        ("run.json", json.dumps({"format": 99}), "run: written in format 99 by crnn_audio None; this is"),
    ],
)
def test_other_files_that_are_damaged(tree: Path, here: Here, name: str, content: str, message: str) -> None:
    (tree / "run" / name).write_text(content)
    said = refused(here, "evaluate", "run")
    assert said.startswith(message)
    assert said.count("\n") == 1
