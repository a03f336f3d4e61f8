"""Spoken commands: recordings to intents and slots."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from crnn_audio.console import as_json, report
from crnn_audio.errors import DataError
from crnn_audio.verbs.arguments import Device, ModelArgument


def understand(
    model: ModelArgument,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Audio files; - is standard input.")],
    grammar: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What may be said: YAML, JSGF, JSON or a line each (default: that of the model)."
        ),
    ] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="The lowest confidence that is accepted.")] = 0.5,
    live: Annotated[bool, typer.Option("--live", help="Each utterance of one sound, as soon as it ends.")] = False,
    rate: Annotated[int, typer.Option(min=1, help="Samples per second of headerless PCM on stdin, live.")] = 16000,
    device: Device = "auto",
) -> None:
    """Understand spoken commands.

    A JSON object a line: intent, slots, confidence and words; the intent is null where nothing of the grammar was said.
    A file that cannot be read is reported on standard error, and the exit code is 4.
    """
    from crnn_audio.inference.speech.commands import Commander, fields
    from crnn_audio.problems.restore import load

    if live and len(files) > 1:
        report("--live takes one sound: a file, or - for standard input.")
        raise typer.Exit(2)
    commander = Commander(load(model, "recognition", device=device), grammar, threshold)
    failed = False
    results: Any = _live(commander, files[0], rate) if live else _in_order(commander, files)
    for result in results:
        if isinstance(result, DataError):
            report(str(result))
            failed = True
        else:
            print(as_json(fields(result)))
            sys.stdout.flush()
    if failed:
        raise typer.Exit(DataError.exit_code)


def _in_order(commander: Any, files: list[str]) -> Any:
    held: dict[int, Any] = {}
    following = 0
    for index, result in commander.understand(files):
        held[index] = result
        while following in held:
            yield held.pop(following)
            following += 1


def _live(commander: Any, source: str, rate: int) -> Any:
    from crnn_audio import audio

    blocks = audio.blocks(source, 0.32, raw_rate=rate, on_loss=lambda loss: report(str(loss)), on_warning=report)
    with commander.stream(blocks.sample_rate) as stream:
        for block in blocks:
            yield from stream.feed(block).finals
        yield from stream.flush().finals
