"""Where a run begins: an old run gone on with, or a new one with its vocabulary and statistics; its data checked."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from crnn_audio import build, files, runs
from crnn_audio.batching import checks, loader, plan
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.loader import Cuts
from crnn_audio.config import commands
from crnn_audio.config.load import named
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.config.schema import Recipe
from crnn_audio.corpora import home
from crnn_audio.errors import RunError
from crnn_audio.features.normalize import Statistics
from crnn_audio.runs import Run
from crnn_audio.symbolic.conditions import Conditions
from crnn_audio.text.vocabulary import Vocabulary

Say = Callable[[str], None]

STATISTICS_SECONDS = 3600.0
"""Seconds of training audio that normalisation statistics are taken from, at most."""


def reopened(path: Path, recipe: Recipe) -> Run:
    """The run that `path` holds, to go on with.

    Raises:
        RunError: it was begun with another recipe; each difference is named.
    """
    run = runs.open_run(path)
    asked, stored = recipe.model_dump(), run.recipe.model_dump()
    asked["threads"] = stored["threads"]
    if asked != stored:
        changes = "\n".join(f"  {line}" for line in differences(stored, asked))
        raise RunError(
            f"{path}: holds a run of another recipe; it was trained with the first value of each line:\n{changes}\n"
            "Choose another folder with --out, or give the recipe it was begun with."
        )
    return run


def differences(stored: Any, asked: Any, path: str = "") -> Iterator[str]:
    """A line for each field in which two nested dictionaries differ: `a.b: first -> second`."""
    if isinstance(stored, dict) and isinstance(asked, dict):
        for name in sorted(stored.keys() | asked.keys()):
            yield from differences(stored.get(name), asked.get(name), f"{path}.{name}" if path else name)
    elif stored != asked:
        yield f"{path}: {stored} -> {asked}"


def usable(
    recipe: RecognitionRecipe, vocabulary: Vocabulary, splits: build.Splits, progress: home.Progress, say: Say
) -> tuple[Cuts, list[Finding]]:
    """The training cuts that can be trained on, and what is wrong with the others; nothing is written yet.

    Raises:
        DataError: more than one in a hundred cannot be used, or a cut of dev cannot be read.
    """
    corpus, training, development = recipe.data.name, splits["train"], splits.get("dev", [])
    cache = checks.cache_of(recipe.data.corpus)
    ready = build.cuts(recipe, training, vocabulary)
    found = [
        *checks.unreadable(training, cache, partial(progress, "checking train")),
        *build.findings(recipe, ready),
        *checks.unknown_symbols(training, vocabulary.unknown),  # where a corpus changed under an unfinished run
    ]
    checks.refuse_if_many(found, len(training), f"{corpus}, split train")
    unheard = checks.unreadable(development, cache)
    checks.refuse_if_many(unheard, len(development), f"{corpus}, split dev", tolerated=0)
    unknown = checks.unknown_symbols(development, vocabulary.unknown)
    if unknown:
        say(f"dev: {len(unknown)} cuts hold symbols that train never shows and that cannot be recognised: {unknown[0]}")
    bad = {finding.cut_id for finding in found}
    distortion = build.distortion(recipe.augment, recipe.features.sample_rate)
    return build.cuts(recipe, [cut for cut in training if cut.id not in bad], vocabulary, distortion), found


def begun(
    path: Path,
    recipe: Recipe,
    vocabulary: Vocabulary | None,
    statistics: build.Statistics | None,
    num_threads: int,
    recipe_path: str | None,
    conditions: Conditions | None = None,
    precision: str = "float32",
) -> Run:
    """A new run directory; its recipe says with how many threads it is trained.

    Raises:
        RunError: the folder cannot be written or holds something else.
    """
    facts = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": recipe_path and named(recipe_path),
        "command": commands.command(sys.argv[1:]),
        "precision": precision,
        **code_version(),
    }
    settled = recipe.model_copy(update={"threads": num_threads})
    return runs.create(path, settled, vocabulary, statistics, facts, conditions)


def statistics(recipe: RecognitionRecipe, cuts: Cuts, say: Say) -> build.Statistics | None:
    """Mean and deviation of each feature, of a random hour of the training split, every cut at its own speed.

    None where the recipe does not normalise by them.
    """
    if recipe.features.normalize != "global":
        return None
    say("Measuring the mean and deviation of the features.")
    front_end = build.front_end(recipe.features)
    order = sorted(range(len(cuts.cuts)), key=lambda index: plan.key(recipe.seed, cuts.cuts[index].id, "statistics"))
    chosen, seconds = [], 0.0
    for index in order:
        if seconds < STATISTICS_SECONDS:
            chosen.append(plan.PlannedCut(index, 1.0, cuts.cuts[index].duration))
            seconds += cuts.cuts[index].duration
    found = Statistics(front_end.num_features)
    with torch.inference_mode():
        for batch in loader.batches(cuts, [(0, tuple(chosen[at : at + 8])) for at in range(0, len(chosen), 8)]):
            found.add(*front_end(batch.audio.waveforms, batch.audio.lengths))
    return found.mean.tolist(), found.std.tolist()


def list_left_out(run: Run, found: Sequence[Finding], total: int, say: Say) -> None:
    """Says aloud how many training cuts are left out, and lists them in left_out.jsonl.

    Raises:
        RunError: the list cannot be written.
    """
    if not found:
        return
    count = len({finding.cut_id for finding in found})
    say(f"Left out {count} of {total} training cuts (listed in {run.path / 'left_out.jsonl'}):")
    for finding in found[:5]:
        say(f"  {finding}")
    lines = [json.dumps({"cut": finding.cut_id, "problem": finding.problem}) + "\n" for finding in found]
    with runs.writing(run.path):
        files.write_text(run.path / "left_out.jsonl", "".join(lines))


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
