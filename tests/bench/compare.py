"""Whether the working tree gives what an earlier commit gives, to the bit: `python -m tests.bench.compare`.

Both trees run the same probes (`probes`), each in processes that import that tree alone and under the names that
`spellings` gives for it. What the earlier commit gave on this kind of processor is kept in the user's cache folder.
"""

import argparse
import base64
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import probes, spellings

ROOT = Path(__file__).resolve().parents[2]
BASELINE = "c98d93a"
FIGURES = probes.GOLDEN / "figures.json"
Result = dict[str, Any]


def main() -> None:
    chosen = options()
    commit = git("rev-parse", chosen.baseline)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crnn-audio-compare" / commit[:12]
    wanted = probes.names(chosen.only)
    baseline = Baseline(cache, commit, chosen.fresh)
    before = baseline.results(wanted)
    if chosen.write_golden:
        write_golden(baseline)
    if chosen.baseline_only or chosen.write_golden:
        sys.exit()
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        after = measured(ROOT, "WORKING", wanted, Path(folder), cache)
        equal = [report(result, before[result["probe"]], chosen.tolerance) for result in after]
    if not all(equal):
        sys.exit(f"{equal.count(False)} of {len(equal)} differ.")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.compare", description=__doc__)
    help_only = "groups or single probes: speech music show losses, losses:jsb/lstm, corpora (by default not)"
    parser.add_argument("--only", nargs="+", metavar="PROBE", default=[], help=help_only)
    parser.add_argument("--tolerance", type=float, default=0.0, help="relative, of numbers (0: the same bits)")
    parser.add_argument("--baseline", default=BASELINE, help=f"the commit to compare with ({BASELINE})")
    parser.add_argument("--baseline-only", action="store_true", help="measure that commit alone")
    parser.add_argument("--write-golden", action="store_true", help="write what the suite compares with")
    parser.add_argument("--fresh", action="store_true", help="measure that commit again")
    return parser.parse_args()


def git(*words: str) -> str:
    return subprocess.run(["git", "-C", ROOT, *words], check=True, capture_output=True, text=True).stdout.strip()


