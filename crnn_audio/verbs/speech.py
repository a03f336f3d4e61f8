"""Speech to text, from files and live."""

import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from crnn_audio.console import report
from crnn_audio.decoding.options import NONE, DecodingOptions
from crnn_audio.errors import DataError
from crnn_audio.verbs import exporting
from crnn_audio.verbs.arguments import Device, Json, ModelArgument, Weights
from crnn_audio.verbs.decoding import language_model, takes_decoding


class Format(StrEnum):
    """Output formats of transcripts."""

    text = "text"
    json = "json"
    jsonl = "jsonl"
    srt = "srt"
    vtt = "vtt"
    tsv = "tsv"
    ctm = "ctm"
    textgrid = "textgrid"


class Channels(StrEnum):
    """Which channels of a recording are transcribed."""

    mix = "mix"
    each = "each"
    left = "left"
    right = "right"


def _formats(listed: str) -> list[Format]:
    """The formats of one `--format`, separated by commas."""
    names = listed.split(",")
    if (wrong := next((name for name in names if name not in list(Format)), None)) is not None:
        raise typer.BadParameter(f"{wrong!r} is not one of {', '.join(repr(one.value) for one in Format)}.")
    return [Format(name) for name in names]


@takes_decoding
def transcribe(
    model: ModelArgument,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Audio files, or folders of them; - is standard input.")
    ],
    forms: Annotated[
        list[Any] | None,
        typer.Option(
            "--format", parser=_formats, metavar="|".join(Format), help="Output format; several with --out: srt,json."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a file for each recording and format into this folder.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Plot spectrogram, posteriors and words of each recording as a PNG."),
    ] = None,
    channels: Annotated[
        Channels, typer.Option(help="Their mean, one of two, or each with a transcript of its own.")
    ] = Channels.mix,
    vad: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Transcribe what this model of voice activity finds, alone.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Redo recordings that are already done.")] = False,
    weights: Annotated[Weights, typer.Option(help="The best on dev, or the last of training.")] = Weights.best,
    device: Device = "auto",
    *,
    decoding: DecodingOptions,
) -> None:
    """Transcribe audio files.

    With several files, each line of text begins with the file's name. A file that cannot be read is reported on
    standard error, the others are transcribed, and the exit code is 4. A file that was cut short or damaged is
    transcribed as far as it can be read, with a warning. With --out, recordings whose results exist, are up to date and
    come from this model and these channels are skipped, so an interrupted command can be repeated.
    """
    from crnn_audio import runs
    from crnn_audio.decoding import carried
    from crnn_audio.inference.exported import light
    from crnn_audio.inference.outputs.pending import Outputs, clash, misuse, pending
    from crnn_audio.inference.speech import transcripts

    wanted = Outputs(
        tuple(dict.fromkeys(form.value for listed in forms or [[Format.text]] for form in listed)), out, plot
    )
    if vad and plot:
        report("--plot shows whole recordings; leave out --vad.")
        raise typer.Exit(2)
    if wrong := misuse(wanted, overwrite, channels.value):
        report(wrong)
        raise typer.Exit(2)
    maker = ""
    if wanted.home:
        parts = [light.maker(model, weights), channels.value if channels != Channels.mix else ""]
        parts += [decoding.over(carried.load(runs.locate(model))).identity]
        parts += [f"vad {light.maker(vad, 'best')}"] if vad else []
        maker = " ".join(filter(None, parts))
    waiting = pending(files, wanted, overwrite=overwrite, model=maker)
    if wrong := clash(waiting, wanted):
        report(wrong)
        raise typer.Exit(2)
    load = partial(_loaded, model, device, weights, decoding)
    if vad:
        load = partial(_voiced, load, vad, device)
    if transcripts.run(waiting, wanted, load, report, sys.stdout, channels.value):
        raise typer.Exit(DataError.exit_code)


