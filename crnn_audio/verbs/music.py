"""Generate music and text."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from crnn_audio.console import report
from crnn_audio.errors import DataError
from crnn_audio.verbs import texts
from crnn_audio.verbs.arguments import Device, Json, ModelArgument, Weights


def generate(
    model: ModelArgument,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Output folder; without it, text is printed.")] = None,
    num: Annotated[int, typer.Option(min=1, max=10_000, help="Number of pieces.")] = 1,
    primer: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|NOTES|TEXT", help="Primer: a file, note names such as 'C4 E4 G4:2', or (text models) a text."
        ),
    ] = None,
    condition: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Condition such as key=G; may be repeated.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="VOICE=FILE", help="Keep this voice and generate the others; may be repeated."),
    ] = None,
    bars: Annotated[
        int | None, typer.Option(min=1, help="Length in bars (default: until the model ends the piece).")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.001, help="Length in seconds when played.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Maximum number of tokens.")] = None,
    temperature: Annotated[
        float, typer.Option(help="Below 1 more conservative, above 1 more varied; 0 always takes the likeliest.")
    ] = 1.0,
    top_k: Annotated[int, typer.Option(help="Sample from this many of the likeliest tokens; 0: from all.")] = 0,
    top_p: Annotated[float, typer.Option(help="Sample from the likeliest tokens that make up this probability.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the first piece; the others use seed+1, seed+2, ...")] = 0,
    wav: Annotated[bool, typer.Option("--wav", help="Also render sound; needs the extra 'music'.")] = False,
    form: Annotated[
        str | None, typer.Option("--format", metavar="mid|abc|musicxml|json", help="Output format (default: mid).")
    ] = None,
    weights: Annotated[Weights, typer.Option(help="The best on dev, or the last of training.")] = Weights.best,
    as_json: Json = False,
    device: Device = "auto",
) -> None:
    """Generate pieces of music, or text.

    Writes a file of notes and a picture of each piece into DIR, and prints its seed and settings, length and likelihood
    under the model. Text is printed as it is sampled. The same seed and settings give the same piece, alone or among
    others.
    """
    from crnn_audio.decoding.sampling import Sampling
    from crnn_audio.inference.load import composer_of, load
    from crnn_audio.inference.writer import Writer

    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
    music = {
        "condition": _pairs("condition", condition),
        "keep": _pairs("keep", keep),
        "bars": bars,
        "seconds": seconds,
    }
    opened = load(model, device=device, weights=weights.value)
    if isinstance(opened, Writer):
        if unfit := [name for name, value in {**music, "wav": wav, "format": form}.items() if value]:
            report(f"--{unfit[0]} is for music, and {model} generates text.")
            raise typer.Exit(2)
        _say_if_unfinished(model, opened)
        texts.write(opened, model, out, num, primer or "", tokens, sampling, as_json)
        return
    composer = composer_of(opened)
    if out is None:
        report("Missing option '--out', the folder where pieces are written.")
        raise typer.Exit(2)
    _say_if_unfinished(model, composer)
    _write(
        composer, model, out, num, {**music, "primer": primer, "tokens": tokens}, sampling, form or "mid", wav, as_json
    )


def _say_if_unfinished(model: str, opened: Any) -> None:
    if not opened.run.finished:
        report(f"{model}: this run is not finished; these are its best weights so far.")


def _write(
    composer: Any,
    model: str,
    out: Path,
    num: int,
    asked: dict[str, Any],
    sampling: Any,
    form: str,
    wav: bool,
    as_json: bool,
) -> None:
    from crnn_audio.inference.pieces import writing

    names = writing(out, Path(model).name, range(sampling.seed, sampling.seed + num), form=form, wav=wav)
    pieces = composer.generate_many(num, **asked, sampling=sampling)
    for remark in dict.fromkeys(remark for piece in pieces for remark in piece.remarks):
        report(remark)
    for piece, files in zip(pieces, names, strict=True):
        facts = {"path": str(files.notes), **piece.as_json()}
        files.write(piece, facts)
        print(json.dumps(facts) if as_json else _summary(facts))


def _pairs(name: str, given: list[str] | None) -> dict[str, str]:
    pairs = dict[str, str]()
    for one in given or []:
        key, sign, value = one.partition("=")
        if not (sign and key and value):
            raise DataError(f"--{name} {one}: should be a name and a value, such as key=G.")
        if key in pairs:
            raise DataError(f"--{name} {one}: {key} is given twice.")
        pairs[key] = value
    return pairs


def _summary(facts: dict[str, object]) -> str:
    return (
        f"{facts['path']}: {facts['seconds']:.0f} s, {facts['notes']} notes, {facts['nats_per_note']:.2f} nats a note, "
        f"seed {facts['seed']}" + ("" if facts["ended"] else ", not ended by the model")
    )
