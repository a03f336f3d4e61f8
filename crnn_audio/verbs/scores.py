"""Score trained models, and publish them."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from crnn_audio.console import ProgressBar, report
from crnn_audio.verbs import texts
from crnn_audio.verbs.arguments import Device, Json, ModelArgument, Root, Weights


def evaluate(
    model: ModelArgument,
    split: Annotated[
        str | None, typer.Option(help="train, dev or test (default: test, or dev without a test split).")
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(help="Another corpus (speech only); 'manifests' with --root for a prepared folder."),
    ] = None,
    root: Root = None,
    weights: Annotated[Weights, typer.Option(help="The best on dev, or the last of training.")] = Weights.best,
    worst: Annotated[int, typer.Option(min=0, help="Number of worst utterances to show.")] = 5,
    noise: Annotated[Path | None, typer.Option(metavar="DIR", help="Add these recordings as noise, at --snr.")] = None,
    snr: Annotated[float, typer.Option(help="Signal-to-noise ratio in decibels.")] = 10.0,
    rooms: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Convolve each utterance with one of these impulse responses."),
    ] = None,
    text: Annotated[Path | None, typer.Option(metavar="FILE", help="Score this UTF-8 text (text models only).")] = None,
    following: Annotated[
        str | None,
        typer.Option("--next", metavar="TEXT", help="List likely next tokens (text models only)."),
    ] = None,
    record: Annotated[bool, typer.Option(help="Write the score into results.json beside the recipe.")] = False,
    as_json: Json = False,
    device: Device = "auto",
) -> None:
    """Score a model on a split.

    Speech: word and character error rates with counts and a 95 % confidence interval, and the worst utterances. Music
    and text: the likelihood under the model.
    """
    if text is not None or following is not None:
        if record or split or (text is not None and following is not None):
            report("--text and --next stand alone: neither of a split, nor recorded, nor both.")
            raise typer.Exit(2)
        texts.weigh(model, text, following, weights=weights.value, device=device, as_json=as_json)
        return
    from crnn_audio.config import commands
    from crnn_audio.inference.evaluate import evaluate, lines
    from crnn_audio.inference.load import load
    from crnn_audio.inference.results import record as write
    from crnn_audio.inference.results import recordable

    opened = load(model, device=device, weights=weights)
    distortion = _conditions(noise, snr, rooms, opened.run.speech.features.sample_rate) if noise or rooms else None
    if record:
        if distortion or corpus:
            report("--record is for scores of a run's own corpus as it is: no --noise, --rooms or --corpus.")
            raise typer.Exit(2)
        recordable(opened)
    with ProgressBar() as progress:
        found = evaluate(opened, split, corpus=corpus, root=root, distortion=distortion, progress=progress)
    if split is None and found.split != "test" and not corpus:
        report(f"{found.corpus} has no test split; this is {found.split}, which training looked at to choose weights.")
    if record:  # before anything is printed into a pipe that may be closed
        command = commands.command(["evaluate", model, "--split", found.split, "--weights", weights.value])
        report(f"Recorded in {write(opened, found, command)}.")
    if as_json:
        print(json.dumps(found.as_json()))
    else:
        print("\n".join(lines(found, model, worst)))


def _conditions(noise: Path | None, snr: float, rooms: Path | None, sample_rate: int) -> Any:
    from crnn_audio.corpora import home
    from crnn_audio.features.distort import Distortion

    return Distortion(
        sample_rate,
        noise_share=1.0 if noise else 0.0,
        snr_db=(snr, snr),
        noises=home.sounds(noise, sample_rate) if noise else (),
        room_share=1.0 if rooms else 0.0,
        responses=home.sounds(rooms, sample_rate) if rooms else (),
    )


def publish(
    model: ModelArgument,
    out: Annotated[Path, typer.Option(help="The new folder, named like the model.")],
    root: Root = None,
    weights: Annotated[Weights, typer.Option(help="The best on dev, or the last of training.")] = Weights.best,
) -> None:
    """Export a finished run as a small folder to share.

    The weights are in half precision, without training state. The copy is scored and gets a model card.
    """
    from crnn_audio.inference.publish import publish
    from crnn_audio.metrics.scores import worded

    with ProgressBar() as progress:
        published = publish(model, out, root=root, weights=weights, progress=progress)
    for one in published.scores:
        found = ", ".join(worded(metric, score) for metric, score in one.scores.items())
        print(f"{out} on {one.corpus} {one.split}: {found}")
    if "test" not in {one.split for one in published.scores}:
        report(f"{published.scores[0].corpus} has no test split; the model card has scores on dev alone.")
    which = ", with the weights at the end of training" if published.weights == "last" else ""
    report(f"{out}: {published.num_bytes / 1e6:.1f} MB{which}. Its model card is {out / 'README.md'}.")
