"""Commands can be pasted by others: quoted, and seen from the working folder."""

import shlex
from pathlib import Path

from crnn_audio.config.commands import command


def test_a_command_is_quoted_and_seen_from_here(tmp_path, monkeypatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    below = str(tmp_path / "here" / "a b")
    words = [below, f"--out={below}", f'data.root="{below}"', str(tmp_path / "other"), f"/mnt{below}", str(Path.cwd())]
    line = command(words)
    seen = ["a b", "--out=a b", 'data.root="a b"', str(tmp_path / "other"), f"/mnt{below}", str(Path.cwd())]
    assert shlex.split(line) == ["crnn-audio", *seen]
