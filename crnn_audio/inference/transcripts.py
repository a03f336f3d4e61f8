"""Many recordings to files or to standard output: each result is written whole as soon as it is there.

What goes wrong with one recording or one file is told, and the others go on; whoever stops in the middle keeps what is
done, and the same call does the rest.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TextIO

from crnn_audio import audio, files
from crnn_audio.audio import Source
from crnn_audio.console import one_line
from crnn_audio.errors import DataError
from crnn_audio.inference.formats import FORMATS, as_ctm
from crnn_audio.inference.inputs import Input
from crnn_audio.inference.outputs import PICTURE, Outputs, Plan
from crnn_audio.inference.printing import Printer
from crnn_audio.inference.progress import TranscriptionProgress
from crnn_audio.inference.recognizer import Recognizer, expected_seconds
from crnn_audio.types import Hypothesis

CHUNK_FILES, CHUNK_SECONDS = 256, 900.0
"""Recordings that are sorted by length together, at most; results come in the order of the chunks."""


@dataclass(frozen=True)
class Done:
    """What became of one recording: text, or an error, or both where its text could not be written."""

    input: Input
    hypothesis: Hypothesis | None
    error: DataError | None = None


def run(
    plan: Plan, outputs: Outputs, load: Callable[[], Recognizer], say: Callable[[str], None], stdout: TextIO
) -> int:
    """Transcribes what is planned, writes the files, prints the results, says what went wrong, and how often.

    Args:
        load: opens the model; called only if there is something to transcribe.
    """
    recognizer = load() if plan.inputs else None
    progress = TranscriptionProgress(len(plan.inputs), sum(expected_seconds(one.path) for one in plan.inputs))
    printer = Printer("" if outputs.out else outputs.formats[0], stdout, named=len(plan.inputs) > 1)
    report = _Report(say, printer, progress)
    for problem in plan.problems:
        report.refuse(problem)
    try:
        with printer, progress:
            if recognizer:
                transcribe(recognizer, plan.inputs, outputs, report.tell, progress)
    except KeyboardInterrupt:
        if outputs.out:
            say("Stopped. What was done is kept, and the same call does the rest.")
        raise
    if outputs.home:
        say(f"{outputs.home}: {report.summary(plan.num_done)}")
    return report.num_failed


class _Report:
    """Passes results on to standard output and errors to the person, and counts both."""

    def __init__(self, say: Callable[[str], None], printer: Printer, progress: TranscriptionProgress) -> None:
        self.say = say
        self.printer = printer
        self.progress = progress
        self.num_failed = self.num_done = self.num_lost = 0

    def tell(self, done: Done) -> None:
        if done.hypothesis and self.printer.form:
            with self.progress.bar.aside():
                self.printer.put(done.hypothesis, done.input.name)
        if done.hypothesis and done.hypothesis.warning:
            self.num_lost += 1
            with self.progress.bar.aside():
                self.say(one_line(done.hypothesis.warning))
        if done.error:
            with self.progress.bar.aside():
                self.refuse(done.error)
        else:
            self.num_done += 1

    def refuse(self, problem: DataError) -> None:
        self.num_failed += 1
        self.say(one_line(str(problem)))

    def summary(self, num_earlier: int) -> str:
        sound, rate = self.progress.seconds_done, self.progress.rate
        parts = [f"{self.num_done} transcribed ({sound:.1f} s of sound, {rate:.0f}x real time)" * (self.num_done > 0)]
        parts += [f"{self.num_lost} of them not whole" * (self.num_lost > 0)]
        parts += [f"{num_earlier} done before" * (num_earlier > 0), f"{self.num_failed} failed" * (self.num_failed > 0)]
        return ", ".join(filter(None, parts)) or "nothing to do"


def transcribe(
    recognizer: Recognizer,
    inputs: Sequence[Input],
    outputs: Outputs,
    tell: Callable[[Done], None],
    progress: TranscriptionProgress,
) -> None:
    """Transcribes recordings and writes their files, each as soon as its batch is done.

    Args:
        tell: called for every recording, in their order, as early as that allows; at an interruption, for all done.
    """
    for chunk in _chunks(inputs):
        sources = [_held(one.path) if outputs.plots else one.path for one in chunk]
        finished: dict[int, Done] = {}
        told = 0
        try:
            for index, result in recognizer.as_done(sources, progress.within):
                finished[index] = _written(recognizer, sources[index], chunk[index], result, outputs)
                progress.finished(0.0 if isinstance(result, DataError) else result.seconds)
                while told in finished:
                    tell(finished.pop(told))
                    told += 1
        finally:
            for index in sorted(finished):
                tell(finished[index])


def _chunks(inputs: Sequence[Input]) -> Iterator[list[Input]]:
    chunk: list[Input] = []
    seconds = 0.0
    for one in inputs:
        chunk.append(one)
        seconds += expected_seconds(one.path)
        if len(chunk) == CHUNK_FILES or seconds >= CHUNK_SECONDS:
            yield chunk
            chunk, seconds = [], 0.0
    if chunk:
        yield chunk


@dataclass(frozen=True)
class Held:
    """The sound of a pipe, which can be read but once, kept for the picture: each `read` gives all of it."""

    name: str
    content: bytes

    def read(self, size: int = -1, /) -> bytes:
        """All of it."""
        return self.content


def _held(path: str) -> Source:
    if path != "-" and (os.path.isfile(path) or not os.path.exists(path)):  # noqa: PTH110, PTH113
        return path
    try:
        return Held(audio.name_of(path), sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes())
    except OSError:
        return path  # who reads it next will say what is wrong


def _written(
    recognizer: Recognizer, source: Source, one: Input, result: Hypothesis | DataError, outputs: Outputs
) -> Done:
    if isinstance(result, DataError):
        return Done(one, None, result)
    hypothesis = replace(result, path=one.path)
    failed: dict[Path, OSError] = {}
    for form, path in outputs.paths(one.name).items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if form == PICTURE:
                recognizer.plot(source, path, hypothesis)
            else:
                files.write_bytes(path, _content(hypothesis, form, one.name))
        except OSError as error:
            failed[path] = error
        except DataError as error:  # the recording went away since it was heard
            return Done(one, hypothesis, error)
    if not failed:
        return Done(one, hypothesis)
    reason = ", ".join({error.strerror or str(error): None for error in failed.values()})
    return Done(one, hypothesis, DataError(f"{', '.join(map(str, failed))}: cannot be written ({reason})."))


def _content(hypothesis: Hypothesis, form: str, name: str) -> bytes:
    text = as_ctm(hypothesis, PurePosixPath(name).name) if form == "ctm" else FORMATS[form](hypothesis)
    return text.encode("utf-8", "backslashreplace")  # names of files may hold bytes that are no letters
