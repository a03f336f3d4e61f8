"""N-gram models of text."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from crnn_audio.console import report
from crnn_audio.verbs.arguments import Json


class Unit(StrEnum):
    """What the tokens of a text are."""

    characters = "characters"
    words = "words"


def ngram(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Texts in UTF-8.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="File of the model, in the ARPA format.")] = None,
    order: Annotated[int, typer.Option(min=1, max=10, help="Length of the longest n-grams, in tokens.")] = 3,
    unit: Annotated[
        Unit, typer.Option(help="words: each line is a sentence; characters: each file is one continuous text.")
    ] = Unit.words,
    scored: Annotated[
        Path | None, typer.Option("--score", metavar="FILE", help="Compute the likelihood of this text.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train an n-gram language model of characters or words.

    Interpolated modified Kneser-Ney smoothing: a baseline for networks, and a language model for speech decoders. Words
    are separated by white space. Prints the number of n-grams of each length and, with --score, the nats a token.
    """
    if out is None and scored is None:
        report("Name --out FILE for the model, --score FILE for a text to score, or both.")
        raise typer.Exit(2)
    from crnn_audio.inference.text import ngrams

    to_score = ngrams.read(scored, unit.value) if scored else None
    texts = [ngrams.read(file, unit.value) for file in files]
    for text in [*texts, *([to_score] if to_score else [])]:
        if text.num_blank:
            report(f"{text.path}: blank lines left out: {text.num_blank}.")
        if text.unseen:
            report(f"{text.path}: {text.unseen} removed.")
    model = ngrams.train(texts, order=order, unit=unit.value)
    if out:
        ngrams.write(model, out)
    counts = [len(grams.keys) for grams in model.grams]
    likelihood = ngrams.score(model, to_score) if to_score else None
    if as_json:
        print(json.dumps({"order": order, "unit": unit, "ngrams": counts, **_figures(likelihood, unit, scored)}))
    else:
        print("\n".join(_lines(counts, likelihood, unit, scored)))


def _figures(likelihood: Any, unit: Unit, path: Path | None) -> dict[str, object]:
    if likelihood is None:
        return {}
    each = unit.removesuffix("s")
    return {
        "path": str(path),
        f"nats_per_{each}": likelihood.nats_per_token,
        "perplexity": likelihood.perplexity,
        "tokens": likelihood.num_tokens,
        "unknown": likelihood.num_unknown,
    }


def _lines(counts: list[int], likelihood: Any, unit: Unit, path: Path | None) -> list[str]:
    lines = [f"{length:2}-grams {count:10}" for length, count in enumerate(counts, 1)]
    if likelihood is None:
        return lines
    each = unit.removesuffix("s")
    counted = "words and ends of sentences" if unit == Unit.words else "characters"
    return [
        *lines,
        f"{path}: {likelihood.nats_per_token:.4f} nats a {each}, perplexity {likelihood.perplexity:.4f} "
        f"({likelihood.num_tokens} {counted}, {likelihood.num_unknown} unknown)",
    ]
