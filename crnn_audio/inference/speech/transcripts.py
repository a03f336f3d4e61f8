"""Transcribes many recordings to files or standard output, each written as soon as it is complete.

An error with one recording or file is reported, and the others go on. After an interruption, the same call does the
rest.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Protocol, TextIO, runtime_checkable

from crnn_audio import audio, files
from crnn_audio.audio import Source
from crnn_audio.console import one_line
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Hypothesis, Labels
from crnn_audio.inference.outputs.formats import FORMATS, Formats, as_ctm
from crnn_audio.inference.outputs.names import Input
from crnn_audio.inference.outputs.pending import PICTURE, Outputs, Pending
from crnn_audio.inference.outputs.printer import Printer
from crnn_audio.inference.speech.channels import Channels
from crnn_audio.inference.speech.progress import TranscriptionProgress
from crnn_audio.inference.speech.transcription import Progress, expected_seconds

CHUNK_FILES, CHUNK_SECONDS = 256, 900.0
"""Recordings that are sorted by length together, at most; results come in the order of the chunks."""


@runtime_checkable
class Transcriber(Protocol):
    """A recogniser of any engine, or a classifier."""

    def as_completed(
        self, sources: Sequence[Source], within: Progress | None, channels: Channels
    ) -> Iterator[tuple[int, Hypothesis | Labels | DataError]]:
        """Results with the position of their recording, as soon as they are there."""


@runtime_checkable
class Plotter(Protocol):
    """What plots its transcripts."""

    def plot(self, source: Source, path: str | Path, hypothesis: Hypothesis | None) -> Hypothesis:
        """Writes the picture of a transcript."""


@dataclass(frozen=True)
class Results:
    """What is made of recordings: its formats, and what messages call the making and what is made."""

    formats: Formats
    making: str
    made: str


TRANSCRIPTS = Results(FORMATS, "transcribing", "transcribed")


@dataclass(frozen=True)
class Done:
    """The result of one recording: text, or an error, or both where its text could not be written."""

    input: Input
    hypothesis: Hypothesis | Labels | None
    error: DataError | None = None


def run(
    pending: Pending,
    outputs: Outputs,
    load: Callable[[], Transcriber],
    report: Callable[[str], None],
    stdout: TextIO,
    channels: Channels = "mix",
    kind: Results = TRANSCRIPTS,
) -> int:
    """Transcribes what is pending, writes the files, prints the results and reports errors; the number of errors.

    Args:
        load: opens the model; called only if there is something to transcribe.
        report: shows a message to the user.
        kind: of the results that the model gives.
    """
    recognizer = load() if pending.inputs else None
    if pending.num_stale:
        stale = f"{pending.num_stale} of the recordings were done by another model or with other channels"
        report(f"{outputs.home}: {stale}, and are done anew.")
    seconds = sum(expected_seconds(one.path) for one in pending.inputs)
    progress = TranscriptionProgress(len(pending.inputs), seconds, kind.making)
    printer = Printer("" if outputs.out else outputs.formats[0], stdout, kind.formats, named=len(pending.inputs) > 1)
    results = _Results(report, printer, progress, kind.made)
    for problem in pending.problems:
        results.fail(problem)
    try:
        with printer, progress:
            if recognizer:
                transcribe(recognizer, pending.inputs, outputs, results.add, progress, channels, kind)
    except KeyboardInterrupt:
        if outputs.out:
            report("Stopped. Finished results are kept; the same command does the rest.")
        raise
    if outputs.home:
        report(f"{outputs.home}: {results.summary(pending.num_done)}")
    return results.num_failed


class _Results:
    """Passes results on to standard output and errors to the user, and counts both."""

    def __init__(
        self, report: Callable[[str], None], printer: Printer, progress: TranscriptionProgress, made: str
    ) -> None:
        self.report = report
        self.made = made
        self.printer = printer
        self.progress = progress
        self.num_failed = self.num_done = self.num_lost = 0

    def add(self, done: Done) -> None:
        if done.hypothesis and self.printer.form:
            with self.progress.bar.aside():
                self.printer.put(done.hypothesis, done.input.name)
        if done.hypothesis:
            self.num_lost += done.hypothesis.warning is not None
            for message in filter(None, (done.hypothesis.warning, *done.hypothesis.remarks)):
                with self.progress.bar.aside():
                    self.report(one_line(message))
        if done.error:
            with self.progress.bar.aside():
                self.fail(done.error)
        else:
            self.num_done += 1

    def fail(self, problem: DataError) -> None:
        self.num_failed += 1
        self.report(one_line(str(problem)))

    def summary(self, num_earlier: int) -> str:
        sound, rate = self.progress.seconds_done, self.progress.rate
        parts = [f"{self.num_done} {self.made} ({sound:.1f} s of sound, {rate:.0f}x real time)" * (self.num_done > 0)]
        parts += [f"{self.num_lost} of them incomplete" * (self.num_lost > 0)]
        parts += [f"{num_earlier} done before" * (num_earlier > 0), f"{self.num_failed} failed" * (self.num_failed > 0)]
        return ", ".join(filter(None, parts)) or "nothing to do"


def transcribe(
    recognizer: Transcriber,
    inputs: Sequence[Input],
    outputs: Outputs,
    done: Callable[[Done], None],
    progress: TranscriptionProgress,
    channels: Channels = "mix",
    kind: Results = TRANSCRIPTS,
) -> None:
    """Transcribes recordings and writes their files, each as soon as its batch is done.

    Args:
        done: called for every recording in their order, as early as that allows; on an interruption, for all finished.
    """
    for chunk in _chunks(inputs):
        sources = [audio.rereadable(one.path) if outputs.plots else one.path for one in chunk]
        finished: dict[int, Done] = {}
        reported = 0
        try:
            for index, result in recognizer.as_completed(sources, progress.within, channels):
                finished[index] = _written(recognizer, sources[index], chunk[index], result, outputs, kind)
                progress.finished(0.0 if isinstance(result, DataError) else result.seconds)
                while reported in finished:
                    done(finished.pop(reported))
                    reported += 1
        finally:
            for index in sorted(finished):
                done(finished[index])


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


def _written(
    recognizer: Transcriber,
    source: Source,
    one: Input,
    result: Hypothesis | Labels | DataError,
    outputs: Outputs,
    kind: Results,
) -> Done:
    if isinstance(result, DataError):
        return Done(one, None, result)
    hypothesis = replace(result, path=one.path)
    failed: dict[Path, OSError] = {}
    for form, path in outputs.paths(one.name).items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if form == PICTURE:
                assert isinstance(recognizer, Plotter), "a recogniser"
                assert isinstance(hypothesis, Hypothesis), "a transcript"
                recognizer.plot(source, path, hypothesis)
            else:
                files.write_bytes(path, _content(hypothesis, form, one.name, kind.formats))
        except OSError as error:
            failed[path] = error
        except DataError as error:  # the recording was removed in the meantime
            return Done(one, hypothesis, error)
    if not failed:
        return Done(one, hypothesis)
    reason = ", ".join({error.strerror or str(error): None for error in failed.values()})
    return Done(one, hypothesis, DataError(f"{', '.join(map(str, failed))}: cannot be written ({reason})."))


def _content(hypothesis: Hypothesis | Labels, form: str, name: str, formats: Formats) -> bytes:
    if isinstance(hypothesis, Hypothesis) and form == "ctm":
        text = as_ctm(hypothesis, PurePosixPath(name).name)
    else:
        text = formats[form](hypothesis)
    return text.encode("utf-8", "backslashreplace")  # names of files may hold bytes that are no letters
