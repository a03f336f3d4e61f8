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
from crnn_audio.errors import DataError, RunError
from crnn_audio.files import is_file
from crnn_audio.verbs.arguments import Device, Json, ModelArgument, Weights, WeightsOption
from crnn_audio.verbs.exporting import is_exported

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
    from crnn_audio.inference.translating import problem as problem_of
    from crnn_audio.problems.opening import load

    opened = load(model, "transduction", device=device, weights=weights.value)
    options = _searching(opened, model, beam, nbest)
    if plot and not opened.has_attention:
        report(f"{model} has a fixed context and no attention, so there is nothing to plot.")
        plot = None
    left_out = 0
    with _opened(given) as file:
        lines = _lines(file, given)
        number = 0
        while some := list(islice(lines, BATCH)):
            problems = [problem_of(line, opened.source) for line in some]
            usable = [line for line, problem in zip(some, problems, strict=True) if not problem]
            translated = opened.translate_many(usable, **options)
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


def _searching(opened: Any, model: str, beam: int | None, nbest: int) -> dict[str, Any]:
    """How it is to search, as arguments of a call: of a run, since an exported model writes greedily.

    Raises:
        RunError: an exported model is to search otherwise.
    """
    from dataclasses import replace

    if is_exported(Path(model)):
        if (beam or 1) > 1 or nbest > 1:
            raise RunError(f"{model}: an exported model writes greedily. Leave --beam and --nbest out, or use the run.")
        return {}
    return {"search": replace(opened.search, beam=max(beam or opened.search.beam, nbest), nbest=nbest)}


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
