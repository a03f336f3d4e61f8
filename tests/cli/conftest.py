"""The program in a process of its own, and one small trained run that every test of the command line may read."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from crnn_audio.cli import main
from tests import warm

ROOT = Path(__file__).resolve().parents[2]
FIRST_LINE = "# Sixteen made utterances, learned by heart. Not measured yet."
RECIPE = f"""{FIRST_LINE}
data: {{corpus: manifests, root: data/tiny, batch_seconds: 20, workers: 0}}
features: {{kind: fbank, num_mels: 40}}
model:
  conv: [{{channels: 8, stride: [2, 2]}}, {{channels: 8, stride: [2, 2]}}]
  recurrent: {{hidden_size: 64, num_layers: 1, dropout: 0}}
optim: {{lr: 6e-3, max_epochs: 60}}
train: {{eval_epochs: 30}}
device: cpu
threads: 1
"""

LIVE_RECIPE = RECIPE.replace("dropout: 0}", "dropout: 0, bidirectional: false, look_ahead: 4}")

Program = Callable[..., subprocess.CompletedProcess[str]]


def environment() -> dict[str, str]:
    """Of a person's shell: this source tree, no corpora, no terminal."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CRNN_AUDIO_DATA", "PYTHONUNBUFFERED")}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}


def program(*arguments: object, cwd: Path, exit_code: int = 0, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    """Runs the command line; whatever happens, no traceback is shown."""
    command = [*warm.python(), "-m", "crnn_audio", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment(), input=stdin, capture_output=True, timeout=240)
    texts = done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
    assert "Traceback" not in "".join(texts), texts[1]
    assert done.returncode == exit_code, texts
    return subprocess.CompletedProcess(command, done.returncode, *texts)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """A working directory with `recipes/tiny/lstm.yaml` and `run`, which that recipe trained; never written to."""
    return _trained(tmp_path_factory, "workshop", RECIPE, tiny)


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """The run directory of a one-directional model with a look-ahead; never written to."""
    return _trained(tmp_path_factory, "live", LIVE_RECIPE, tiny) / "run"


def _trained(tmp_path_factory: pytest.TempPathFactory, name: str, recipe: str, tiny: Path) -> Path:
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / name
    with _alone(base / f"{name}.lock"):
        if not (folder / "whole").exists():
            (folder / "recipes" / "tiny").mkdir(parents=True, exist_ok=True)
            (folder / "recipes" / "tiny" / "lstm.yaml").write_text(recipe, encoding="utf-8")
            program("train", "recipes/tiny/lstm.yaml", "--out", "run", f"data.root={tiny}", cwd=folder)
            (folder / "whole").touch()
    return folder


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One of several test processes at a time."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def cli(workshop: Path) -> Program:
    """`cli("transcribe", "run", "a.wav", cwd=..., exit_code=4)`; by default in the workshop, ending with 0."""

    def run(*arguments: object, cwd: Path = workshop, **options: object) -> subprocess.CompletedProcess[str]:
        return program(*arguments, cwd=cwd, **options)

    return run


@pytest.fixture(scope="session")
def start(workshop: Path) -> Callable[..., subprocess.Popen[str]]:
    """The program left running, in a process group of its own as a terminal makes one.

    `python` is what starts it: by default the interpreter, as a person does, which is the point where signals, limits
    and rights are.
    """

    def begin(
        *arguments: object, cwd: Path = workshop, python: Sequence[str] = (sys.executable,), **options: object
    ) -> subprocess.Popen[str]:
        command = [*python, "-m", "crnn_audio", *map(str, arguments)]
        defaults = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=cwd, env=environment(), start_new_session=True, **{**defaults, **options})

    return begin


@dataclass(frozen=True)
class Done:
    """What was written."""

    stdout: str
    stderr: str


Here = Callable[..., Done]


@pytest.fixture
def here(tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """The command line in this process, which is quicker, in the folder `tree` of the test's file."""

    def run(*words: object, exit_code: int = 0) -> Done:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["crnn-audio", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        done = Done(*capsys.readouterr())
        assert (ended.value.code or 0) == exit_code, done
        return done

    return run
