"""Corpora: download and check them, or make one from your own recordings."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from crnn_audio.console import report
from crnn_audio.errors import DataError
from crnn_audio.verbs.arguments import Json, Overrides, Root
from crnn_audio.verbs.exporting import is_exported

RENDERING = "Rendering"


def prepare(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="A corpus such as an4, or the word 'folder'.")],
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH",
            help="After `folder`: recordings, a table, cuts. After `classes`: folders or a table. `pairs`: a table.",
        ),
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
    accept_unverified: Annotated[
        bool, typer.Option("--accept-unverified", help="Download what cannot be checked, and record its SHA-256.")
    ] = False,
    soundfont: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Repeatable; test=FILE is for one split.", rich_help_panel=RENDERING),
    ] = None,
    instruments: Annotated[
        str | None,
        typer.Option(help="General MIDI programs in place of those of the files: 0-7.", rich_help_panel=RENDERING),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Of sound of each split, at most.", rich_help_panel=RENDERING)
    ] = None,
    dry: Annotated[
        bool, typer.Option("--dry", help="No change of timbre, no reverberation, no noise.", rich_help_panel=RENDERING)
    ] = False,
    num: Annotated[
        int, typer.Option(min=1, help="Sentences that synthetic voices speak.", rich_help_panel="Speaking")
    ] = 3000,
    as_json: Json = False,
) -> None:
    """Download and check a corpus, or make one of your own.

    Every file is decoded once; cuts that cannot be used are listed with the reason. `prepare folder PATH` takes audio
    with a text of the same name beside it, a table (.tsv, .csv, .jsonl, lines of path|text) of paths and texts, a
    release of Common Voice, a data folder of Kaldi, or Lhotse cuts. `prepare pairs FILE` splits a table of texts: a
    source, a tab and a target in a line. `prepare classes PATH` takes a folder of each class, or a table
    with columns path and label. `prepare render CORPUS|FOLDER --soundfont FILE` makes recordings with exact
    labels of music, of groove_midi or of a folder of MIDI files. `prepare speak GRAMMAR` lets synthetic voices speak
    sentences of a grammar.
    """
    if (corpus in ("folder", "classes", "render", "speak") and path is None) or (
        corpus not in ("folder", "classes", "pairs", "render", "speak") and path is not None
    ):
        report("Write `prepare folder PATH` for your own recordings, or `prepare CORPUS` for a known corpus.")
        raise typer.Exit(2)
    from crnn_audio.console import ProgressBar
    from crnn_audio.corpora.download import accepting_unverified

    with ProgressBar() as progress:
        if path is None:
            with accepting_unverified() if accept_unverified else nullcontext():
                _prepare_corpus(corpus, root, out, as_json, progress)
        elif corpus == "render":
            _prepare_rendered(str(path), soundfont or [], out, (instruments, minutes, dry), as_json, progress)
        elif corpus == "speak":
            _prepare_spoken(path, out, num, as_json, progress)
        elif corpus == "pairs":
            _prepare_pairs(path, out, as_json)
        else:
            ways = {"speaker_folders": speaker_folders, "resplit": resplit, "leave_out": leave_out}
            _prepare_folder(path, out, ways | {"classes": corpus == "classes"}, as_json, progress)


def _prepare_corpus(corpus: str, root: Path | None, out: Path | None, as_json: bool, progress: Any) -> None:
    from crnn_audio.evaluation.prepare import prepare

    prepared = prepare(corpus, root=root, out=out, progress=progress)
    for row in prepared.rows:
        _print_row(row, as_json)
    for line in (*prepared.problems, *prepared.remarks, f"{corpus} lies in {prepared.folder}."):
        report(line)
    if prepared.problems:
        raise typer.Exit(DataError.exit_code)


def _print_row(row: Mapping[str, Any], as_json: bool) -> None:
    """One split: its names, then its figures; and of each cut that cannot be used the reason."""
    if as_json:
        print(json.dumps(row))
        return
    unusable = row.get("unusable", ())
    cells = [_cell(name, value) for name, value in row.items() if name != "unusable"]
    print("  ".join(cells + ([f"{len(unusable)} unusable"] if "unusable" in row else [])))
    print("".join(f"       {one}\n" for one in unusable), end="")


def _cell(name: str, value: Any) -> str:
    if isinstance(value, str):
        return f"{value:10}"
    return f"{60 * value:9,.1f} minutes" if name == "hours" else f"{value:9,} {name}"


def _prepare_pairs(path: Path, out: Path | None, as_json: bool) -> None:
    from crnn_audio.config import commands
    from crnn_audio.corpora import pairs

    folder = out or Path("data", "own", path.name.partition(".")[0])
    for split, found in pairs.split(path, folder).items():
        _print_row({"split": split, "sources": len(found), "targets": sum(len(one.targets) for one in found)}, as_json)
    train = ["train", "pairs/attention", f"data.root={folder}", "--out", f"runs/{folder.name}"]
    report(f"The splits are in {folder}. Next:\n  {commands.command(train)}")


def _prepare_rendered(
    source: str,
    fonts: list[str],
    out: Path | None,
    ways: tuple[str | None, float | None, bool],
    as_json: bool,
    progress: Any,
) -> None:
    from crnn_audio.corpora.own.rendering import prepare_rendered, programs
    from crnn_audio.corpora.rendered import Rendering

    instruments, minutes, dry = ways
    how = Rendering((), programs(instruments) if instruments else (), minutes=minutes, dry=dry)
    folder = out or Path("data", "own", f"{Path(source).name}-rendered")
    prepared = prepare_rendered(source, fonts, folder, how, progress)
    if prepared.problems:
        report("\n".join([f"Left out {len(prepared.problems)}:", *prepared.problems]))
    report(f"Recordings and manifests are in {prepared.folder}.")
    for split, cuts in prepared.splits.items():
        hours, segments = sum(cut.duration for cut in cuts) / 3600, sum(len(cut.segments) for cut in cuts)
        _print_row({"split": split, "cuts": len(cuts), "hours": round(hours, 4), "segments": segments}, as_json)


def _prepare_spoken(grammar: Path, out: Path | None, num: int, as_json: bool, progress: Any) -> None:
    from crnn_audio.corpora.own.speaking import prepare_spoken
    from crnn_audio.problems import recordings

    folder = out or Path("data", "own", grammar.stem)
    for split, cuts in prepare_spoken(grammar, folder, num, progress).items():
        _print_row({"split": split, **recordings.figures_of(cuts)}, as_json)
    report(f"Recordings and manifests are in {folder}.")


def _prepare_folder(path: Path, out: Path | None, ways: Mapping[str, bool], as_json: bool, progress: Any) -> None:
    from crnn_audio.config import next_steps
    from crnn_audio.evaluation.prepare import prepare_folder
    from crnn_audio.problems import recordings

    prepared = prepare_folder(path, out, **ways, progress=progress)
    for note in prepared.notes:
        report(note)
    if prepared.left_out:
        report("\n".join([f"Left out {len(prepared.left_out)}:", *prepared.left_out]))
    report(f"Split {prepared.how}. Manifests are in {prepared.folder}. Next:")
    following = next_steps.of_classes if ways["classes"] else next_steps.of_speech
    report("\n".join(f"  {line}" for line in following(prepared.folder, prepared.splits)))
    for split, cuts in prepared.splits.items():
        _print_row({"split": split, **recordings.figures_of(cuts)}, as_json)


def doctor(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A corpus, manifests, a recipe, or an exported folder.")
    ],
    overrides: Overrides = None,
    root: Root = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Plot durations by split as this PNG.")] = None,
    as_json: Json = False,
) -> None:
    """Check data: errors and warnings.

    Decodes every cut. Each finding names the cut, the reason and what to do; the exit code is 4 if something must be
    fixed before training or scoring. Overrides (KEY=VALUE) are for recipes. Of an exported folder: whether its files
    are whole and its graph runs.
    """
    if is_exported(Path(target)):
        _try_exported(Path(target), as_json, alone=not (overrides or root or plot))
        return
    from crnn_audio.console import ProgressBar
    from crnn_audio.evaluation.diagnosis import lines, plot_durations
    from crnn_audio.evaluation.doctor import check

    with ProgressBar() as progress:
        diagnosis = check(target, overrides or (), root=root, progress=progress)
    print(json.dumps(diagnosis.as_json(), ensure_ascii=False) if as_json else "\n".join(lines(diagnosis)))
    if plot:
        plot_durations(diagnosis, plot)
        report(f"Durations are plotted in {plot}.")
    if not diagnosis.usable:
        raise typer.Exit(DataError.exit_code)


def _try_exported(path: Path, as_json: bool, *, alone: bool) -> None:
    from crnn_audio.inference.exported import folder, inspection
    from crnn_audio.problems import opening

    if not alone:
        report(f"{path}: an exported model, without data: leave out overrides, --root and --plot.")
        raise typer.Exit(2)
    exported = folder.open_folder(path)
    opening.opened(exported)
    found = inspection.tried(exported)
    if as_json:
        print(json.dumps({"target": str(path), "usable": True, "outputs": found}))
        return
    print("\n".join(inspection.described(exported)))
    print(f"{path}: usable (its {len(exported.facts['sha256'])} files are whole, and its graph runs).")
