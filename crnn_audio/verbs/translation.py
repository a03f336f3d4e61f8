"""Texts into other texts."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from crnn_audio.console import report
from crnn_audio.errors import DataError
from crnn_audio.files import is_file
from crnn_audio.verbs.arguments import Device, Json, ModelArgument, Weights, WeightsOption

BATCH = 64
"""Lines that are read before the first of them is printed."""
LONGEST_LINE = 1_000_000


def translate(
    model: ModelArgument,
    given: Annotated[
        str, typer.Argument(metavar="TEXT|FILE|-", help="A text, a file of one text a line, or - for standard input.")
    ] = "-",
    beam: Annotated[int | None, typer.Option(min=1, max=1000, help="Hypotheses kept side by side (1: greedy).")] = None,
    nbest: Annotated[int, typer.Option(min=1, max=1000, help="How many alternatives of each to print.")] = 1,
    plot: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw where the decoder looked for each token.")
    ] = None,
    weights: WeightsOption = Weights.best,
    as_json: Json = False,
    device: Device = "auto",
) -> None:
    """Turn texts into others, line by line.

    Spellings become sounds, sentences those of another language. Prints a line for each, an empty one where a line is
    empty or too long; with --nbest several, each with its source and its log-probability, separated by tabs.
    """
    from dataclasses import replace

    from crnn_audio.problems.restore import load

    opened = load(model, "transduction", device=device, weights=weights.value)
    search = replace(opened.search, beam=max(beam or opened.search.beam, nbest), nbest=nbest)
    if plot and opened.task.model.head.attention is None:
        report(f"{model} has a fixed context and no attention, so there is nothing to plot.")
        plot = None
    left_out = 0
    with _opened(given) as file:
        lines = _lines(file, given)
        number = 0
        while some := list(islice(lines, BATCH)):
            problems = [opened.problem(line) for line in some]
            usable = [line for line, problem in zip(some, problems, strict=True) if not problem]
            translated = opened.translate_many(usable, search)
            for problem in problems:
                number += 1
                left_out += problem is not None
                if problem:
                    report(f"line {number}: {problem}")
                    print(json.dumps({"source": some[(number - 1) % BATCH], "error": problem}) if as_json else "")
                    continue
                found = next(translated)
                for remark in found.remarks:
                    report(f"line {number}: {remark}")
                print("\n".join(_shown(found, nbest, as_json)), flush=True)
                if plot:
                    from crnn_audio.inference import transducer_plots

                    transducer_plots.save(plot / f"{number:05d}.png", found)
    if left_out:
        raise typer.Exit(DataError.exit_code)


def _shown(found: Any, nbest: int, as_json: bool) -> list[str]:
    if as_json:
        return [json.dumps(found.as_json(), ensure_ascii=False)]
    if nbest == 1:
        return [found.text]
    return [f"{found.source}\t{one.text}\t{one.log_prob:.4f}" for one in found.nbest]


def _opened(given: str) -> AbstractContextManager[io.TextIOBase]:
    if given == "-":
        return nullcontext(cast(io.TextIOBase, sys.stdin))
    return Path(given).open(encoding="utf-8-sig") if is_file(given) else nullcontext(io.StringIO(given))


def _lines(file: io.TextIOBase, name: str) -> Iterator[str]:
    """The lines of a file, read as they come.

    Raises:
        DataError: it is not UTF-8, or has no lines.
    """
    shown, number = "standard input" if name == "-" else name, 0
    try:
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise DataError(f"{shown}, line {number}: more than {LONGEST_LINE:,} characters. Cut it into lines.")
            yield line.rstrip("\r\n")
    except UnicodeDecodeError:
        raise DataError(f"{shown}: is not UTF-8.") from None
