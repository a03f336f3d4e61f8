"""Messages that leave the terminal as it is, and the progress bar: a bar on a terminal, lines anywhere."""

import io

import pytest
from rich.console import Console

from crnn_audio import console
from crnn_audio.console import ProgressBar


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
    assert "[b]epoch 1" in shown.getvalue()
    assert "[red] 1 file" in shown.getvalue()
    assert "a [line]" in shown.getvalue()


def test_a_quiet_bar_shows_nothing(monkeypatch, clock) -> None:
    shown = screen(monkeypatch, terminal=False)
    with ProgressBar(quiet=True) as progress:
        progress("reading", 1, 2)
        clock[0] = 50.0
        progress("reading", 2, 2)
    assert shown.getvalue() == ""
