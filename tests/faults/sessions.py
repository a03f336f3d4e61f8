"""Calls of every verb in one folder, as small as can be: what is watched, and then disturbed."""

import io
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import numpy as np
import pytest
import soundfile

from crnn_audio import cli
from crnn_audio.symbolic import files as scores
from crnn_audio.symbolic import played
from tests import classifications, events, labellings, soundfonts, texts, trainings, transductions
from tests.faults.injection import Input, Watch, stream, watched
from tests.fuzz.entry import SECONDS, bounded_memory

SPEECH = {**trainings.SMALL, "data": {"corpus": "manifests", "root": "corpus", "batch_seconds": 5.0, "workers": 0}}
LIVE = {**SPEECH, "model": json.loads(json.dumps(SPEECH["model"]))}
LIVE["model"]["recurrent"] |= {"bidirectional": False, "look_ahead": 2}
ONE_EPOCH = {"optim": {"lr": 3e-3, "max_epochs": 1}, "device": "cpu", "threads": 1}
RECIPES = {
    "speech": SPEECH | ONE_EPOCH | {"decoder": {"lexicon": "words.txt"}},
    "live": LIVE | ONE_EPOCH,
    "music": events.SMALL["chorale"]
    | {"data": {"corpus": "chorales", "representation": "chorale", "batch_size": 8}}
    | ONE_EPOCH,
    "text": texts.SMALL
    | {"data": {"corpus": "text_file", "root": "text.txt", "batch_size": 4, "bptt": 16}}
    | ONE_EPOCH,
    "labels": classifications.SMALL
    | {"task": {"kind": "classification", "background": ["noise"]}}
    | {"data": {"corpus": "manifests", "root": "classes", "batch_seconds": 5.0, "workers": 0}}
    | ONE_EPOCH,
    "frames": labellings.FIELDS
    | {"data": {"corpus": "manifests", "root": "bursts", "batch_seconds": 5.0, "workers": 0}}
    | ONE_EPOCH,
    "pairs": transductions.SMALL | {"data": {"corpus": "pairs", "root": "pairs"}} | ONE_EPOCH,
}

