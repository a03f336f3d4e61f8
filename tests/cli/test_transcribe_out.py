"""`transcribe --format`, `--out` and `--plot`: files that are whole, whatever happens to the disk or the person."""

import csv
import ctypes
import io
import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import webvtt
from praatio import textgrid

from crnn_audio import cli
from tests import warm
from tests.cli.conftest import environment

FORMATS = ["text", "json", "jsonl", "srt", "vtt", "tsv", "ctm", "textgrid"]
SUFFIXES = [".TextGrid", ".ctm", ".json", ".jsonl", ".png", ".srt", ".tsv", ".txt", ".vtt"]
DROP_FROM_BOUND = 24
FOLDER_RIGHTS = (1, 2)


def powerless() -> None:
    """In a child: root may then do no more with files than their modes say."""
    if os.geteuid() == 0:
        for capability in FOLDER_RIGHTS:
            assert ctypes.CDLL(None).prctl(DROP_FROM_BOUND, capability, 0, 0, 0) == 0


Ended = tuple[str, list[str]]
"""Standard output, and the lines of standard error."""


def ended(process: subprocess.Popen[str], exit_code: int) -> Ended:
    stdout, stderr = process.communicate(timeout=240)
    assert "Traceback" not in stderr, stderr
    assert process.returncode == exit_code, stderr
    return stdout, stderr.splitlines()


