"""The steps of the Dockerfile, without Docker: what it copies is enough to build and run, and nobody is root."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STEPS = [
    line.split(None, 1)
    for line in (ROOT / "Dockerfile").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]


def of(kind: str) -> list[str]:
    return [words for name, words in STEPS if name == kind]


def test_what_is_copied_builds_and_answers(tmp_path: Path) -> None:
    for words in of("COPY"):
        *sources, target = words.split()
        for source in sources:
            copied = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            copied(ROOT / source, tmp_path / (source if target == "./" else target))
    (environment, install, user) = of("RUN")
    assert "-m venv .venv" in environment
    assert re.search(r"useradd .*runner", user)
    # The lock's versions of these extras are those that would be installed; what is here already is looked at.
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    words = install.replace("uv pip install", "uv pip install --dry-run").replace("--no-cache --compile-bytecode ", "")
    done = subprocess.run(["bash", "-c", words], cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "crnn-audio" in done.stderr
    answer = subprocess.run(
        [sys.executable, "-m", "crnn_audio", "recipes", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) > 10


def test_it_is_the_command_line_of_a_user_without_rights_and_without_corpora() -> None:
    kinds = [kind for kind, _ in STEPS]
    assert of("USER") == ["runner"]
    assert kinds.index("USER") < kinds.index("ENTRYPOINT")
    assert json.loads(of("ENTRYPOINT")[0]) == ["crnn-audio"]
    allowed = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert {line[1:] for line in allowed} == {source for words in of("COPY") for source in words.split()[:-1]}