SESSIONS: dict[str, tuple[str, ...]] = {
    "recipes": ("recipes",),
    "recipes as JSON": ("recipes", "--json"),
    "show": ("show", "recipes/tiny/speech.yaml"),
    "show a run": ("show", "speech"),
    "show its use": ("show", "speech", "--usage", "mine/a.wav"),
    "show the schema": ("show", "--json-schema"),
    "show gradients": ("show", "recipes/tiny/speech.yaml", "--gradients", "out.png"),
    "prepare": ("prepare", "folder", "mine", "--out", "out/prepared"),
    "prepare a table": ("prepare", "folder", "table.csv", "--out", "out/prepared", "--json"),
    "prepare cuts": ("prepare", "folder", "corpus/train.jsonl", "--out", "out/prepared"),
    "prepare scores": ("prepare", "chorales"),
    "prepare scores of one's own": ("prepare", "midi_folder", "--root", "pieces"),
    "prepare classes": ("prepare", "classes", "marked", "--out", "out/prepared"),
    "prepare pairs": ("prepare", "pairs", "pairs/train.tsv", "--out", "out/pairs"),
    "doctor": ("doctor", "corpus", "--plot", "out/durations.png"),
    "doctor as JSON": ("doctor", "recipes/tiny/speech.yaml", "--json"),
    "train": ("train", "recipes/tiny/speech.yaml", "--out", "out/run"),
    "train on": ("train", "recipes/tiny/speech.yaml", "--out", "begun"),
    "train music": ("train", "recipes/tiny/music.yaml", "--out", "out/run"),
    "train text": ("train", "recipes/tiny/text.yaml", "--out", "out/run"),
    "train on pairs": ("train", "recipes/tiny/pairs.yaml", "--out", "out/run"),
    "evaluate": ("evaluate", "speech", "--split", "dev", "--record"),
    "evaluate in noise": ("evaluate", "speech", "--split", "dev", "--noise", "mine", "--json"),
    "evaluate music": ("evaluate", "music", "--json"),
    "publish": ("publish", "speech", "--out", "out/small"),
    "transcribe": ("transcribe", "speech", "mine", "corpus/dev-0.wav"),
    "transcribe into files": ("transcribe", "speech", "mine", "--out", "out", "--format", "text,json", "--plot", "out"),
    "transcribe again": ("transcribe", "speech", "mine", "--out", "texts"),
    "transcribe with a lexicon": ("transcribe", "speech", "mine", "--out", "out", "--lexicon", "words.txt"),
    "transcribe by a grammar": ("transcribe", "speech", "mine/a.wav", "--grammar", "words.txt"),
    "evaluate with an n-gram": ("evaluate", "speech", "--split", "dev", "--lm", "text.arpa", "--lm-weight", "0.2"),
    "understand": ("understand", "speech", "mine/b.wav", "mine/a.wav", "--grammar", "words.txt"),
    "understand live": ("understand", "live", "mine/a.wav", "--grammar", "words.txt", "--live"),
    "transcribe speech alone": ("transcribe", "speech", "bursts/test0.wav", "--vad", "frames"),
    "tune": ("tune", "speech", "--lexicon", "words.txt"),
    "tune expected words": ("tune", "speech", "--hotwords", "words.txt"),
    "align": ("align", "speech", "mine/a.wav", "words.txt"),
    "transcribe a pipe": ("transcribe", "speech", "-", "--format", "json", "--plot", "out"),
    "stream": ("stream", "live", "mine/a.wav"),
    "stream as JSON": ("stream", "live", "-", "--json"),
    "train on labels": ("train", "recipes/tiny/labels.yaml", "--out", "out/run"),
    "evaluate labels": ("evaluate", "labels", "--plot", "out"),
    "evaluate keywords": ("evaluate", "labels", "--split", "dev", "--background", "mine", "--plot", "out"),
    "stream keywords": ("stream", "labels", "mine/a.wav", "--threshold", "0"),
    "classify": ("classify", "labels", "mine", "--top", "2"),
    "classify into files": ("classify", "labels", "mine", "--out", "out", "--json"),
    "classify a pipe": ("classify", "labels", "-"),
    "train on frames": ("train", "recipes/tiny/frames.yaml", "--out", "out/run"),
    "evaluate frames": ("evaluate", "frames"),
    "label": ("label", "frames", "bursts", "--format", "csv"),
    "label into files": (
        "label",
        "frames",
        "bursts/test0.wav",
        "--format",
        "audacity",
        "--out",
        "out",
        "--plot",
        "out",
    ),
    "stream labels of frames": ("stream", "frames", "bursts/test0.wav"),
    "label a pipe": ("label", "frames", "-", "--format", "json"),
    "prepare labels": ("prepare", "folder", "labelled", "--out", "out/prepared"),
    "prepare a table of labels": ("prepare", "folder", "bursts/labels.csv", "--out", "out/prepared"),
    "prepare rendered": (
        "prepare",
        "render",
        "midi",
        "--soundfont",
        "kit.sf2",
        "--out",
        "out/rendered",
        "--dry",
    ),
    "translate": ("translate", "pairs-run", "pairs/dev.tsv", "--plot", "out"),
    "translate a pipe": ("translate", "pairs-run", "-", "--json"),
    "generate": ("generate", "music", "--out", "out", "--keep", "soprano=opening.mid"),
    "generate MusicXML": (
        "generate",
        "music",
        "--out",
        "out",
        "--bars",
        "4",
        "--format",
        "musicxml",
        "--primer",
        "opening.mxl",
    ),
    "generate again": ("generate", "music", "--out", "pieces", "--bars", "2", "--seed", "1"),
    "generate sound": ("generate", "music", "--out", "out", "--bars", "2", "--wav"),
    "generate a text": ("generate", "text", "--tokens", "9"),
    "generate texts": ("generate", "text", "--out", "out", "--num", "2", "--json", "--tokens", "9"),
    "score": ("score", "music", "opening.mid"),
    "score MusicXML": ("score", "music", "opening.mxl", "--json"),
    "score a text": ("score", "text", "text.txt"),
    "next": ("next", "text", "the "),
    "next as JSON": ("next", "text", "the ", "--json"),
    "ngram": ("ngram", "text.txt", "--order", "2", "--out", "out/text.arpa", "--score", "text.txt"),
    "export": ("export", "live", "--out", "out/exported", "--int8"),
    "export again": ("export", "speech", "--out", "exported"),
    "transcribe exported": ("transcribe", "exported", "mine", "--out", "out"),
    "show exported": ("show", "exported"),
    "doctor exported": ("doctor", "exported"),
    "stream exported": ("stream", "exported-live", "mine/a.wav"),
    "serve": ("serve", "speech", "--port", "0", "--token", "tokens"),
    "ngram as JSON": ("ngram", "text.txt", "--order", "2", "--score", "text.txt", "--json"),
}
"""By name, the words after the program's."""


