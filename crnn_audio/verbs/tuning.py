"""Weights of decoding, chosen on speech that the model did not learn from."""

import json
from typing import Annotated

import typer

from crnn_audio.console import report
from crnn_audio.decoding.options import DecodingOptions
from crnn_audio.verbs.arguments import Device, Json, ModelArgument
from crnn_audio.verbs.decoding import takes_decoding


@takes_decoding
def tune(
    model: ModelArgument,
    split: Annotated[str, typer.Option(help="The split to choose on.")] = "dev",
    as_json: Json = False,
    device: Device = "auto",
    *,
    decoding: DecodingOptions,
) -> None:
    """Choose weights of decoding on dev.

    Prints the word error rate for each combination of the weights of --lm, --lexicon and --hotwords, and the best.
    """
    from crnn_audio.evaluation.tune import lines, tune
    from crnn_audio.problems.restore import load

    points = tune(load(model, "recognition", device=device), decoding, split, report)
    if not as_json:
        print("\n".join(lines(points)))
        return
    for point in points:
        one = point.options
        weights = (
            {} if one.greedy else {name: getattr(one, name) for name in ("lm_weight", "word_score", "hotword_score")}
        )
        print(json.dumps({"wer": point.wer, **weights}))
