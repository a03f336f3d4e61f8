"""Labels of frames: segments, onsets and notes of recordings."""

import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from crnn_audio.console import report
from crnn_audio.errors import DataError
from crnn_audio.verbs import exporting
from crnn_audio.verbs.arguments import Device, ModelArgument, Weights, WeightsOption

NOTES = "Notes and onsets"


class Format(StrEnum):
    """Output formats of labelled segments."""

    tsv = "tsv"
    json = "json"
    textgrid = "textgrid"
    audacity = "audacity"
    rttm = "rttm"
    mid = "mid"
    csv = "csv"


def label(
    model: ModelArgument,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Audio files, or folders of them; - is standard input.")
    ],
    form: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.tsv,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a file for each recording into this folder.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="DIR", help="Plot each recording as a PNG.")] = None,
    onset_threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Probability of an onset.", rich_help_panel=NOTES)
    ] = None,
    frame_threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Probability at which a note goes on.", rich_help_panel=NOTES)
    ] = None,
    minimum_note_length: Annotated[
        float | None, typer.Option(min=0, help="Seconds of the shortest note.", rich_help_panel=NOTES)
    ] = None,
    tempo: Annotated[
        float, typer.Option(min=1, max=1000, help="Quarter notes a minute of the MIDI file.", rich_help_panel=NOTES)
    ] = 120.0,
    grid: Annotated[
        int | None,
        typer.Option(min=1, max=1920, help="Move notes to this grid: 16 for sixteenths.", rich_help_panel=NOTES),
    ] = None,
    weights: WeightsOption = Weights.best,
    device: Device = "auto",
) -> None:
    """Label what stands where in recordings.

    A segment a line, or a file for each recording with --out. A file that cannot be read is reported on standard error,
    the others are labelled, and the exit code is 4. Thresholds are those that training chose on dev.
    """
    from crnn_audio.inference.outputs import names
    from crnn_audio.inference.outputs.segment_formats import HEADERS, JOINABLE

    found, problems = names.find_recordings(files)
    if out is None and (form == Format.mid or (form not in JOINABLE and len(found) > 1)):
        report(f"A file of {form} holds one recording{' and is no text' if form == Format.mid else ''}. Add --out DIR.")
        raise typer.Exit(2)
    opened = exporting.opened(model, "labelling", device, weights.value)
    options = _options(opened, onset_threshold, frame_threshold, minimum_note_length)
    named = names.assign_names(found, out, reserved=16)
    sys.stdout.write(HEADERS.get(form.value, "") if out is None else "")
    for one in named:
        try:
            labelled = opened.labelled(sys.stdin.buffer if one.path == "-" else one.path, options)
            for remark in labelled.remarks:
                report(remark)
            _write(labelled, form, out and out / one.name, tempo, grid)
            if plot:
                from crnn_audio.inference.outputs.segment_plot import save

                save(labelled, plot / f"{one.name}.png", opened.labels)
        except DataError as error:
            problems.append(error)
    for problem in problems:
        report(str(problem))
    if problems:
        raise typer.Exit(DataError.exit_code)


def _options(opened: Any, onset: float | None, frame: float | None, shortest: float | None) -> Any:
    """What was chosen on dev, with what a person wants instead."""
    options = opened.options
    if options.kind == "segments" and (onset is not None or frame is not None):
        report("--onset-threshold and --frame-threshold are for models of onsets and notes.")
        raise typer.Exit(2)
    if onset is not None:
        options = replace(options, thresholds=(onset,) * len(options.thresholds))
    if frame is not None:
        options = replace(options, frame_threshold=frame)
    if shortest is not None:
        options = replace(options, minimum=max(round(shortest / opened.frame_seconds), 1))
    return options


def _write(labelled: Any, form: Format, stem: Path | None, tempo: float, grid: int | None) -> None:
    from crnn_audio import files
    from crnn_audio.errors import writing
    from crnn_audio.inference.outputs.segment_formats import FORMATS, HEADERS, SUFFIXES, as_midi

    if stem is None:
        sys.stdout.write(FORMATS[form.value](labelled))
        sys.stdout.flush()
        return
    header = HEADERS.get(form.value, "")
    content = (
        as_midi(labelled, tempo, grid) if form == Format.mid else (header + FORMATS[form.value](labelled)).encode()
    )
    path = stem.with_name(stem.name + SUFFIXES[form.value])
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(path, content)
