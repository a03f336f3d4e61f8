"""Commands can be pasted by others: quoted, and seen from the working folder."""

import shlex
from pathlib import Path

from crnn_audio.config.commands import command, portable_command
from tests.loading import loads


def test_a_command_is_quoted_and_seen_from_here(tmp_path, monkeypatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    below = str(tmp_path / "here" / "a b")
    words = [below, f"--out={below}", f'data.root="{below}"', str(tmp_path / "other"), f"/mnt{below}", str(Path.cwd())]
    line = command(words)
    seen = ["a b", "--out=a b", 'data.root="a b"', str(tmp_path / "other"), f"/mnt{below}", str(Path.cwd())]
    assert shlex.split(line) == ["crnn-audio", *seen]


def test_a_published_command_does_not_tell_where_its_run_lay(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = loads("data: {corpus: an4}")
    for out, seen in (("/mnt/disk/run", "run"), (str(tmp_path / "a" / "run"), "a/run"), ("runs/a", "runs/a")):
        typed = shlex.join(["crnn-audio", "train", "recipes/an4/bilstm.yaml", "data.root=/mnt/an4", "--out", out])
        assert portable_command(typed, recipe) == f"crnn-audio train recipes/an4/bilstm.yaml --out {seen}"
