"""Labels of whole recordings."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from crnn_audio.console import report
from crnn_audio.errors import DataError
from crnn_audio.verbs import exporting
from crnn_audio.verbs.arguments import Device, Json, ModelArgument, Weights, WeightsOption


class Format(StrEnum):
    """Output formats of labels."""

    text = "text"
    tsv = "tsv"
    jsonl = "jsonl"


def classify(
    model: ModelArgument,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Audio files, or folders of them; - is standard input.")
    ],
    top: Annotated[int, typer.Option(min=1, help="How many of the likeliest labels to give.")] = 1,
    reject: Annotated[
        bool, typer.Option("--reject", help="Say 'not listed' below the confidence that was chosen on dev.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.text,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a file for each recording into this folder.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Redo recordings that are already done.")] = False,
    weights: WeightsOption = Weights.best,
    as_json: Json = False,
    device: Device = "auto",
) -> None:
    """Say what recordings are.

    Prints the label and the confidence, after the file's name if there are several. A file that cannot be read is
    reported on standard error, the others are classified, and the exit code is 4. With --out, recordings whose results
    are there and up to date are skipped.
    """
    from crnn_audio.inference.classifying import Asked
    from crnn_audio.inference.exported import light
    from crnn_audio.inference.outputs.label_formats import FORMATS
    from crnn_audio.inference.outputs.pending import Outputs, misuse, pending
    from crnn_audio.inference.speech import transcripts

    wanted = Outputs(("jsonl" if as_json else form.value,), out)
    if wrong := misuse(wanted, overwrite):
        report(wrong)
        raise typer.Exit(2)
    maker = f"{light.maker(model, weights.value)} {top}{' reject' * reject}" if out else ""
    waiting = pending(files, wanted, overwrite=overwrite, model=maker)

    def opened() -> Asked:
        return Asked(exporting.opened(model, "classification", device, weights.value), top, reject)

    kind = transcripts.Results(FORMATS, "classifying", "classified")
    if transcripts.run(waiting, wanted, opened, report, sys.stdout, kind=kind):
        raise typer.Exit(DataError.exit_code)
