"""Trained models: scored, and shipped."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from crnn_audio.console import report
from crnn_audio.decoding.options import NONE, DecodingOptions
from crnn_audio.verbs.arguments import Device, Json, ModelArgument, Root, Weights, WeightsOption
from crnn_audio.verbs.decoding import language_model, takes_decoding


@takes_decoding
def evaluate(
    model: ModelArgument,
    split: Annotated[
        str | None, typer.Option(help="train, dev or test (default: test, or dev where there is no test).")
    ] = None,
    corpus: Annotated[
        str | None, typer.Option(help="Another corpus; 'manifests' with --root for a folder of recordings.")
    ] = None,
    root: Root = None,
    weights: WeightsOption = Weights.best,
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst utterances or pieces to list.")] = 5,
    noise: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Models of sound: add these recordings as noise, at --snr.")
    ] = None,
    snr: Annotated[float, typer.Option(help="Ratio of sound to noise, in decibels.")] = 10.0,
    reverberation: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Models of sound: convolve with these impulse responses.")
    ] = None,
    background: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keywords: a folder of sound without any, for false alarms.")
    ] = None,
    false_alarms: Annotated[float, typer.Option(min=0, help="Keywords: tolerated false alarms an hour.")] = 0.5,
    plot: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Plot what there is to see of the scores, such as confusions.")
    ] = None,
    record: Annotated[bool, typer.Option(help="Write the score into results.json beside the recipe.")] = False,
    as_json: Json = False,
    device: Device = "auto",
    *,
    decoding: DecodingOptions,
) -> None:
    """Score a model on a split.

    Speech: word and character error rate with counts and a 95 % interval, and the worst utterances. Labels: accuracy,
    and each class by itself; with --background also the threshold at which keywords in a stream give no more false
    alarms than tolerated, and how many are missed then; that of dev is kept for `stream`. Music and text: the
    likelihood under the model, beside baselines or what it generates. --record with a decoder adds a row of its own.
    """
    distorted = noise is not None or reverberation is not None
    if record and (distorted or corpus):
        report("--record is for the model's own corpus as it is: leave out --noise, --reverberation and --corpus.")
        raise typer.Exit(2)
    from crnn_audio.console import ProgressBar
    from crnn_audio.evaluation.evaluate import evaluate, require_options
    from crnn_audio.evaluation.results import record as write
    from crnn_audio.evaluation.results import recordable
    from crnn_audio.metrics.scores import save_pictures
    from crnn_audio.problems import ScoreOptions
    from crnn_audio.problems.restore import load

    opened = load(model, device=device, weights=weights.value)
    unusual = {"distortion": distorted, "decoder": decoding != NONE, "background": background is not None}
    require_options(opened, [name for name, asked in unusual.items() if asked])
    if decoding != NONE:
        opened = opened.with_decoding(decoding, report, language_model(decoding, device))
    used = getattr(opened, "decoding", NONE)
    if record:
        recordable(opened, used)
    distortion = _distortion(noise, snr, reverberation, opened.sample_rate) if distorted else None
    decoder = getattr(opened, "decoder", None)
    options = ScoreOptions(distortion=distortion, decoder=decoder, background=background, false_alarms=false_alarms)
    with ProgressBar() as progress:
        scores = evaluate(opened, split, corpus=corpus, root=root, options=options, progress=progress)
    if split is None and scores.split != "test" and not corpus:
        report(f"{scores.corpus} has no test split; this is {scores.split}, by which training chose the weights.")
    if background and scores.split == "dev":
        opened.run.choose(scores.kept)
        report(f"{opened.run.path}: `crnn-audio stream` takes this threshold from now on.")
    if record:  # before anything is printed into a pipe that may be closed
        report(f"Recorded in {write(opened, scores, weights.value, used)}.")
    if plot:
        for path in save_pictures(scores.pictures, plot):
            report(f"Plotted {path}.")
    print(json.dumps(scores.as_json()) if as_json else "\n".join(scores.lines(model, worst)))


def _distortion(noise: Path | None, snr: float, reverberation: Path | None, sample_rate: int) -> Any:
    from crnn_audio.corpora import home
    from crnn_audio.features.distort import Distortion

    return Distortion(
        sample_rate,
        noise_probability=1.0 if noise else 0.0,
        snr_db=(snr, snr),
        noises=home.sounds(noise, sample_rate) if noise else (),
        reverberation_probability=1.0 if reverberation else 0.0,
        responses=home.sounds(reverberation, sample_rate) if reverberation else (),
    )


def publish(
    model: ModelArgument,
    out: Annotated[Path, typer.Option(help="The new folder; its name is the model's.")],
    root: Root = None,
    weights: WeightsOption = Weights.best,
) -> None:
    """Copy a finished run, small, to ship it.

    Half-precision weights and no training state; the copy is scored, and a model card is written into it.
    """
    from crnn_audio.console import ProgressBar
    from crnn_audio.evaluation.publish import publish
    from crnn_audio.metrics.scores import worded

    with ProgressBar() as progress:
        published = publish(model, out, root=root, weights=weights.value, progress=progress)
    for one in published.scores:
        found = ", ".join(worded(metric, value) for metric, value in one.metrics.items())
        print(f"{out} on {one.corpus} {one.split}: {found}")
    if "test" not in {one.split for one in published.scores}:
        report(f"{published.scores[0].corpus} has no test split; the model card has scores on dev alone.")
    which = ", with the weights at the end of training" if published.weights == "last" else ""
    report(f"{out}: {published.num_bytes / 1e6:.1f} MB{which}. Its model card is {out / 'README.md'}.")
