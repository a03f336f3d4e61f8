"""Transcripts of what a model of voice activity takes for speech, and of nothing else, with the times of the recording.

Segments are padded, those near each other joined, and long ones cut, so that pieces fit into a pass. A recording is
read in blocks: memory does not grow with its length.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from crnn_audio import audio
from crnn_audio.audio import Loss, Source
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Hypothesis, Labelled
from crnn_audio.inference.speech.channels import Channels, OneChannel, separate
from crnn_audio.inference.speech.transcription import Engine, Progress

PAD, NEAR = 0.2, 0.6
"""Seconds that are added on each side of a segment, and of pauses within a piece."""
LONGEST = 28.0
"""Seconds of a piece, at most."""
TOGETHER = 120.0
"""Seconds of pieces that are recognised in one pass."""
BLOCK = 60.0

Span = tuple[float, float]


@runtime_checkable
class Voice(Protocol):
    """Finds speech, as a `Labeller` does."""

    def labelled(
        self,
        source: Source,
        options: Any = None,
        progress: Progress | None = None,
        channel: int | None = None,
    ) -> Labelled:
        """The segments of a recording."""


class VoicedTranscriber:
    """A recogniser of any engine, which is given what a labeller takes for speech.

    Args:
        labeller: of voice activity; the segments of all its labels are speech.
    """

    def __init__(self, engine: Engine, labeller: Voice) -> None:
        self.engine = engine
        self.labeller = labeller

    def as_completed(
        self, sources: Sequence[Source], within: Progress | None, channels: Channels
    ) -> Iterator[tuple[int, Hypothesis | DataError]]:
        """Each result or error, with its recording's position."""
        return separate(sources, channels, lambda recordings: self._completed(recordings, within))

    def _completed(
        self, recordings: Sequence[OneChannel], within: Progress | None
    ) -> Iterator[tuple[int, Hypothesis | DataError]]:
        for index, one in enumerate(recordings):
            try:
                yield index, self._transcribe(one, within)
            except DataError as error:
                yield index, error

    def _transcribe(self, recording: OneChannel, within: Progress | None) -> Hypothesis:
        if not isinstance(recording.source, str | Path | bytes) or recording.source == "-":
            raise DataError(f"{recording.name}: is read twice with --vad, so it should be a file.")
        found = self.labeller.labelled(recording.source, progress=within, channel=recording.channel)
        spans = pieces([(one.start, one.end) for one in found.segments], found.seconds)
        losses, results = list[Loss](), list[Hypothesis]()
        with audio.opened(recording.source, recording.channel) as sound:
            rate = self.engine.sample_rate
            blocks = sound.blocks(BLOCK, rate, losses.append)
            for some in _batches(_cut(blocks, spans, rate), round(TOGETHER * rate)):
                results += self._decoded(some)
            remarks = tuple(f"{recording.name}: {remark}." for remark in sound.adjustment.remarks)
        words = tuple(word for one in results for word in one.words)
        return Hypothesis(
            " ".join(one.text for one in results if one.text),
            min((one.confidence for one in results), default=1.0),
            words,
            found.seconds,
            path=str(recording.source) if isinstance(recording.source, str | Path) else None,
            warning=" ".join(map(str, losses)) or None,
            remarks=remarks,
            channel=None if recording.channel is None else recording.channel + 1,
        )

    def _decoded(self, some: Sequence[tuple[float, np.ndarray]]) -> Iterator[Hypothesis]:
        """The transcripts of pieces, with the times of the recording."""
        usable = [(start, wave) for start, wave in some if self.engine.num_frames(len(wave))]
        for (start, wave), path in zip(usable, self.engine.decode([wave for _, wave in usable]), strict=True):
            found = self.engine.hypothesis(path, len(wave) / self.engine.sample_rate)
            words = (replace(word, start=word.start + start, end=word.end + start) for word in found.words)
            yield replace(found, words=tuple(words))


def pieces(segments: Sequence[Span], seconds: float) -> list[Span]:
    """Segments padded, joined where they are near, and cut where they are long; sorted, none overlapping."""
    found = list[Span]()
    for start, end in sorted(segments):
        begin, stop = max(start - PAD, 0.0), min(end + PAD, seconds)
        if found and begin - found[-1][1] < NEAR - 2 * PAD and stop - found[-1][0] <= LONGEST:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            begin = max(begin, found[-1][1]) if found else begin
            found += [(begin, stop)] if stop > begin else []
    return [part for span in found for part in _parts(span)]


def _parts(span: Span) -> Iterator[Span]:
    count = int(np.ceil((span[1] - span[0]) / LONGEST))
    edges = np.linspace(*span, count + 1).tolist()
    yield from pairwise(edges)


def _cut(blocks: Iterator[np.ndarray], spans: Sequence[Span], rate: int) -> Iterator[tuple[float, np.ndarray]]:
    """The sound of each span and where it begins."""
    held, first = np.zeros(0, dtype=np.float32), 0
    for start, end in spans:
        begin, stop = round(start * rate), round(end * rate)
        while first + len(held) < stop and (block := next(blocks, None)) is not None:
            kept = held[max(begin - first, 0) :]
            first += len(held) - len(kept)
            held = np.concatenate([kept, block])
        yield start, held[max(begin - first, 0) : stop - first]


def _batches(parts: Iterator[tuple[float, np.ndarray]], limit: int) -> Iterator[list[tuple[float, np.ndarray]]]:
    held = list[tuple[float, np.ndarray]]()
    for start, wave in parts:
        longest = max([len(wave), *(len(one) for _, one in held)])
        if held and longest * (len(held) + 1) > limit:
            yield held
            held = []
        held.append((start, wave))
    if held:
        yield held