@dataclass(frozen=True)
class Ending:
    """How a call ended; `mishap` is what no call may end with: a traceback, or no end."""

    code: int
    stdout: str
    stderr: str
    mishap: str = ""

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.stdout[-800:]}\n{self.stderr[-800:]}\n{self.mishap[-3000:]}"


def build(folder: Path) -> None:
    """The folder that sessions work in: recipes, corpora, recordings, a piece, a text, and trained runs."""
    trainings.corpus(folder / "corpus", train=4, dev=2)
    for name, fields in RECIPES.items():
        path = folder / "recipes" / "tiny" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# A test. Not measured yet.\n{json.dumps(fields)}", encoding="utf-8")
    (folder / "README.md").write_text("<!-- results -->\n<!-- end of results -->\n")
    events.folder(folder / "data" / "chorales", "chorale")
    texts.file(folder / "text.txt", 1000)
    transductions.folder(folder / "pairs", 40, 6, 6)
    (folder / "words.txt").write_text("a\nb\n")
    classifications.corpus(folder / "classes", 6, 3, 3)
    labellings.folder(folder / "bursts", (3, 1, 1))
    (folder / "bursts" / "labels.csv").write_text(
        "path,start,end,label\n" + "".join(f"train{number}.wav,0.1,0.2,a\n" for number in range(3))
    )
    (folder / "labelled").mkdir()
    for number in range(3):
        shutil.copy(folder / "bursts" / f"train{number}.wav", folder / "labelled")
        (folder / "labelled" / f"train{number}.txt").write_text("0.1\t0.2\ta\n")
    (folder / "midi").mkdir()
    (folder / "midi" / "a.mid").write_bytes(played.to_midi([played.PlayedNote(0.1, 0.2, 38, is_drum=True)]))
    soundfonts.write(folder / "kit.sf2", [[(soundfonts.SAMPLE, 0)]], program=0, bank=128)
    for label in ("high", "low"):
        (folder / "marked" / label).mkdir(parents=True)
        for number in range(2):
            classifications.recorded(folder / "marked" / label, f"{label}-{number}", label, 0.3, number)
    (folder / "mine").mkdir()
    rows = ["path,text"]
    for number, name in enumerate("abc"):
        sound = 0.3 * np.sin(np.arange(6000) * (0.2 + 0.1 * number))
        soundfile.write(folder / "mine" / f"{name}.wav", sound, 8000, subtype="PCM_16")
        (folder / "mine" / f"{name}.txt").write_text(f"text {name}")
        rows.append(f"mine/{name}.wav,text {name}")
    (folder / "table.csv").write_text("\n".join(rows))
    (folder / "tokens").write_text("sesame\n")
    scores.save(events.chorale(50), folder / "opening.mid")
    scores.save(events.chorale(50), folder / "opening.mxl")
    with changed_to(folder):
        for name in RECIPES:
            run = "pairs-run" if name == "pairs" else name
            done = call(("train", f"recipes/tiny/{name}.yaml", "--out", run), Watch())
            assert done.code == 0, done
        for words in (
            ("train", "recipes/tiny/speech.yaml", "--out", "begun", "--minutes", "0"),
            ("transcribe", "speech", "mine/a.wav", "--out", "texts"),
            ("ngram", "words.txt", "--order", "1", "--unit", "words", "--out", "text.arpa"),
            ("generate", "music", "--out", "pieces", "--bars", "2"),
            ("export", "speech", "--out", "exported"),
            ("export", "live", "--out", "exported-live"),
        ):
            assert (done := call(words, Watch())).code == 0, done


