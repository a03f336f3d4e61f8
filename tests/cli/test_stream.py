"""`stream`: finished utterances as lines in a pipe, events as JSON, text that grows on a terminal, sound on stdin."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

import crnn_audio as ca
from tests import warm
from tests.cli.conftest import environment

RATE, PAUSE = 16000, 2.0


@pytest.fixture(scope="session")
def talk(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four utterances that were learned by heart, as 16-bit WAV, with a pause after each that is not quite silent."""
    parts, random = [], np.random.default_rng(0)
    for number in (0, 1, 5, 6):
        samples, _ = soundfile.read(tiny / "train" / f"train-{number:04d}.flac", dtype="int16")
        parts += [samples, (60 * random.standard_normal(round(PAUSE * RATE))).astype(np.int16)]
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    soundfile.write(path, np.concatenate(parts), RATE, subtype="PCM_16")
    return path


@pytest.fixture(scope="session")
def said(live: Path, talk: Path) -> list[ca.Hypothesis]:
    """Its finished utterances, from Python."""
    finals: list[ca.Hypothesis] = []
    with ca.load(live).stream(RATE) as stream:
        for block in ca.audio.blocks(talk, 0.5):
            finals += stream.feed(block).finals
        finals += stream.flush().finals
    assert len(finals) >= 3
    assert all(final.text for final in finals)
    return finals


def test_a_line_for_each_finished_utterance_in_a_pipe(cli, live: Path, talk: Path, said) -> None:
    done = cli("stream", live, talk)
    assert done.stdout.splitlines() == [final.text for final in said]
    assert done.stderr == ""


def test_events_of_a_wav_stream_on_standard_input(cli, live: Path, talk: Path, said) -> None:
    done = cli("stream", live, "--json", "--seconds", "0.1", stdin=talk.read_bytes())
    events = [json.loads(line) for line in done.stdout.splitlines()]
    partials = [event for event in events if event["event"] == "partial"]
    finals = [event for event in events if event["event"] == "final"]
    assert len(partials) + len(finals) == len(events)
    assert all(list(event) == ["event", "text", "seconds"] for event in partials)
    assert all(list(event) == ["event", "path", "seconds", "text", "confidence", "words"] for event in finals)
    assert [event["text"] for event in finals] == [final.text for final in said]
    for event, final in zip(finals, said, strict=True):
        assert event["confidence"] == pytest.approx(final.confidence, abs=1e-3)
        assert [(word["text"], word["start"], word["end"]) for word in event["words"]] == [
            (word.text, pytest.approx(word.start, abs=1e-4), pytest.approx(word.end, abs=1e-4)) for word in final.words
        ]
    times = [word[moment] for event in finals for word in event["words"] for moment in ("start", "end")]
    assert times == sorted(times), "seconds count from the start of the stream"
    seconds = [event["seconds"] for event in partials]
    assert seconds == sorted(set(seconds))
    assert all(round(second * 10) == pytest.approx(second * 10) for second in seconds[:-1])
    grown = ""
    for event in events:
        assert event["text"].startswith(grown), "what was said stands"
        grown = event["text"] if event["event"] == "partial" else ""
    assert len(partials) > 2 * len(finals)


def test_text_comes_while_samples_without_a_header_go_on(start, live: Path, talk: Path, said) -> None:
    content = soundfile.read(talk, dtype="int16")[0].tobytes()
    process = start("stream", live, "-", "--rate", "16000", stdin=subprocess.PIPE, text=False, python=warm.python())
    until = 2 * round((said[0].seconds + 1) * RATE)
    process.stdin.write(content[:until])
    process.stdin.flush()
    assert process.stdout.readline().decode() == said[0].text + "\n"
    process.stdin.write(content[until:])
    rest, errors = process.communicate(timeout=60)
    assert rest.decode().splitlines() == [final.text for final in said[1:]]
    assert (errors, process.returncode) == (b"", 0)


# ---------------------------------------------------------------------------------------- a terminal


