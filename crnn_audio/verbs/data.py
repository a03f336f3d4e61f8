"""Corpora: download and check them, or make one from your own recordings."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from crnn_audio.console import ProgressBar, report
from crnn_audio.errors import DataError
from crnn_audio.verbs.arguments import Json, Overrides, Root


def prepare(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="A corpus such as an4, or the word 'folder'.")],
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="After `folder`: recordings, a table or Lhotse cuts.")
    ] = None,
    root: Root = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the manifests (default for own recordings: data/own/NAME).")
    ] = None,
    speaker_folders: Annotated[
        bool, typer.Option("--speaker-folders", help="The first folder of a path is the speaker.")
    ] = False,
    resplit: Annotated[bool, typer.Option("--resplit", help="Make new splits, even if the data has some.")] = False,
    leave_out: Annotated[bool, typer.Option("--leave-out", help="Leave out what cannot be used, and list it.")] = False,
    as_json: Json = False,
) -> None:
    """Download and check a corpus, or make one of your own.

    Every file is decoded once; cuts that cannot be used are listed with the reason. `prepare folder PATH` takes audio
    with a text of the same name beside it, a table (.tsv, .csv, .jsonl) of paths and texts, or Lhotse cuts.
    """
    if (corpus == "folder") != (path is not None):
        report("Write `prepare folder PATH` for your own recordings, or `prepare CORPUS` for a known corpus.")
        raise typer.Exit(2)

    with ProgressBar() as progress:
        if path is None:
            _prepare_corpus(corpus, root, out, as_json, progress)
        else:
            _prepare_folder(path, out, (speaker_folders, resplit, leave_out), as_json, progress)


def _prepare_corpus(corpus: str, root: Path | None, out: Path | None, as_json: bool, progress: Any) -> None:
    from crnn_audio import build

    prepared = build.prepare(corpus, root=root, out=out, progress=progress)
    if isinstance(prepared, build.PreparedRolls):
        _print_rolls(prepared, as_json)
    elif isinstance(prepared, build.PreparedTunes):
        _print_tunes(prepared, as_json)
    elif isinstance(prepared, build.PreparedText):
        for split, text in prepared.splits.items():
            figures = {"characters": len(text), "symbols": len(set(text)), "words": len(text.split())}
            _print_music({"split": split}, figures, as_json)
    else:
        for split, cuts in prepared.splits.items():
            _print_split(split, cuts, prepared.findings[split], as_json)
    report(f"{corpus} lies in {prepared.folder}.")
    if isinstance(prepared, build.PreparedRolls) and prepared.damaged:
        raise typer.Exit(DataError.exit_code)


def _print_rolls(prepared: Any, as_json: bool) -> None:
    for name, splits in prepared.collections.items():
        for split, pieces in splits.items():
            figures = {"pieces": len(pieces), "frames": sum(len(piece.roll) for piece in pieces)}
            _print_music({"collection": name, "split": split}, figures, as_json)
    for problem in prepared.damaged.values():
        report(problem)
    if prepared.absent:
        report(f"Not there: {', '.join(prepared.absent)}.")


def _print_tunes(prepared: Any, as_json: bool) -> None:
    for split, tunes in prepared.splits.items():
        notes = sum(len(part.notes) for tune in tunes for part in tune.score.parts)
        _print_music({"split": split}, {"pieces": len(tunes), "notes": notes}, as_json)
    if prepared.left_out:
        name, reason = next(iter(prepared.left_out.items()))
        report(f"Left out {len(prepared.left_out)}, each with its reason in left_out.json; {name}: {reason}.")


def _print_music(names: dict[str, str], figures: dict[str, int], as_json: bool) -> None:
    columns = [f"{name:10}" for name in names.values()] + [f"{count:7} {what}" for what, count in figures.items()]
    print(json.dumps(names | figures) if as_json else "  ".join(columns))


def _prepare_folder(path: Path, out: Path | None, ways: tuple[bool, bool, bool], as_json: bool, progress: Any) -> None:
    from crnn_audio.config import next_steps
    from crnn_audio.corpora.own.prepare import prepare_folder

    speaker_folders, resplit, leave_out = ways
    prepared = prepare_folder(
        path, out, speaker_folders=speaker_folders, resplit=resplit, leave_out=leave_out, progress=progress
    )
    for note in prepared.notes:
        report(note)
    if prepared.left_out:
        report("\n".join([f"Left out {len(prepared.left_out)}:", *prepared.left_out]))
    report(f"Split {prepared.how}. Manifests are in {prepared.folder}. Next:")
    report(f"  {next_steps.doctor(prepared.folder)}\n  {next_steps.train(prepared.folder, prepared.splits)}")
    for split, cuts in prepared.splits.items():
        _print_split(split, cuts, [], as_json)


def _print_split(split: str, cuts: Any, findings: Any, as_json: bool) -> None:
    minutes = sum(cut.duration for cut in cuts) / 60
    speakers = len({cut.speaker for cut in cuts if cut.speaker})
    if as_json:
        figures = {"split": split, "cuts": len(cuts), "hours": round(minutes / 60, 4), "speakers": speakers}
        print(json.dumps({**figures, "unusable": [str(one) for one in findings]}))
    else:
        counts = f"{len(cuts):6} cuts  {minutes:8.1f} minutes  {speakers:4} speakers"
        print(f"{split:5}  {counts}  {len(findings)} unusable")
        print("".join(f"       {one}\n" for one in findings), end="")


def doctor(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A corpus, a folder of manifests, or a recipe.")],
    overrides: Overrides = None,
    root: Root = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Plot durations by split as this PNG.")] = None,
    as_json: Json = False,
) -> None:
    """Check data for errors and oddities.

    Decodes every cut. Each finding names the cut, the reason and what to do; the exit code is 4 if something must be
    fixed before training or scoring. Overrides (KEY=VALUE) are for recipes.
    """
    from crnn_audio.inference.doctor import check, draw_durations, lines

    with ProgressBar() as progress:
        diagnosis = check(target, overrides or (), root=root, progress=progress)
    print(json.dumps(diagnosis.as_json(), ensure_ascii=False) if as_json else "\n".join(lines(diagnosis)))
    if plot:
        draw_durations(diagnosis, plot)
        report(f"Durations are drawn in {plot}.")
    if not diagnosis.usable:
        raise typer.Exit(DataError.exit_code)
