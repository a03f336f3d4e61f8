"""The run directory of a training: created, or reopened if it holds the same recipe."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crnn_audio import files, runs
from crnn_audio.batching.checks import Finding
from crnn_audio.config import commands
from crnn_audio.config import load as config
from crnn_audio.config.differences import differences
from crnn_audio.config.schema import Recipe
from crnn_audio.errors import RunError
from crnn_audio.problems.restore import restore
from crnn_audio.runs import Assets, Run

Report = Callable[[str], None]
"""Shows a person a line."""


def create(
    path: Path, recipe: Recipe, assets: Assets, num_threads: int, recipe_path: str | None, precision: str
) -> Run:
    """A new run directory; its recipe notes the number of threads that it is trained with.

    Raises:
        RunError: the folder cannot be written or holds something else.
    """
    facts = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": recipe_path and config.named(recipe_path),
        "command": commands.command(sys.argv[1:]),
        "precision": precision,
        **code_version(),
    }
    settled = recipe.model_copy(update={"threads": num_threads})
    return runs.create(path, config.dump(settled), assets, facts)


def reopen(path: Path, recipe: Recipe) -> Run:
    """The run that `path` holds, to be resumed.

    Raises:
        RunError: it was begun with another recipe; each difference is named.
    """
    run = runs.open_run(path)
    asked, stored = recipe.model_dump(), restore(run).recipe.model_dump()
    asked["threads"] = stored["threads"]
    if asked != stored:
        changes = "\n".join(f"  {line}" for line in differences(stored, asked))
        raise RunError(
            f"{path}: holds a run of another recipe; it was trained with the first value of each line:\n{changes}\n"
            "Choose another folder with --out, or give the recipe it was begun with."
        )
    return run


def list_left_out(run: Run, findings: Sequence[Finding], total: int) -> list[str]:
    """Lists training items that are left out in left_out.jsonl; returns lines for a person.

    Raises:
        RunError: the list cannot be written.
    """
    if not findings:
        return []
    path = run.path / "left_out.jsonl"
    with runs.writing(run.path):
        files.write_text(
            path, "".join(json.dumps({"cut": one.cut_id, "problem": one.problem}) + "\n" for one in findings)
        )
    count = len({one.cut_id for one in findings})
    head = f"Left out {count} of {total} training cuts (listed in {path}):"
    return [head, *(f"  {one}" for one in findings[:5])]


def code_version() -> dict[str, Any]:
    """The commit of the source checkout that is running, and whether it was changed since; empty when installed."""
    folder = Path(__file__).parent.parent

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "--short=12", "HEAD")
    return {"commit": commit, "dirty": bool(git("status", "--porcelain", "--", "."))} if commit else {}
