"""What the README shows is run: its Python, its commands, its recipe."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm
from tests.loading import loads

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [body for kind, body in BLOCKS if kind == language]


def commands(program: str) -> list[str]:
    lines = [line.split("#")[0].strip() for body in blocks("sh") for line in body.splitlines()]
    return [line for line in lines if line.startswith(program)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the reader's is after `make train`, with a model that is quicker to train."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "data" / "tiny", folder / "data" / "tiny")
    trained = run(folder, "train", "tiny/lstm", "--out", "runs/spoken_digits-bilstm")
    assert trained.returncode == 0, trained.stderr
    return folder


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*warm.python(), "-m", "crnn_audio", *words], cwd=folder, capture_output=True, text=True, timeout=200
    )


def test_there_is_something_to_run() -> None:
    assert blocks("python")
    assert len(commands("crnn-audio")) >= 7
    assert len(commands("make")) >= 4
    assert commands("torchrun")


@pytest.mark.parametrize("body", blocks("python"))
def test_python_runs_as_printed(home: Path, body: str) -> None:
    done = subprocess.run([*warm.python(), "-c", body], cwd=home, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("line", commands("crnn-audio"))
def test_commands_run_as_printed(home: Path, line: str) -> None:
    if "spoken_digits/bilstm" in line:
        line = line.replace("spoken_digits/bilstm", str(ROOT / "recipes/spoken_digits/bilstm.yaml"))
    done = subprocess.run(
        ["bash", "-c", line.replace("crnn-audio", f"{shlex.join(warm.python())} -m crnn_audio", 1)],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout or ">" in line or "--out" in line


@pytest.mark.parametrize("line", commands("torchrun"))
def test_several_processes_train_as_printed(home: Path, line: str) -> None:
    torchrun = f"{shlex.quote(sys.executable)} -m torch.distributed.run"
    done = subprocess.run(
        ["bash", "-c", line.replace("torchrun", torchrun, 1)], cwd=home, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert "2 processes train together." in done.stderr
    assert done.stdout.count(": finished (") == len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("line", commands("make"))
def test_make_targets_exist(line: str) -> None:
    done = subprocess.run(["bash", "-c", f"{line} --dry-run"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("body", blocks("yaml"))
def test_recipes_are_valid(body: str) -> None:
    assert loads(body).data.corpus == "spoken_digits"


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert targets
    assert [target for target in targets if not leads_somewhere(target)] == []
    assert not leads_somewhere("recipes/README.md#nothing-of-that-name")


def leads_somewhere(target: str) -> bool:
    """Whether the file is there, and in it the heading that is named after a "#"."""
    path, _, heading = target.partition("#")
    file = ROOT / (path or "README.md")
    if not heading:
        return file.exists()
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return heading in {re.sub(r"[^\w -]", "", one).strip().lower().replace(" ", "-") for one in headings}