def call(words: tuple[str, ...], watch: Watch) -> Ending:
    """The program with these words, in this process and folder."""
    (out, stdout), (err, stderr) = stream(watch, "stdout"), stream(watch, "stderr")
    before = sys.argv, sys.stdin, sys.stdout, sys.stderr
    given = Path("pairs/dev.tsv" if "translate" in words else "mine/a.wav").read_bytes() if "-" in words else b""
    code, mishap = 0, ""
    with bounded_memory(), _bounded_time(), watched(watch):
        sys.argv, sys.stdin = ["crnn-audio", *words], io.TextIOWrapper(io.BufferedReader(Input(watch, given)))
        sys.stdout, sys.stderr = stdout, stderr
        try:
            cli.main()
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else 0
        except BaseException:
            code, mishap = 1, traceback.format_exc()
        finally:
            sys.argv, sys.stdin, sys.stdout, sys.stderr = before
            for text in (stdout, stderr):
                text.flush()  # now, and not when it is collected
    for raw in (out, err):
        os.close(raw.null)
    if "Traceback" in (said := err.text() + out.text()):
        mishap = mishap or said
    return Ending(code, out.text(), err.text(), mishap)


@contextmanager
def changed_to(folder: Path) -> Iterator[None]:
    """In that folder, without corpora elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("CRNN_AUDIO_DATA", raising=False)
        patch.setattr("uvicorn.Server.run", lambda self, sockets: None)  # stopped as soon as it listens
        yield


@contextmanager
def fresh(built: Path) -> Iterator[Path]:
    """A copy of the folder that sessions work in, for one of them at a time."""
    place = built.parent / "place"
    if not place.exists():
        shutil.copytree(built, place)
    with changed_to(place):
        yield place
    _restore(place, built)


def _restore(place: Path, built: Path) -> None:
    """Makes one folder what the other is, files' times included; most files are what they were."""
    for path in sorted(place.rglob("*"), reverse=True):
        whole = built / path.relative_to(place)
        if path.is_dir() and not path.is_symlink():
            path.rmdir() if not whole.exists() else None
        elif not path.is_file() or path.is_symlink() or not whole.exists() or _differ(path, whole):
            path.unlink()
    for whole in sorted(built.rglob("*")):
        path = place / whole.relative_to(built)
        if whole.is_dir():
            path.mkdir(exist_ok=True)
        elif not path.exists():
            shutil.copy2(whole, path)


def _differ(one: Path, other: Path) -> bool:
    return one.stat().st_mtime_ns != other.stat().st_mtime_ns or one.read_bytes() != other.read_bytes()


class Hangs(BaseException):
    """No end within the time that is given."""


@contextmanager
def _bounded_time() -> Iterator[None]:
    """By the clock too: who waits for something for ever computes nothing."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise Hangs(f"it hangs: {SECONDS} s")

    handlers = {number: signal.signal(number, end) for number in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 3 * SECONDS)  # a machine may be busy
    try:
        yield
    finally:
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, links and pipes left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def halves(before: dict[str, bytes], after: dict[str, bytes], whole: dict[str, bytes]) -> list[str]:
    """The files that are neither as they were before nor as an undisturbed session leaves them, nor whole otherwise."""
    return [
        name
        for name, content in after.items()
        if content not in (before.get(name), whole.get(name)) and not _is_whole(name, content)
    ]


def _is_whole(name: str, content: bytes) -> bool:
    suffix = Path(name).suffix
    if suffix == ".partial":
        return False
    if suffix == ".png":
        return content.startswith(b"\x89PNG") and content.endswith(b"IEND\xaeB`\x82")
    if name.endswith("log.jsonl"):  # half a line at its end is forgotten when the training goes on
        return True
    if suffix in (".json", ".jsonl"):
        return _parses(content.splitlines() if suffix == ".jsonl" else [content])
    if suffix == ".safetensors":
        size = int.from_bytes(content[:8], "little")
        header: dict[str, Any] = json.loads(content[8 : 8 + size])
        ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
        return len(content) == 8 + size + max(ends)
    return (suffix in (".yaml", ".md") and content.endswith(b"\n")) or "tfevents" in name  # TensorBoard adds to its own


def _parses(texts: list[bytes]) -> bool:
    try:
        return isinstance([json.loads(text) for text in texts], list)
    except ValueError:
        return False
