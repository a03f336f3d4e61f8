"""Recordings through a recogniser: batched by length inside, in the caller's order outside.

Long recordings are transcribed one by one, in bounded memory; damaged files as far as they can be read. What computes
the tokens is an `Engine`: the modules of a run directory, or a graph that was exported. Nothing here needs torch.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from crnn_audio import audio
from crnn_audio.audio import Adjustment, Loss, OnLoss, Sound, Source
from crnn_audio.batching.plan import Batch, PlannedCut, in_order
from crnn_audio.decoding.paths import Path as TokenPath
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech.channels import Channels, OneChannel, separate

BATCH_SECONDS = 120.0
"""Padded seconds in a batch."""
SHORT = 30.0
"""Seconds up to which recordings share a batch; on a CPU two to four of them at once are slower than one by one."""


Progress = Callable[[float], None]
SoFar = Callable[[TokenPath], None]
"""Called now and then with the tokens of what has been read of a recording; those of more begin with them."""


@runtime_checkable
class Reader(Protocol):
    """What reads sound at its sample rate."""

    @property
    def sample_rate(self) -> int:
        """Samples per second of what it reads."""

    def num_frames(self, num_samples: int) -> int:
        """Output frames of so many samples."""


@runtime_checkable
class Engine(Reader, Protocol):
    """What turns sound at its sample rate into tokens."""

    def decode(self, waveforms: Sequence[np.ndarray]) -> list[TokenPath]:
        """The tokens of short recordings, together."""

    def decode_long(
        self, sound: Sound, on_loss: OnLoss, within: Progress | None, so_far: SoFar | None = None
    ) -> tuple[TokenPath, int]:
        """The tokens of a recording of any length, block by block, and the number of its samples."""

    def hypothesis(self, path: TokenPath, seconds: float) -> Hypothesis:
        """The words of a path."""


@dataclass(frozen=True)
class Read:
    """A short recording, and what of it could not be read."""

    recording: OneChannel
    waveform: np.ndarray
    losses: list[Loss]
    remarks: tuple[str, ...]


def as_completed(
    engine: Engine, sources: Sequence[Source], within: Progress | None, channels: Channels
) -> Iterator[tuple[int, Hypothesis | DataError]]:
    """Each transcript or error, with its recording's position, as soon as it is there.

    Long recordings come first, one by one; short ones of like lengths are recognised together, the longest first.
    """
    return separate(sources, channels, lambda recordings: _completed(engine, recordings, within))


def _completed(
    engine: Engine, recordings: Sequence[OneChannel], within: Progress | None
) -> Iterator[tuple[int, Hypothesis | DataError]]:
    seconds = [expected_seconds(one.source) for one in recordings]
    for index, length in enumerate(seconds):
        if length > SHORT:
            yield index, _transcribe_file(engine, recordings[index], within)
    for planned in batched(seconds):
        yield from _transcribe_batch(engine, planned, recordings)


def _transcribe_file(engine: Engine, recording: OneChannel, within: Progress | None) -> Hypothesis | DataError:
    try:
        with audio.opened(recording.source, recording.channel) as sound:
            return transcribe_open(engine, sound, recording, within)
    except DataError as error:
        return error


def transcribe_open(
    engine: Engine,
    sound: Sound,
    recording: OneChannel,
    within: Progress | None = None,
    so_far: SoFar | None = None,
) -> Hypothesis:
    """The transcript of an open recording.

    Raises:
        DataError: it cannot be read, or is too short to hold a frame.
    """
    losses = list[Loss]()
    remarks = sound.adjustment.remarks
    if sound.estimated_seconds <= SHORT:
        waveform = np.concatenate(list(sound.blocks(SHORT, engine.sample_rate, losses.append)))
        require_a_frame(engine, len(waveform), recording)
        return next(_decode(engine, [Read(recording, waveform, losses, remarks)]))
    path, num_samples = engine.decode_long(sound, losses.append, within, so_far)
    require_a_frame(engine, num_samples, recording)
    return _with_source(engine, path, num_samples, recording, losses, remarks)


def _transcribe_batch(
    engine: Engine, planned: Batch, recordings: Sequence[OneChannel]
) -> Iterator[tuple[int, Hypothesis | DataError]]:
    """A batch of short recordings."""
    readable: dict[int, Read] = {}
    for entry in planned:
        try:
            readable[entry.index] = _read(engine, recordings[entry.index])
        except DataError as error:
            yield entry.index, error
    if readable:
        yield from zip(readable, _decode(engine, list(readable.values())), strict=True)


def _read(engine: Engine, recording: OneChannel) -> Read:
    losses, adjusted = list[Loss](), list[Adjustment]()
    waveform, _ = audio.read(
        recording.source,
        engine.sample_rate,
        channel=recording.channel,
        on_loss=losses.append,
        on_adjustment=adjusted.append,
    )
    require_a_frame(engine, len(waveform), recording)
    return Read(recording, waveform, losses, adjusted[0].remarks if adjusted else ())


def _decode(engine: Engine, batch: Sequence[Read]) -> Iterator[Hypothesis]:
    for one, path in zip(batch, engine.decode([one.waveform for one in batch]), strict=True):
        yield _with_source(engine, path, len(one.waveform), one.recording, one.losses, one.remarks)


def require_a_frame(engine: Reader, num_samples: int, recording: OneChannel) -> None:
    """Refuses what is too short.

    Raises:
        DataError: so many samples give no output frame.
    """
    if engine.num_frames(num_samples) == 0:
        milliseconds = 1000 * num_samples / engine.sample_rate
        raise DataError(f"{recording.name}: {milliseconds:.2f} ms is too short to hold any sound.")


def _with_source(
    engine: Engine,
    path: TokenPath,
    num_samples: int,
    recording: OneChannel,
    losses: list[Loss],
    remarks: tuple[str, ...],
) -> Hypothesis:
    return with_source(engine.hypothesis(path, num_samples / engine.sample_rate), recording, losses, remarks)


def with_source(found: Hypothesis, recording: OneChannel, losses: Sequence[Loss], remarks: Sequence[str]) -> Hypothesis:
    """A hypothesis with what is known of its recording."""
    source, channel = recording.source, recording.channel
    return replace(
        found,
        path=str(source) if isinstance(source, str | Path) else None,
        warning=" ".join(map(str, losses)) or None,
        remarks=tuple(f"{recording.name}: {remark}." for remark in remarks),
        channel=None if channel is None else channel + 1,
    )


def batched(seconds: Sequence[float], *, alone: bool = False) -> list[Batch]:
    """Batches of the short recordings of these lengths; with `alone`, before them the others, each by itself."""
    short = [index for index, length in enumerate(seconds) if length <= SHORT]
    batches = in_order([seconds[index] for index in short], budget=BATCH_SECONDS)
    long = [index for index, length in enumerate(seconds) if length > SHORT and alone]
    return [
        *((PlannedCut(index, 1.0, seconds[index]),) for index in long),
        *(tuple(replace(entry, index=short[entry.index]) for entry in batch) for batch in batches),
    ]


def expected_seconds(source: Source) -> float:
    """From the file's header; a pipe, which can be read only once, counts as long."""
    there = isinstance(source, str | Path) and os.path.isfile(source)  # noqa: PTH113 - Path's raises where it may not look
    if there or isinstance(source, bytes):
        try:
            return audio.estimated_seconds(source)
        except DataError:
            return 0.0
    return BATCH_SECONDS
