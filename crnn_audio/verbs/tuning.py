"""Weights of decoding, chosen on speech that the model did not learn from."""

import json
from typing import Annotated

import typer

from crnn_audio.console import report
from crnn_audio.decoding.options import DecodingOptions
from crnn_audio.verbs.arguments import Device, Json, ModelArgument
from crnn_audio.verbs.decoding import language_model, takes_decoding


@takes_decoding
def tune(
    model: ModelArgument,
    split: Annotated[str, typer.Option(help="The split to choose on.")] = "dev",
    store: Annotated[bool, typer.Option(help="Keep the best decoder in the run, with copies of its files.")] = True,
    as_json: Json = False,
    device: Device = "auto",
    *,
    decoding: DecodingOptions,
) -> None:
    """Choose weights of decoding on dev.

    Prints the word error rate for each combination of the weights of --lm, --lexicon and --hotwords, and the best. The
    run keeps that one, and decodes with it from then on; if greedy decoding is best, it keeps none.
    """
    from crnn_audio.evaluation.tune import best, lines, tune
    from crnn_audio.evaluation.tune import store as keep
    from crnn_audio.problems.restore import load

    opened = load(model, "recognition", device=device)
    points = tune(opened, decoding, split, report, language_model(decoding, device))
    if store:
        keep(opened.run, best(points).options)
        kept = "decodes with these from now on" if not best(points).options.is_greedy else "decodes greedily"
        report(f"{opened.run.path}: {kept}.")
    if not as_json:
        print("\n".join(lines(points)))
        return
    for point in points:
        one = point.options
        weights = (
            {} if one.is_greedy else {name: getattr(one, name) for name in ("lm_weight", "word_score", "hotword_score")}
        )
        print(json.dumps({"wer": point.wer, **weights}))
