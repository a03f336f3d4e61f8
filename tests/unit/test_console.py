"""Messages that leave the terminal as it is, and the progress bar: a bar on a terminal, lines anywhere."""

import errno
import io
import json
import os

import pytest
from rich.console import Console

from crnn_audio import console
from crnn_audio.console import ProgressBar
from crnn_audio.errors import OutputError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set by the test."""
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def screen(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> io.StringIO:
    """What the terminal shows, or the file that is no terminal."""
    file = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    made = lambda quiet: Console(file=file, force_terminal=terminal, width=200, quiet=quiet, highlight=False)  # noqa: E731
    monkeypatch.setattr(console, "_terminal", made)
    return file


def test_control_characters_are_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    console.report("\x1b[2J\x07.wav: \x9b31m, \x7f and \0\r\n\tdas ist größer 日本")
    assert capsys.readouterr().err == "\\x1b[2J\\x07.wav: \\x9b31m, \\x7f and \\x00\\r\n\tdas ist größer 日本\n"


HOSTILE = "\x1b]0;x\x07 \x9b2J \u202eab\u2066c\u200f\u061c \u2028 größer \u0645\u06cc\u200c\u062e 日本\t!\n"
CLEANED = "\\x1b]0;x\\x07 \\x9b2J \\u202eab\\u2066c\\u200f\\u061c \\u2028 größer \u0645\u06cc\u200c\u062e 日本\t!\n"


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


class Full(io.StringIO):
    """A file on a full disk, or a pipe that nobody reads."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str = "") -> int:
        raise OSError(self.number, os.strerror(self.number))

    flush = write


def test_controls_reach_no_terminal_and_a_file_gets_the_text_as_it_is() -> None:
    terminal, file = Screen(), io.StringIO()
    for stream in (terminal, file):
        print(HOSTILE, end="", file=console.Stream(stream, required=True))
    assert (terminal.getvalue(), file.getvalue()) == (CLEANED, HOSTILE)
    console.Stream(terminal, required=True).controlling().write("\r\x1b[K")
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert json.loads(console.as_json({"text": HOSTILE})) == {"text": HOSTILE}
    assert not set(map(ord, console.as_json({"text": HOSTILE}))) & console.CONTROLS.keys()


def test_what_cannot_be_written_is_an_error_of_results_alone() -> None:
    with pytest.raises(OutputError, match=r"^standard output cannot be written \(No space left on device\)\.$"):
        print("x", file=console.Stream(Full(errno.ENOSPC), required=True))
    print("x", file=console.Stream(Full(errno.ENOSPC), required=False), flush=True)
    for required in (True, False):
        with pytest.raises(BrokenPipeError):
            print("x", file=console.Stream(Full(errno.EPIPE), required=required))


def test_on_one_line_line_breaks_are_written_out_too() -> None:
    assert console.one_line("a\n\tb\x1b größer 日本") == "a\\n\\tb\\x1b größer 日本"


@pytest.mark.parametrize("terminal", [True, False])
def test_jobs_show_how_far_they_are_and_how_long_they_took(monkeypatch, clock, terminal: bool) -> None:
    shown = screen(monkeypatch, terminal=terminal)
    with ProgressBar() as progress:
        progress("checking train", 1, 3)
        progress("quick", 5, 5)
        progress("unknown", 7, 0)
        clock[0] = 5.0
        progress("checking train", 3, 3)
    assert "checking train: 3 done in 5 s" in shown.getvalue()
    assert "quick: 5 done" not in shown.getvalue()
    assert ("3/3" in shown.getvalue()) == terminal


def test_without_a_terminal_a_line_comes_now_and_then(monkeypatch, clock) -> None:
    shown = screen(monkeypatch, terminal=False)
    with ProgressBar() as progress:
        for done in range(1, 5):
            clock[0] += 12.0
            progress("reading [all]", done, 9)
    assert shown.getvalue().splitlines() == ["reading [all]: 3/9  0:00:48 left"]


def test_names_are_shown_as_they_are(monkeypatch, clock) -> None:
    shown = screen(monkeypatch, terminal=True)
    with ProgressBar() as progress:
        progress.show("job", 1, 2, "[red] 1 file", "[b]epoch 1")
        progress.bars.refresh()
        progress.print("a [line]")
        progress.print("a\x1b[2J\u202e")
        progress.show("job", 1, 2, "\x1b[31m", "ep\x9boch")
        progress.bars.refresh()
    assert "[b]epoch 1" in shown.getvalue()
    assert "[red] 1 file" in shown.getvalue()
    assert "a [line]" in shown.getvalue()
    for cleaned in ("a\\x1b[2J\\u202e", "\\x1b[31m", "ep\\x9boch"):
        assert cleaned in shown.getvalue()


def test_a_quiet_bar_shows_nothing(monkeypatch, clock) -> None:
    shown = screen(monkeypatch, terminal=False)
    with ProgressBar(quiet=True) as progress:
        progress("reading", 1, 2)
        clock[0] = 50.0
        progress("reading", 2, 2)
    assert shown.getvalue() == ""