def processor() -> str:
    """What gives other bits elsewhere: the processor and torch."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "flags"))]
    from torch import __version__ as torch_version

    return " ".join([platform.machine(), torch_version, *names[:2]])


# ------------------------------------------------------------------------------------------------ the two trees


class Baseline:
    """An earlier commit: its files and its results, kept in a folder."""

    def __init__(self, cache: Path, commit: str, fresh: bool) -> None:
        self.cache = cache
        self.commit = commit
        self.fresh = fresh
        source = Path(probes.__file__).read_text(encoding="utf-8") + repr(spellings.BASELINE) + processor()
        self.kept = cache / f"results-{hashlib.sha256(source.encode()).hexdigest()[:12]}"

    def results(self, wanted: Sequence[str]) -> dict[str, Result]:
        """Those that are kept, and the others measured now."""
        missing = [name for name in wanted if self.fresh or not self._path(name).exists()]
        if missing:
            print(f"measuring {self.commit[:12]}: {' '.join(missing)}", flush=True)
            self.kept.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="compare-") as folder:
                for result in measured(self.tree(), "BASELINE", missing, Path(folder), self.cache):
                    if "error" in result:
                        sys.exit(f"{self.commit[:12]} {result['probe']}: {result['error']}")
                    print(f"  {result['probe']:28} {result['seconds']:6.1f} s", flush=True)
                    partial = self._path(result["probe"]).with_suffix(f".{os.getpid()}")
                    partial.write_text(json.dumps(result), encoding="utf-8")
                    partial.rename(self._path(result["probe"]))
        return {name: json.loads(self._path(name).read_text(encoding="utf-8")) for name in wanted}

    def _path(self, name: str) -> Path:
        return self.kept / f"{name.replace('/', '-').replace(':', '-')}.json"

    def tree(self) -> Path:
        """The commit's files, without touching the repository's list of worktrees."""
        tree = self.cache / "tree"
        if not tree.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=self.cache))
            archive = subprocess.run(["git", "-C", ROOT, "archive", self.commit], check=True, capture_output=True)
            subprocess.run(["tar", "-x", "-C", partial], check=True, input=archive.stdout)
            if not tree.exists():
                partial.rename(tree)
        return tree


def measured(
    tree: Path,
    spelling: str,
    wanted: Sequence[str],
    folder: Path,
    cache: Path | None = None,
    *,
    small: bool = False,
    start: Sequence[str] = (sys.executable, "-P", probes.__file__),
) -> Iterator[Result]:
    """Results of probes in a tree, as they come.

    The child works in `folder`, which has the tree's recipes and made corpora; those that another package is read for
    are kept in `cache`. `start` is how it is started.
    """
    (folder / "data").mkdir()
    (folder / "recipes").symlink_to(tree / "recipes")
    (folder / "data" / "tiny").symlink_to(tree / "data" / "tiny")
    for corpus in probes.CORPORA:
        if cache and (cache / "data" / corpus).is_dir():
            (folder / "data" / corpus).symlink_to(cache / "data" / corpus)
    command = [*start, spelling, folder, *wanted, *(["--small"] if small else [])]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    log = folder / "stderr"
    with (
        log.open("w") as said,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=said) as child,
    ):
        assert child.stdout
        for line in child.stdout:
            result = json.loads(line)
            if "error" in result:
                sys.stderr.write(log.read_text(encoding="utf-8", errors="replace")[-4000:])
            yield result
    if child.returncode:
        sys.exit(f"the probes of {tree} ended with {child.returncode}:\n{log.read_text()[-3000:]}")
    if cache and spelling == "BASELINE":
        keep_corpora(folder / "data", cache / "data")


def keep_corpora(made: Path, kept: Path) -> None:
    """Keeps those that were read for the first time."""
    for corpus in probes.CORPORA:
        if (made / corpus).is_dir() and not (kept / corpus).exists():
            shutil.copytree(made / corpus, kept / corpus)


# ------------------------------------------------------------------------------------------------ for the suite


def write_golden(baseline: Baseline) -> None:
    """Writes pieces, then what small probes give for the earlier commit, which is less than all and quick to check."""
    shutil.rmtree(probes.GOLDEN / "pieces", ignore_errors=True)
    for name, result in baseline.results([f"music:{model}" for model in probes.MUSIC]).items():
        folder = probes.GOLDEN / "pieces" / name.partition(":")[2]
        folder.mkdir(parents=True)
        pieces = [base64.b64decode(value) for where, value in result["values"].items() if where.endswith("midi")]
        for number, piece in enumerate(pieces, 1):
            (folder / f"{number}.mid").write_bytes(piece)
    wanted = probes.names(small=True)
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        found = list(measured(baseline.tree(), "BASELINE", wanted, Path(folder), small=True))
    if failed := [result for result in found if "error" in result]:
        sys.exit(f"{failed[0]['probe']}: {failed[0]['error']}")
    values = {result["probe"]: {where: _rounded(one) for where, one in result["values"].items()} for result in found}
    FIGURES.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    for result in found:
        print(f"  {result['probe']:28} {result['seconds']:6.1f} s, {result['cpu']:.1f} s computing")


def _rounded(value: Any) -> Any:
    return float(f"{value:.9g}") if isinstance(value, float) else value


# ------------------------------------------------------------------------------------------------ comparing


@dataclass(frozen=True)
class Difference:
    """Two values that are not the same; `size` is relative, None where one is no number."""

    where: str
    before: Any
    after: Any
    size: float | None

    def __str__(self) -> str:
        sizes = "" if self.size is None else f" (relative {self.size:.1e})"
        return f"{self.where}: {_short(self.before)} became {_short(self.after)}{sizes}"


def differences(before: probes.Values, after: probes.Values) -> list[Difference]:
    """All, in order; what only one of them has is one, too."""
    where = [*before, *(name for name in after if name not in before)]
    pairs = [(name, before.get(name, "nothing"), after.get(name, "nothing")) for name in where]
    return [Difference(*one, relative(*one[1:])) for one in pairs if one[1] != one[2]]


def relative(one: Any, other: Any) -> float | None:
    """How far apart two numbers are, of the larger; None where one is none."""
    if not all(isinstance(value, int | float) for value in (one, other)):
        return None
    return abs(one - other) / max(abs(one), abs(other), 1e-300)


def report(result: Result, before: Result, tolerance: float) -> bool:
    """Prints a probe's line; whether it is as it was."""
    start = f"{result['probe']:28} {result['seconds']:6.1f} s (was {before['seconds']:.1f})  "
    if "error" in result:
        print(f"{start}FAILS: {result['error']}", flush=True)
        return False
    found = differences(before["values"], result["values"])
    outside = [one for one in found if one.size is None or one.size > tolerance]
    total = len(before["values"])
    if not found:
        print(f"{start}equal to the bit ({total} values)", flush=True)
    elif not outside:
        print(f"{start}within {tolerance:g} ({len(found)} of {total} values differ, most {largest(found)})", flush=True)
    else:
        print(f"{start}DIFFERS in {len(outside)} of {total} values; first {outside[0]}", flush=True)
        if any(one.size for one in outside):
            print(f"{'':{len(start)}}most {largest(outside)}", flush=True)
    return not outside


def largest(found: Sequence[Difference]) -> Difference:
    return max(found, key=lambda one: one.size or 0.0)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}... ({hashlib.sha256(text.encode()).hexdigest()[:8]})"


if __name__ == "__main__":
    main()
