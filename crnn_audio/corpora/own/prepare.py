"""A person's own recordings, or another tool's list of them, as manifests that a recipe can be trained on."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shlex import quote

from crnn_audio import audio, files
from crnn_audio.batching import checks, manifests
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.manifests import Cut
from crnn_audio.corpora import tables
from crnn_audio.corpora.home import Progress
from crnn_audio.corpora.own import classes as of_classes
from crnn_audio.corpora.own import kaldi, labels, pairs, rows, splitting
from crnn_audio.corpora.own.listing import SPLITS, Entry, Listing, split_named
from crnn_audio.corpora.own.splitting import Splits, divide, lopsided
from crnn_audio.errors import DataError
from crnn_audio.text import invisible

Divide = Callable[[Sequence[Cut]], tuple[Splits, str]]
MARK = "prepared.json"
"""Written beside manifests that were made here, with where they came from; others are never overwritten."""
SHOWN = 50
"""Problems that an error lists; the rest is counted."""


@dataclass(frozen=True)
class PreparedFolder:
    """Manifests in `folder`: their cuts by split, how these were chosen, what was noted and what was left out."""

    folder: Path
    splits: Splits
    how: str
    notes: tuple[str, ...]
    left_out: tuple[str, ...]


def prepare_folder(
    path: str | Path,
    out: str | Path | None = None,
    *,
    speaker_folders: bool = False,
    resplit: bool = False,
    leave_out: bool = False,
    classes: bool = False,
    progress: Progress | None = None,
    infeasible: Callable[[Sequence[Cut]], Sequence[Finding]] = lambda _: (),
) -> PreparedFolder:
    """`evaluation.prepare.prepare_folder`, with any way to find cuts that are too short for their texts.

    Args:
        path, out, speaker_folders, resplit, leave_out, classes, progress: as there.
        infeasible: finds such cuts, which are noted, or left out with `leave_out`.

    Raises:
        DataError: as there.
    """
    source = Path(path)
    folder = Path(out) if out is not None else Path("data/own") / _name(source)
    _refuse_foreign(folder, source)
    listing = of_classes.find(source) if classes else _found(source, resplit, speaker_folders)
    found = _checked(listing.without_duplicates(), progress, classes)
    if found.entries:
        found = _feasible(found, infeasible([entry.cut for entry in found.entries if entry.cut.text]), leave_out)
    if found.problems and not leave_out:
        advice = "Correct them, or add --leave-out to go on without what they name. Nothing was written."
        raise DataError(_problem_list(source, found.problems, advice))
    if not found.entries:
        raise DataError(_problem_list(source, found.problems, "Not one recording can be used. Nothing was written."))
    splits, how = _split(source, found.entries, resplit, of_classes.divided if classes else divide)
    unseen = invisible.removed(found.texts)
    found.notes += [f"{unseen} removed.", *lopsided(splits)] if unseen else lopsided(splits)
    notes, left_out = tuple(found.notes), tuple(map(_one_line, found.problems))
    write_manifests(splits, folder, source, split=how, notes=notes, left_out=left_out)
    return PreparedFolder(folder, splits, how, notes, left_out)


def _name(source: Path) -> str:
    name = source.resolve().name
    if name == kaldi.RECORDINGS:
        return source.resolve().parent.name
    table = name.lower().endswith(tables.SUFFIXES + tables.OTHERS)
    return name.removesuffix(".gz").rpartition(".")[0] or name if table else name


def _refuse_foreign(folder: Path, source: Path) -> None:
    """Stops before manifests are replaced that were not made here, or of something else."""
    if not any((folder / f"{split}.jsonl").exists() for split in ("train", "dev", "test")):
        return
    came_from = _mark(folder).get("source")
    if came_from != str(source.resolve()):
        whose = f"of {came_from}" if came_from else "that were not made by `prepare folder`"
        raise DataError(f"{folder}: holds manifests {whose}. Choose another folder with --out, or remove them.")


def _mark(folder: Path) -> dict[str, object]:
    try:
        return files.read_json_object(folder / MARK, ValueError)
    except ValueError:
        return {}


def _found(source: Path, resplit: bool, speaker_folders: bool) -> Listing:
    if not os.path.exists(source):  # noqa: PTH110 - false where it may not be asked
        raise DataError(f"{source}: no such folder or file. Name a folder of recordings, a table or Lhotse cuts.")
    if kaldi.folders(source):
        return kaldi.find(source)
    if not source.is_dir():
        if not source.name.lower().endswith(tables.SUFFIXES + tables.OTHERS):
            kinds = ", ".join(tables.SUFFIXES + tables.OTHERS)
            raise DataError(f"{source}: neither a folder nor a table ({kinds}), nor Kaldi's {kaldi.RECORDINGS}.")
        return _listed(source, None, resplit, speaker_folders)
    inside = _tables(source)
    if not inside and (labelled := labels.find(source)) is not None:
        return labelled
    if not inside:
        return pairs.find(source, speaker_folders=speaker_folders)
    found = Listing()
    if (source / "clips").is_dir() and (chosen := _of_common_voice(inside)):
        others = ", ".join(path.name for path in inside if path not in chosen)
        found.notes += [f"{source}: {others} not looked at."] if others else []
        inside = chosen
    splits = {split_named(path.name.partition(".")[0]): path for path in inside}
    if len(inside) > 1 and (None in splits or len(splits) < len(inside)):
        names = ", ".join(path.name for path in inside)
        raise DataError(
            f"{source}: several tables ({names}). Name one: `crnn-audio prepare folder {quote(str(inside[0]))}`."
        )
    for split, path in splits.items():
        found.extend(_listed(path, split if len(inside) > 1 else None, resplit, speaker_folders))
    return found


def _of_common_voice(tables: list[Path]) -> list[Path]:
    """Of a release, the tables of splits; without them that of all validated clips."""
    splits = [path for path in tables if path.stem.lower() in SPLITS]
    return splits or [path for path in tables if path.stem.lower() == "validated"]


def _tables(folder: Path) -> list[Path]:
    """The tables that lie in a folder itself, but for the manifests that were made here of the folder."""
    made_here = _mark(folder).get("source") == str(folder.resolve())
    own = {f"{split}.jsonl" for split in ("train", "dev", "test")} if made_here else set()
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: a folder that cannot be read ({error.strerror}). Change its permissions.") from None
    named = [path for path in entries if path.name[0] != "." and path.name not in own and path.is_file()]
    stems = {path.stem for path in named if path.suffix.lower() in audio.SUFFIXES}
    return [
        path
        for path in named
        if tables.is_table(path)
        or (path.name.lower().endswith(tables.OTHERS) and path.stem not in stems and rows.lists_audio(path))
    ]


def _listed(path: Path, split: str | None, resplit: bool, speaker_folders: bool) -> Listing:
    """A table's rows, of texts or of labelled segments, or Lhotse's cuts."""
    if labels.is_table(path):
        return labels.from_table(path)
    if not manifests.is_manifest(path):
        return rows.find(rows.read(path), split=split, resplit=resplit, speaker_folders=speaker_folders)
    cuts = manifests.load(path)
    entries = [Entry(_anchored(cut, path.parent), f"{path}, cut {cut.id!r}", split) for cut in cuts]
    return Listing(entries, [], [f"{path}: {len(cuts)} Lhotse cuts."])


def _anchored(cut: Cut, folder: Path) -> Cut:
    """A cut whose audio is not below its manifest but, as Lhotse itself would look for it, below the working folder."""
    path = cut.recording.path
    if path.exists() or not path.is_relative_to(folder) or not path.relative_to(folder).exists():
        return cut
    return replace(cut, recording=replace(cut.recording, path=path.relative_to(folder).resolve()))


def _checked(found: Listing, progress: Progress | None, classes: bool) -> Listing:
    """Decodes every file; cuts that cannot be used become problems."""
    cuts = [entry.cut for entry in found.entries]
    report = progress and partial(progress, "checking")
    adjusted = checks.Adjusted()
    spoken = [] if classes or any(cut.segments for cut in cuts) else cuts  # labelled ones have nothing to find
    findings = checks.unreadable(cuts, checks.cache_of("manifests"), report, adjusted) + checks.empty(spoken)
    bad = {finding.cut_id: finding.problem for finding in findings}
    problems = [f"{entry.where}: {bad[entry.cut.id]}" for entry in found.entries if entry.cut.id in bad]
    entries = [entry for entry in found.entries if entry.cut.id not in bad]
    notes = [*found.notes, *adjusted.lines()]
    return replace(found, entries=entries, problems=found.problems + problems, notes=notes)


def _feasible(found: Listing, findings: Sequence[Finding], leave_out: bool) -> Listing:
    """Without cuts that are too short for their texts, if they may be left out; else they are noted."""
    if not findings:
        return found
    where = {entry.cut.id: entry.where for entry in found.entries}
    problems = [f"{where[finding.cut_id]}: {finding.problem}" for finding in findings]
    if not leave_out:
        cuts = "1 cut is" if len(problems) == 1 else f"{len(problems)} cuts are"
        note = f"{cuts} too short to be trained on; --leave-out leaves such cuts out. {problems[0]}"
        return replace(found, notes=[*found.notes, note])
    bad = {finding.cut_id for finding in findings}
    entries = [entry for entry in found.entries if entry.cut.id not in bad]
    return replace(found, entries=entries, problems=found.problems + problems)


def _problem_list(source: Path, problems: Sequence[str], advice: str) -> str:
    if not problems:
        return f"{source}: it lists no recording. {advice}"
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    rest = [f"  ... and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    shown = [f"  {_one_line(problem)}" for problem in problems[:SHOWN]]
    return "\n".join([f"{source}: {count}", *shown, *rest, advice])


def _one_line(problem: str) -> str:
    """A problem on one line, whatever the names in it."""
    return problem.replace("\r", "\\r").replace("\n", "\\n")


def _split(source: Path, entries: Sequence[Entry], resplit: bool, divide: Divide) -> tuple[Splits, str]:
    """The splits that are there, with dev held out of train if it is missing; else new ones."""
    cuts = [entry.cut for entry in entries]
    given = {entry.split for entry in entries}
    if resplit or given == {None}:
        return divide(cuts)
    if None in given:
        entry = next(entry for entry in entries if entry.split is None)
        raise DataError(f"{entry.where}: in no split, while others are. Move it into one, or add --resplit.")
    if "train" not in given:
        there = " and ".join(sorted(name for name in given if name))
        raise DataError(f"{source}: only {there}, and no train. Add it, or make new splits with --resplit.")
    splits: Splits = {
        name: [entry.cut for entry in entries if entry.split == name] for name in ("train", "dev", "test")
    }
    if splits["dev"]:
        return splits, "as they were"
    held, how = splitting.divide(splits["train"], ("dev",))
    return {**splits, **held}, f"as they were, and dev held out of train {how}"


def write_manifests(splits: Splits, folder: Path, source: Path, **facts: object) -> None:
    """Writes <split>.jsonl of each split that is not empty, and where it all came from, with other facts about it.

    Raises:
        DataError: the folder cannot be written, or holds manifests that came from elsewhere.
    """
    _refuse_foreign(folder, source)
    mark = {"source": str(source.resolve()), "cuts": {split: len(cuts) for split, cuts in splits.items()}, **facts}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files.write_text(folder / MARK, json.dumps(mark, indent=1) + "\n")  # first, so that the same call may go on
        for split, cuts in splits.items():
            manifest = folder / f"{split}.jsonl"
            manifests.save(cuts, manifest) if cuts else manifest.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror or error}).") from None