@takes_decoding
def stream(
    model: ModelArgument,
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="A file, or 16-bit WAV or PCM on stdin.")] = "-",
    rate: Annotated[int, typer.Option(min=1, help="Samples per second of headerless PCM on stdin.")] = 16000,
    seconds: Annotated[float, typer.Option(min=0.001, help="Length of the blocks that are read, in seconds.")] = 0.32,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Keywords: the least confidence (default: the run's, else 0.5).")
    ] = None,
    refractory: Annotated[
        float | None, typer.Option(min=0, help="Keywords: seconds after one in which there is no other (default: 1).")
    ] = None,
    as_json: Json = False,
    device: Device = "auto",
    *,
    decoding: DecodingOptions,
) -> None:
    """Transcribe or label live sound.

    On a terminal the text grows as it is recognised; into a pipe or file, each finished utterance is a line. A model of
    labels prints a line for each keyword: the second at which its window ends, the label and the confidence. One
    of frames prints each segment as soon as it is over: start, end, label and confidence.
    """
    from crnn_audio import audio
    from crnn_audio.inference.speech.live import show

    asked = threshold is not None or refractory is not None
    if asked and decoding != NONE:
        report("--threshold and --refractory are for keywords, which are found without a decoder.")
        raise typer.Exit(2)
    kinds = ["recognition"] * (not asked) + ["classification"] * (decoding == NONE)
    kinds += ["labelling"] * (decoding == NONE and not asked)
    opened = _loaded(model, device, decoding=decoding, kinds=kinds)
    ways = [opened.detection(threshold, refractory)] if asked else []
    losses = list[audio.Loss]()
    blocks = audio.blocks(source, seconds, raw_rate=rate, on_loss=losses.append, on_warning=report)
    with opened.stream(blocks.sample_rate, *ways) as live:
        show(live, blocks, sys.stdout, as_json=as_json)
    for loss in losses:
        report(str(loss))


def align(
    model: ModelArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help="An audio file; - is standard input.")],
    text: Annotated[Path, typer.Argument(metavar="TEXT", help="A text file with what is said in it.")],
    form: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.textgrid,
    device: Device = "auto",
) -> None:
    """Align a recording with its text.

    Gives the time of each word, for recordings of an hour too. The text is what is said, without what is not.
    """
    from crnn_audio import files
    from crnn_audio.inference.outputs.formats import FORMATS
    from crnn_audio.inference.speech.alignment import align
    from crnn_audio.problems.restore import load

    content = files.read_text(text, DataError, advice="Save it as UTF-8.")
    found = align(load(model, "recognition", device=device), file, content, str(text))
    for message in filter(None, (found.warning, *found.remarks)):
        report(message)
    print(FORMATS[form](found), end="")


def _loaded(
    model: str,
    device: str,
    weights: str = "best",
    decoding: DecodingOptions | None = None,
    kinds: Sequence[str] = ("recognition",),
) -> Any:
    """The model of one of these kinds: without torch where it has such a form and decodes greedily."""
    decoding = decoding or NONE
    greedy = exporting.decodes_greedily(model, decoding)
    live = [kind for kind in kinds if kind != "classification"]  # keywords are found by the run itself
    if greedy and live and (exported := exporting.exported(model, device, weights, *live)) is not None:
        return exported
    if decoding != NONE:
        exporting.refuse(model, "decodes greedily; give the run itself for other ways")
    from crnn_audio.problems.restore import load

    recognizer = load(model, *kinds, device=device, weights=weights)
    if decoding != NONE:
        recognizer = recognizer.with_decoding(decoding, report, language_model(decoding, device))
    if not recognizer.run.finished:
        report(f"{model}: this run is not finished; these are its best weights so far.")
    return recognizer


def _voiced(load: Callable[[], Any], vad: str, device: str) -> Any:
    """A recogniser of what a model of voice activity finds."""
    from crnn_audio.inference.speech.voiced import VoicedTranscriber

    labeller = exporting.exported(vad, device, "best", "labelling")
    if labeller is None:
        from crnn_audio.problems.restore import load as opened

        labeller = opened(vad, "labelling", device=device)
    return VoicedTranscriber(load(), labeller)
