"""Standard streams that are closed, full or a terminal: one line or none, and nothing that controls the terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import environment

FULL, CLOSED = "No space left on device", "Bad file descriptor"


def shell(line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What `line` does, in which $PROGRAM is the program."""
    surroundings = {**environment(), "PROGRAM": f"{sys.executable} -m crnn_audio", **variables}
    command = ["timeout", "60", "sh", "-c", line]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("line", "unbuffered", "reason"),
    [
        ("$PROGRAM recipes > /dev/full", "", FULL),
        ("$PROGRAM recipes > /dev/full", "1", FULL),
        ("$PROGRAM show --json-schema > /dev/full", "1", FULL),
        ("$PROGRAM --help > /dev/full", "1", FULL),
        ("$PROGRAM recipes >&-", "", CLOSED),
        ("$PROGRAM recipes >&- <&-", "1", CLOSED),
    ],
)
def test_results_that_cannot_be_written_are_one_line(line: str, unbuffered: str, reason: str) -> None:
    done = shell(line, PYTHONUNBUFFERED=unbuffered)
    assert done.stderr == f"standard output cannot be written ({reason}).\n"
    assert done.returncode == 4


@pytest.mark.parametrize("closed", ["2>&-", "<&-", "2>&- <&-", "2> /dev/full"])
def test_results_are_written_without_the_other_streams(closed: str) -> None:
    done = shell(f"$PROGRAM recipes {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "an4" in done.stdout


@pytest.mark.parametrize("closed", ["2>&-", "2> /dev/full", ">&- 2>&- <&-"])
def test_an_error_that_nobody_can_read_keeps_its_exit_code(closed: str) -> None:
    done = shell(f"$PROGRAM show nonsense {closed}")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_no_text_of_others_controls_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "a\x1b[2J.yaml").write_text("# measured\x9b31m \u202e\u2066 \x07\ndata: {corpus: an4}\n")
    outside, inside = pty.openpty()
    command = [sys.executable, "-m", "crnn_audio", "recipes"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=inside, stderr=inside) as process:
        os.close(inside)
        seen = b""
        while piece := _read(outside):
            seen += piece
    assert process.returncode == 0
    shown = seen.decode()
    assert "a\\x1b[2J.yaml" in shown
    assert "measured\\x9b31m \\u202e\\u2066 \\x07" in shown
    assert not set(shown) & set("\x1b\x9b\x07\u202e\u2066")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so where others say that it has ended
        return b""
