"""Results come early, whole and in order; what goes wrong with one stops no other; what is done when stopped stays."""

import errno
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from crnn_audio import files
from crnn_audio.batching import manifests
from crnn_audio.inference.outputs import pending
from crnn_audio.inference.outputs.pending import Outputs
from crnn_audio.inference.speech import transcription, transcripts
from crnn_audio.inference.speech.recognizer import Recognizer


@pytest.fixture
def paths(tiny: Path) -> list[str]:
    """Eight recordings, neither in the order of their names nor of their lengths."""
    cuts = manifests.load(tiny / "train.jsonl")
    return [str(cuts[index].recording.path) for index in (3, 0, 5, 1, 7, 2, 6, 4)]


@pytest.fixture
def printed(tmp_path_factory) -> Path:
    """What stands for standard output."""
    return tmp_path_factory.mktemp("stdout") / "text"


@pytest.fixture
def run(recognizer: Recognizer, printed: Path) -> Callable[..., tuple[int, list[str]]]:
    """`run(paths, wanted)` gives how many failed, and what was reported."""

    def call(
        arguments: list[str], wanted: Outputs, load: Callable[[], Recognizer] = lambda: recognizer
    ) -> tuple[int, list[str]]:
        reported: list[str] = []
        with printed.open("w+", encoding="utf-8") as stdout:
            return transcripts.run(pending.pending(arguments, wanted), wanted, load, reported.append, stdout), reported

    return call


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every recording is a batch of its own."""
    monkeypatch.setattr(transcription, "BATCH_SECONDS", 0.1)


def test_what_is_printed_is_what_the_files_hold(run, printed, recognizer, paths: list[str], tmp_path: Path) -> None:
    spoken = [one.text for one in recognizer.transcribe(paths)]
    assert len(set(spoken)) > 4
    assert run(paths, Outputs(("text",))) == (0, [])
    assert printed.read_text() == "".join(f"{path}\t{text}\n" for path, text in zip(paths, spoken, strict=True))

    failed, reported = run(paths, Outputs(("text", "json"), tmp_path / "out"))
    assert (failed, printed.read_text()) == (0, "")
    assert len(reported) == 1
    assert reported[0].startswith(f"{tmp_path}/out: 8 transcribed (")
    for path, text in zip(paths, spoken, strict=True):
        written = tmp_path / "out" / Path(path).stem
        assert written.with_suffix(".txt").read_text() == f"{text}\n"
        assert json.loads(written.with_suffix(".json").read_text())["path"] == path
    assert run(paths, Outputs(("text", "json"), tmp_path / "out")) == (0, [f"{tmp_path}/out: 8 done before"])


@pytest.fixture
def printed_at(recognizer, printed: Path, monkeypatch, alone) -> list[int]:
    """How many lines had been printed each time that a recording was read."""
    counts: list[int] = []
    read = transcription._read

    def watched(engine: object, source: object) -> object:
        counts.append(printed.read_text().count("\n"))
        return read(engine, source)

    monkeypatch.setattr(transcription, "_read", watched)
    return counts


def test_a_chunk_is_printed_before_the_next_one_is_read(
    run, printed, printed_at, paths: list[str], monkeypatch
) -> None:
    monkeypatch.setattr(transcripts, "CHUNK_FILES", 2)
    run(paths, Outputs(("text",)))
    assert [lines // 2 for lines in printed_at] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [line.split("\t")[0] for line in printed.read_text().splitlines()] == paths


def test_a_result_is_printed_as_soon_as_all_before_it_are(run, printed_at, paths: list[str]) -> None:
    run(sorted(paths, key=transcription.expected_seconds, reverse=True), Outputs(("text",)))  # as they are recognised
    assert printed_at == list(range(8))


def test_a_file_is_written_before_the_next_batch_is_read(
    run, recognizer, paths: list[str], tmp_path: Path, monkeypatch, alone
) -> None:
    there: list[int] = []
    read = transcription._read

    def watched(engine: object, source: object) -> object:
        there.append(len(list(tmp_path.glob("*.srt"))))
        return read(engine, source)

    monkeypatch.setattr(transcription, "_read", watched)
    run(paths, Outputs(("srt",), tmp_path))
    assert there == list(range(8))


@pytest.fixture
def interrupted(recognizer, monkeypatch, alone) -> None:
    """Ctrl-C is pressed while the fourth recording is recognised."""
    forward, calls = recognizer.task.forward, []

    def pressed(sound: object) -> object:
        calls.append(sound)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return forward(sound)

    monkeypatch.setattr(recognizer.task, "forward", pressed)


def test_an_interruption_keeps_what_is_done(run, paths: list[str], tmp_path: Path, interrupted) -> None:
    wanted = Outputs(("jsonl", "textgrid"), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(paths, wanted)
    assert len(list(tmp_path.glob("*.jsonl"))) == len(list(tmp_path.glob("*.TextGrid"))) == 3
    failed, reported = run(paths, wanted)
    assert failed == 0
    assert reported[0].startswith(f"{tmp_path}: 5 transcribed (")
    assert reported[0].endswith("real time), 3 done before")
    assert len(list(tmp_path.glob("*.jsonl"))) == 8


def test_an_interruption_still_prints_a_whole_array(run, printed, paths: list[str], interrupted) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(paths, Outputs(("json",)))
    done = [one["path"] for one in json.loads(printed.read_text())]
    assert len(done) == 3
    assert done == [path for path in paths if path in done], "in the order given"


def test_a_disk_that_fills_up_is_reported_for_each_recording_and_leaves_whole_files(
    run, paths: list[str], tmp_path: Path, monkeypatch
) -> None:
    write = files.write_bytes

    def full(path: Path, content: bytes) -> None:
        if path.suffix == ".TextGrid":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    monkeypatch.setattr(files, "write_bytes", full)
    failed, reported = run(paths[:3], Outputs(("textgrid", "text", "vtt"), tmp_path))
    assert failed == 3
    assert reported[:3] == [
        f"{tmp_path / Path(path).stem}.TextGrid: cannot be written (No space left on device)." for path in paths[:3]
    ]
    assert reported[3] == f"{tmp_path}: 3 failed"
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", *[".txt"] * 3, *[".vtt"] * 3]
    monkeypatch.undo()
    assert run(paths[:3], Outputs(("textgrid", "text", "vtt"), tmp_path))[0] == 0


def test_pictures_are_plotted_of_files_and_of_pipes(
    run, printed, paths: list[str], tmp_path: Path, monkeypatch
) -> None:
    class Stdin:
        buffer = io.BytesIO(Path(paths[0]).read_bytes())

    monkeypatch.setattr("sys.stdin", Stdin)
    failed, reported = run([paths[1], "-"], Outputs(("text",), None, tmp_path))
    assert failed == 0, reported
    lines = [line.split("\t") for line in printed.read_text().splitlines()]
    assert [path for path, _ in lines] == [paths[1], "-"]
    for name in (Path(paths[1]).stem, "stdin"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    run(paths[:1], Outputs(("text",)))
    assert printed.read_text() == f"{lines[1][1]}\n"


def test_text_is_printed_though_its_picture_cannot_be_written(
    run, printed, paths: list[str], tmp_path: Path, monkeypatch
) -> None:
    def full(file: object) -> None:
        raise OSError(errno.EDQUOT, "Quota exceeded")

    monkeypatch.setattr(pending.names, "update_index", lambda *arguments: None)
    monkeypatch.setattr(files.os, "fsync", full)
    failed, reported = run(paths[:1], Outputs(("text",), None, tmp_path))
    assert (failed, printed.read_text().count("\n")) == (1, 1)
    assert reported[0] == f"{tmp_path / Path(paths[0]).stem}.png: cannot be written (Quota exceeded)."
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_goes_away_before_its_picture_is_plotted_stops_no_other(
    run, printed, recognizer, paths: list[str], tmp_path: Path, monkeypatch
) -> None:
    plot, gone = recognizer.plot, tmp_path / "gone.flac"
    gone.write_bytes(Path(paths[0]).read_bytes())

    def late(source: str, *arguments: object) -> object:
        gone.unlink(missing_ok=True)
        return plot(source, *arguments)

    monkeypatch.setattr(recognizer, "plot", late)
    failed, reported = run([str(gone), paths[1]], Outputs(("text",), None, tmp_path / "pictures"))
    assert failed == 1
    assert reported[0].startswith(f"{gone}: no such file")
    assert printed.read_text().count("\n") == 2
    assert (tmp_path / "pictures" / f"{Path(paths[1]).stem}.png").exists()


def test_no_model_is_opened_where_there_is_nothing_to_do(run, printed, tmp_path: Path) -> None:
    failed, reported = run([str(tmp_path)], Outputs(("json",)), load=lambda: pytest.fail("opened"))
    assert (failed, reported) == (1, [f"{tmp_path}: no recordings in this folder, only 0 other files."])
    assert printed.read_text() == "[]\n"


def test_messages_are_one_line_each_whatever_the_names(run, tmp_path: Path) -> None:
    (tmp_path / "two\nlines.wav").write_text("no sound")
    failed, reported = run([str(tmp_path / "two\nlines.wav")], Outputs(("text",)))
    assert failed == 1
    assert len(reported) == 1
    assert reported[0].startswith(f"{tmp_path}/two\\nlines.wav: not audio")
