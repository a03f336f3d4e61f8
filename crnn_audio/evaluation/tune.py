"""Weights of a decoder, chosen on a split that the model did not learn from: every combination is tried.

The network computes each batch once; what it gave is decoded again with other weights.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from crnn_audio import runs
from crnn_audio.decoding import carried
from crnn_audio.decoding.options import DecodingOptions
from crnn_audio.errors import DataError
from crnn_audio.evaluation.evaluate import Model, score
from crnn_audio.problems import ScoreOptions
from crnn_audio.problems.restore import restore
from crnn_audio.runs import Run

LM_WEIGHTS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
WORD_SCORES = (-1.0, 0.0, 1.0, 2.0)
HOTWORD_SCORES = (0.5, 0.75, 1.0, 1.3)


@dataclass(frozen=True)
class Point:
    """Settings, and the error rate with them: a fraction of the words."""

    options: DecodingOptions
    wer: float


def tune(
    model: Model,
    options: DecodingOptions,
    split: str = "dev",
    report: Callable[[str], None] = print,
    language_model: Any = None,
) -> list[Point]:
    """The word error rate for each combination of weights that matters to these options, greedy decoding first.

    Raises:
        DataError: the options have no weights, the model learned from the split, or there is none of that name.
        RunError: the model is not one of speech.
    """
    restored = restore(model.run)
    model.run.require("recognition")
    data = restored.problem.data(restored.recipe)
    if split not in data.held_out:
        raise DataError(f"{model.run.path}: learned from {split}, so weights cannot be chosen on it.")
    candidates = list(_candidates(options))
    opened: Any = model
    with _remembered(model.task):
        found = list[Point]()
        for one in [DecodingOptions(greedy=True), *candidates]:
            decoder = opened.with_decoding(
                one, report if not found else _quiet, None if one.greedy else language_model
            ).decoder
            scores = score(model, restored, restored.recipe, data, split, ScoreOptions(decoder=decoder))
            found.append(Point(one, scores.metrics["wer"]))
    return found


def _quiet(message: str) -> None:
    """Says once what is the same for all."""


def _candidates(options: DecodingOptions) -> Iterator[DecodingOptions]:
    """The options with each combination of their weights."""
    grids: dict[str, Sequence[float]] = {}
    if options.lm:
        grids["lm_weight"] = LM_WEIGHTS
    if options.lm or options.lexicon:
        grids["word_score"] = WORD_SCORES
    if options.hotwords:
        grids["hotword_score"] = HOTWORD_SCORES
    if not grids:
        raise DataError("there is nothing to tune: give an n-gram, a lexicon or expected words.")
    for values in product(*grids.values()):
        weights: dict[str, Any] = dict(zip(grids, values, strict=True))
        yield replace(options, **weights)


@contextmanager
def _remembered(task: Any) -> Iterator[None]:
    """Within this, what a task computed for the batches of a first pass is given again in the passes after it."""
    compute, kept = task.forward, dict[tuple[int, ...], Any]()

    def forward(audio: Any) -> Any:
        key = (*audio.waveforms.shape, *audio.lengths.tolist(), hash(audio.waveforms.cpu().numpy().tobytes()))
        if key not in kept:
            kept[key] = compute(audio)
        return kept[key]

    task.forward = forward
    try:
        yield
    finally:
        del task.forward


def store(run: Run, options: DecodingOptions) -> None:
    """Makes options the run's own, with copies of their files; greedy ones take what it had away.

    Raises:
        RunError: the folder cannot be written.
    """
    with runs.writing(run.path):
        carried.save(options, run.path)


def best(points: Sequence[Point]) -> Point:
    """The lowest error rate; of equal ones the first."""
    return min(points, key=lambda point: point.wer)


def lines(points: Sequence[Point]) -> Iterator[str]:
    """The surface for people: a line for each combination, and the best one as options of the command line."""
    for point in points:
        yield f"{100 * point.wer:6.2f} %  {_flags(point.options) or 'greedy'}"
    yield f"best: {_flags(best(points).options) or 'greedy'}"


def _flags(options: DecodingOptions) -> str:
    """The weights as options of the command line, those at their defaults too."""
    names = ["lm_weight"] * bool(options.lm) + ["word_score"] * bool(options.lm or options.lexicon)
    names += ["hotword_score"] * bool(options.hotwords)
    return " ".join(f"--{name.replace('_', '-')} {getattr(options, name):g}" for name in names)