class Terminal:
    """A pseudo-terminal of some columns, and what a person sees on it."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def start(self, *arguments: object, python: Sequence[str] = (sys.executable,)) -> subprocess.Popen[bytes]:
        env = {name: value for name, value in environment().items() if name not in ("COLUMNS", "LINES")}
        command = [*python, "-m", "crnn_audio", *map(str, arguments)]
        process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=self.slave, stderr=subprocess.PIPE, start_new_session=True
        )
        os.close(self.slave)
        return process

    def read(self, until: str | None = None) -> str:
        """To a text, or to the end."""
        written = b""
        while until is None or until.encode() not in written:
            try:
                written += os.read(self.master, 4096)
            except OSError:  # the other end is closed
                break
        return written.decode()

    def lines(self, written: str) -> Sequence[str]:
        """Lines on the screen; one that was wrapped is one."""
        rows, wrapped, row, column = [""], set[int](), 0, 0
        while written:
            if written.startswith("\x1b[K"):
                rows[row], written = rows[row][:column], written[3:]
                continue
            one, written = written[0], written[1:]
            if one == "\r":
                column = 0
            elif one == "\n":
                row += 1
                rows += [""] * (row == len(rows))
            else:
                assert one.isprintable()
                if column == self.columns:
                    wrapped.add(row)
                    row, column = row + 1, 0
                    rows += [""] * (row == len(rows))
                rows[row] = rows[row][:column].ljust(column) + one + rows[row][column + 1 :]
                column += 1
        text = "".join(line + ("" if number in wrapped else "\n") for number, line in enumerate(rows))
        return text.removesuffix("\n").split("\n")


def test_growing_text_leaves_the_finished_lines_alone_on_a_terminal(live: Path, talk: Path, said) -> None:
    terminal = Terminal(columns=8)
    process = terminal.start("stream", live, talk, python=warm.python())
    written = terminal.read()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")
    assert max(len(final.text) for final in said) > 8, "nothing is wrapped"
    assert terminal.lines(written) == [*(final.text for final in said), ""]
    assert written.count("\r\x1b[K") > 2 * len(said), "nothing grew"


def test_ctrl_c_leaves_what_was_said_and_a_line_of_its_own_for_the_prompt(live: Path, talk: Path, said) -> None:
    terminal = Terminal(100)
    process = terminal.start("stream", live, python=warm.python())
    process.stdin.write(talk.read_bytes()[: 44 + 2 * round((said[0].seconds + PAUSE + 0.3) * RATE)])
    process.stdin.flush()
    begun = terminal.read(f"{said[0].text}\r\n\r\x1b[K{said[1].text[0]}")  # both may come at once
    os.killpg(process.pid, signal.SIGINT)
    written = begun + terminal.read()
    process.stdin.close()
    errors = process.stderr.read()
    assert (process.wait(60), errors) == (130, b"")
    first, open_utterance, prompt = terminal.lines(written)
    assert first == said[0].text
    assert said[1].text.startswith(open_utterance[:1])
    assert prompt == ""


def test_ctrl_c_finishes_what_was_fed(start, live: Path, talk: Path, said) -> None:
    content = soundfile.read(talk, dtype="int16")[0]
    process = start("stream", live, "-", "--json", stdin=subprocess.PIPE, text=False, python=warm.python())
    fed = content[: round((said[0].words[-1].end + 0.3) * RATE)]
    process.stdin.write(fed.tobytes())
    process.stdin.flush()
    text = ""
    while len(text) < len(said[0].text) - 1:  # the rest may wait for a whole block, or for look-ahead
        text = json.loads(process.stdout.readline())["text"]
    os.killpg(process.pid, signal.SIGINT)
    rest, errors = process.stdout.read(), process.stderr.read()  # `communicate` would lose what was read ahead
    assert (process.wait(60), errors) == (130, b"")
    last = json.loads(rest.decode().splitlines()[-1])
    assert last["event"] == "final"
    assert last["text"].startswith(text)


def test_what_was_fed_before_an_error_is_finished(cli, live: Path, talk: Path, said, tmp_path: Path) -> None:
    samples, _ = soundfile.read(talk, dtype="float32")
    cut = samples[: round((said[0].words[-1].end + 0.3) * RATE)]
    soundfile.write(tmp_path / "nan.wav", np.append(cut, np.full(RATE, np.nan)), RATE, subtype="FLOAT")
    done = cli("stream", live, tmp_path / "nan.wav", "--seconds", "0.05", exit_code=4)
    assert done.stdout == said[0].text + "\n"
    assert "nan.wav" in done.stderr


# ---------------------------------------------------------------------------------------- errors


def test_a_bidirectional_model_is_exit_code_6(cli, workshop: Path, talk: Path) -> None:
    done = cli("stream", workshop / "run", talk, exit_code=6)
    assert done.stderr == (
        "this model is bidirectional and cannot stream. Train a one-directional recipe, or use transcribe.\n"
    )
    assert done.stdout == ""


def test_what_came_before_the_damage_is_said(cli, live: Path, talk: Path, said, tmp_path: Path) -> None:
    samples, _ = soundfile.read(talk, dtype="int16")
    noise = np.random.default_rng(0).integers(-99, 99, 5 * RATE, dtype=np.int16)
    soundfile.write(tmp_path / "cut.flac", np.concatenate([samples, noise]), RATE)
    size = (tmp_path / "cut.flac").stat().st_size
    (tmp_path / "cut.flac").write_bytes((tmp_path / "cut.flac").read_bytes()[: size - 20000])
    done = cli("stream", live, tmp_path / "cut.flac")
    assert done.stdout.splitlines()[: len(said) - 1] == [final.text for final in said[:-1]]
    assert done.stderr.startswith(f"{tmp_path / 'cut.flac'}: damaged FLAC audio")