@pytest.fixture
def call(workshop: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """`call("transcribe", ..., stdin=b"", exit_code=4)` runs the command line in this process: no start to wait for."""

    def run(*arguments: object, stdin: bytes = b"", exit_code: int = 0) -> Ended:
        monkeypatch.chdir(workshop)
        monkeypatch.setattr(sys, "argv", ["crnn-audio", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ending:
            cli.main()
        stdout, stderr = capfd.readouterr()
        assert ending.value.code == exit_code, stderr
        return stdout, stderr.splitlines()

    return run


def flags(*forms: str) -> list[str]:
    """The first two with a comma between them, the others one by one."""
    listed = [",".join(forms[:2]), *forms[2:]]
    return [word for form in listed for word in ("--format", form)]


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def rec(tiny: Path, tmp_path: Path) -> Path:
    """A folder with two recordings, one of them deeper."""
    (tmp_path / "rec" / "sub").mkdir(parents=True)
    shutil.copy(tiny / "train" / "train-0000.flac", tmp_path / "rec" / "one.flac")
    shutil.copy(tiny / "train" / "train-0001.flac", tmp_path / "rec" / "sub" / "two.flac")
    return tmp_path / "rec"


def test_every_format_at_once_and_none_a_second_time(call, rec: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["transcribe", "run", rec, "--out", out, "--plot", out, *flags(*FORMATS)]
    printed, reported = call(*arguments)
    assert printed == ""
    assert reported[0].startswith(f"{out}: 2 transcribed (")
    assert files_in(out) == [".sources.json", *(f"{name}{end}" for name in ("one", "sub/two") for end in SUFFIXES)]
    for name in ("one", "sub/two"):
        said = json.loads((out / f"{name}.json").read_text())
        assert len(said["text"]) > 3
        assert said == json.loads((out / f"{name}.jsonl").read_text())
        assert (out / f"{name}.txt").read_text() == said["text"] + "\n"
        assert shown(webvtt.read(str(out / f"{name}.vtt"))) == said["text"]
        assert shown(webvtt.from_srt(str(out / f"{name}.srt"))) == said["text"]
        rows = list(csv.DictReader(io.StringIO((out / f"{name}.tsv").read_text()), delimiter="\t"))
        assert " ".join(row["text"] for row in rows) == said["text"]
        words = [line.split(" ") for line in (out / f"{name}.ctm").read_text().splitlines()]
        assert [word[4] for word in words] == said["text"].split()
        assert {word[0] for word in words} == {Path(name).name}
        tier = textgrid.openTextgrid(str(out / f"{name}.TextGrid"), False, reportingMode="error").getTier("words")
        assert [one.label for one in tier.entries] == said["text"].split()
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")

    before = {name: (out / name).stat().st_mtime_ns for name in files_in(out)}
    assert call(*arguments) == ("", [f"{out}: 2 done before"])
    assert {name: (out / name).stat().st_mtime_ns for name in files_in(out)} == before
    os.utime(rec / "one.flac")
    assert "1 transcribed" in call(*arguments)[1][0]


def shown(captions: webvtt.WebVTT) -> str:
    return " ".join(one.text.replace("\n", " ") for one in captions)


def test_on_standard_output(call, rec: Path) -> None:
    text, _ = call("transcribe", "run", rec / "one.flac")
    vtt, _ = call("transcribe", "run", rec / "one.flac", "--format", "vtt")
    assert shown(webvtt.from_string(vtt)) == text.strip() != ""
    ctm, _ = call("transcribe", "run", rec, "--format", "ctm")
    assert list(dict.fromkeys(line.split(" ")[0] for line in ctm.splitlines())) == ["one", "two"]
    piped, _ = call("transcribe", "run", "-", "--format", "ctm", stdin=(rec / "one.flac").read_bytes())
    assert piped == "".join(line.replace("one", "stdin", 1) + "\n" for line in ctm.splitlines() if line[:3] == "one")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (flags("srt", "vtt"), "Several formats at once need --out DIR"),
        (flags("srt"), "A file of srt holds one recording, but 2 are given. Add --out DIR."),
        (["--overwrite"], "--overwrite replaces the files in --out DIR or --plot DIR; add one of them."),
    ],
)
def test_wrong_usage_is_exit_code_2(call, options: list[str], said: str) -> None:
    printed, reported = call("transcribe", "run", "a.wav", "b.wav", *options, exit_code=2)
    assert printed == ""
    assert len(reported) == 1
    assert reported[0].startswith(said)


NAMES = ["my file", "two\nlines", "голос", "日本語", os.fsdecode(b"bad\xff"), "$a_1$", "."]
SHOWN = ["my file", "two\\nlines", "голос", "日本語", "bad\\udcff", "$a_1$", "."]


def test_names_with_spaces_newlines_any_letters_and_no_letters(call, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "rec").mkdir()
    given = [tmp_path / "rec" / f"{name}.flac" for name in NAMES]
    for path in given:
        shutil.copy(tiny / "train" / "train-0000.flac", path)
    printed, _ = call("transcribe", "run", *given)
    lines = [line.split("\t") for line in printed.splitlines()]
    assert [path for path, _ in lines] == [f"{tmp_path}/rec/{name}.flac" for name in SHOWN]
    assert len({text for _, text in lines}) == 1

    call("transcribe", "run", tmp_path / "rec", given[-1], "--out", tmp_path / "out", *flags("json", "ctm"))
    written = {path.name: path for path in (tmp_path / "out").glob("*.json") if path.name != ".sources.json"}
    assert set(written) == {*(f"{name}.json" for name in NAMES[:-1]), "..flac.json"}
    assert {json.loads(path.read_text())["path"] for path in written.values()} == set(map(str, given))
    for path in written.values():
        rows = path.with_suffix(".ctm").read_text().splitlines()
        assert {len(row.split()) for row in rows} == {6}


def test_two_of_a_name_never_overwrite_each_other(call, tiny: Path, tmp_path: Path) -> None:
    sources = [str(tmp_path / place) for place in ("a/x.flac", "b/x.flac", "b/x.ogg", "c/x.flac")]
    for index, path in enumerate(sources):
        Path(path).parent.mkdir(exist_ok=True)
        shutil.copy(tiny / "train" / f"train-000{index}.flac", path)
    wanted = ["--out", tmp_path / "out", *flags("json")]
    call("transcribe", "run", sources[0], *wanted)
    assert "3 transcribed" in call("transcribe", "run", *sources[1:], *wanted)[1][0]
    assert call("transcribe", "run", *reversed(sources), *wanted)[1] == [f"{tmp_path}/out: 4 done before"]
    assert {path.name: json.loads(path.read_text())["path"] for path in (tmp_path / "out").glob("x*.json")} == dict(
        zip(["x.json", "x.flac.json", "x.ogg.json", "x.flac.2.json"], sources, strict=True)
    )


def test_a_full_disk(start, call, rec: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (450, 450))

    arguments = ["transcribe", "run", rec, "--out", out, *flags("textgrid", "text"), "--plot", out]
    said, reported = ended(start(*arguments, preexec_fn=small), exit_code=4)
    assert said == ""
    assert reported == [
        f"{out}/one.TextGrid, {out}/one.png: cannot be written (File too large).",
        f"{out}/sub/two.TextGrid, {out}/sub/two.png: cannot be written (File too large).",
        f"{out}: 2 failed",
    ]
    assert files_in(out) == [".sources.json", "one.txt", "sub/two.txt"]
    assert "2 transcribed" in call(*arguments)[1][0]


def test_a_full_disk_behind_standard_output(start, rec: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = start("transcribe", "run", rec, stdout=full, python=warm.python())
        _, reported = ended(process, exit_code=4)
    assert reported == ["standard output cannot be written (No space left on device)."]


@pytest.fixture
def guarded() -> Iterator[Callable[[Path, int], None]]:
    """`guarded(path, mode)` until the test ends, when all of it must be removable."""
    folders: list[Path] = []

    def guard(path: Path, mode: int) -> None:
        folders.append(path)
        path.chmod(mode)

    yield guard
    for path in folders:
        path.chmod(0o755)


def test_what_may_not_be_read_or_written(start, rec: Path, tmp_path: Path, guarded) -> None:
    out = tmp_path / "out"
    for name in ("locked.flac", "shut/x.flac"):
        (rec / name).parent.mkdir(exist_ok=True)
        shutil.copy(rec / "one.flac", rec / name)
    guarded(rec / "locked.flac", 0)
    guarded(rec / "shut", 0)
    (out / "sub").mkdir(parents=True)
    guarded(out / "sub", 0o555)
    arguments = ["transcribe", "run", rec, rec / "shut" / "x.flac", "--out", out]
    _, reported = ended(start(*arguments, preexec_fn=powerless), exit_code=4)
    assert reported[:4] == [
        f"{rec}/shut: cannot be read (Permission denied).",
        f"{rec}/locked.flac: cannot be read (Permission denied).",
        f"{out}/sub/two.txt: cannot be written (Permission denied).",
        f"{rec}/shut/x.flac: cannot be read (Permission denied).",
    ]
    assert reported[4].startswith(f"{out}: 1 transcribed (")
    assert reported[4].endswith(", 4 failed")
    assert files_in(out) == [".sources.json", "one.txt"]


def test_a_folder_of_results_that_may_not_be_written(start, rec: Path, tmp_path: Path, guarded) -> None:
    (tmp_path / "out").mkdir()
    guarded(tmp_path / "out", 0o555)
    _, reported = ended(start("transcribe", "run", rec, "--out", tmp_path / "out", preexec_fn=powerless), exit_code=4)
    assert reported == [f"{tmp_path}/out: cannot be written (Permission denied). Choose another folder."]


def test_ctrl_c_keeps_what_is_done_and_the_same_call_does_the_rest(start, call, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "rec").mkdir()
    for index in range(300):
        (tmp_path / "rec" / f"{index}.flac").symlink_to(tiny / "train" / f"train-00{index % 16:02}.flac")
    arguments = ["transcribe", "run", tmp_path / "rec", "--out", tmp_path / "out", *flags("json")]
    process = start(*arguments, python=warm.python())
    deadline = time.monotonic() + 200
    while not (tmp_path / "out").exists() or len(list((tmp_path / "out").iterdir())) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, reported = ended(process, exit_code=130)
    assert reported == ["Stopped. Finished results are kept; the same command does the rest."]
    kept = [path for path in (tmp_path / "out").iterdir() if path.name != ".sources.json"]
    assert 0 < len(kept) < 300
    assert all(json.loads(path.read_text())["text"] is not None for path in kept)
    assert call(*arguments)[1][0].endswith(f", {len(kept)} done before")
    assert len(list((tmp_path / "out").iterdir())) == 301


def test_a_bar_on_a_terminal_and_results_in_the_pipe(workshop: Path, rec: Path) -> None:
    outside, inside = pty.openpty()
    command = [*warm.python(), "-m", "crnn_audio", "transcribe", "run", str(rec)]
    surroundings = {**environment(), "TERM": "xterm"}
    process = subprocess.Popen(
        command, cwd=workshop, env=surroundings, stdout=subprocess.PIPE, stderr=inside, text=True
    )
    os.close(inside)
    seen = b""
    while piece := _read(outside):
        seen += piece
    printed = process.stdout.read()
    process.stdout.close()
    assert process.wait(60) == 0
    assert [line.split("\t")[0] for line in printed.splitlines()] == [f"{rec}/one.flac", f"{rec}/sub/two.flac"]
    assert re.search(r"transcribing.*[12]/2 files.*x real time", seen.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so where others say that it has ended
        return b""
