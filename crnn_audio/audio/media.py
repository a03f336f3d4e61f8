"""Formats of phones and browsers (M4A, MP4, WebM, AAC, AMR, ...), by PyAV, which the extra `media` installs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from crnn_audio.audio.decoders import Damage
from crnn_audio.audio.kinds import Kind
from crnn_audio.errors import DataError

if TYPE_CHECKING:
    from av import AudioFrame

GAP_SECONDS = 0.1
"""Time stamps that leave out more than this are of sound that is lost; some containers round them to milliseconds."""
LONGEST_GAP = 3600.0
"""Seconds; time stamps that leave out more are wrong."""
MOST_FAILURES = 1000
"""Packets that cannot be decoded, after which a file is given up."""


def refuse_without_av(name: str, kind: Kind) -> None:
    """Stops where PyAV is not installed.

    Raises:
        DataError: names the format and the extra.
    """
    try:
        import av  # noqa: F401
    except ImportError:
        advice = "pip install 'crnn-audio[media]', or convert it: ffmpeg -i FILE FILE.wav"
        raise DataError(f"{name}: {kind.name}, which is read with the extra `media` (PyAV): {advice}") from None


class Media:
    """The sound of a file or stream, by FFmpeg: its best sound track, timed from where the file begins.

    Args:
        source: a binary file; one that cannot seek is read once.
        breaks_off: whether the container says that more should follow.

    Raises:
        DataError: it cannot be read, or has no sound.
    """

    def __init__(self, source: Any, name: str, kind: Kind, *, breaks_off: bool = False) -> None:
        refuse_without_av(name, kind)
        self.source = source
        self.name = name
        self.kind = kind
        self.breaks_off = breaks_off
        self.holes: list[tuple[int, int]] = []
        self._container: Any = None
        self._count: int | None = None
        self._frames = self._opened()
        self._position = 0
        first = next(self._frames, None)
        if first is None:
            raise DataError(f"{name}: {kind.name} without a single sample that can be decoded.")
        self._first: AudioFrame | None = first
        self.sample_rate = int(first.sample_rate)
        self.num_channels = len(first.layout.channels)
        self._layout = first.layout
        self.format = f"{kind.name} {str(self._track.codec_context.name).upper()}"

    def _opened(self) -> "Iterator[AudioFrame]":
        import av

        self.close()
        av.logging.set_level(None)
        try:
            if self._can_seek:
                self.source.seek(0)
            # The demuxer is named, since some would follow addresses in a file.
            self._container = av.open(self.source, format=self.kind.demuxer, metadata_errors="ignore")
            self._track: Any = self._container.streams.best("audio")
        except _errors() as error:
            raise DataError(f"{self.name}: damaged {self.kind.name} ({_reason(error)}).") from None
        if self._track is None:
            raise DataError(f"{self.name}: {self.kind.name} without sound.")
        return self._decoded()

    @property
    def _can_seek(self) -> bool:
        return not hasattr(self.source, "seekable") or bool(self.source.seekable())

    def _decoded(self) -> "Iterator[AudioFrame]":
        """All frames; packets that cannot be decoded are left out."""
        self._damage, failures = "", 0
        packets = self._container.demux(self._track)
        while failures < MOST_FAILURES:
            try:
                frames = next(packets).decode()
            except StopIteration:
                return
            except _errors() as error:
                self._damage = f"damaged {self.kind.name} audio ({_reason(error)})"
                failures += 1
            else:
                yield from frames

    def num_samples(self) -> int:
        """In one channel, counted by decoding all of it: containers state the length of their longest track."""
        if self._count is None:
            try:
                self._count = sum(map(len, self.pieces(0, 1 << 16)))
            except Damage:
                self._count = self._position
        return self._count

    def expected(self) -> int | None:
        """As many as were decoded."""
        return None if self.breaks_off else self._position

    @property
    def estimated_seconds(self) -> float:
        """What the container states."""
        track, container = self._track, self._container
        if track.duration and track.time_base:
            return float(track.duration * track.time_base)
        return float(container.duration or 0) / 1e6

    def pieces(self, first: int, size: int) -> Iterator[np.ndarray]:
        """From that sample to the end; silence where time stamps leave out sound."""
        for piece in self._all():
            for begin in range(first, len(piece), size):
                yield piece[begin : begin + size]
            first = max(first - len(piece), 0)
        if self._damage:
            raise Damage(self._damage)

    def _all(self) -> Iterator[np.ndarray]:
        self._position, self.holes, setup, origin = 0, [], None, None
        for frame in self._restarted():
            if setup != (setup := (frame.format.name, frame.layout.name, frame.sample_rate)):
                resampler = self._resampler()
            time = None if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)
            if time is not None:
                origin = self._origin(time) if origin is None else origin
                yield from self._silence(round((time - origin) * self.sample_rate) - self._position)
            self._damage = ""
            for piece in self._converted(resampler, frame):
                self._position += len(piece)
                yield piece

    def _converted(self, resampler: Any, frame: "AudioFrame") -> list[np.ndarray]:
        try:
            return [converted.to_ndarray().T for converted in resampler.resample(frame)]
        except _errors() as error:
            self._damage = f"damaged {self.kind.name} audio ({_reason(error)})"
            return []

    def _silence(self, gap: int) -> Iterator[np.ndarray]:
        """So many samples, if that is a gap and not the rounding of time stamps; it is a hole if packets failed."""
        if not GAP_SECONDS * self.sample_rate < gap < LONGEST_GAP * self.sample_rate:
            return
        if self._damage:
            self.holes.append((self._position, gap))
        self._position += gap
        for begin in range(0, gap, self.sample_rate):
            yield np.zeros((min(self.sample_rate, gap - begin), self.num_channels), np.float32)

    def _restarted(self) -> "Iterator[AudioFrame]":
        """All frames, again from the first."""
        if self._first is None:
            self._frames = self._opened()
        else:
            yield self._first
            self._first = None
        yield from self._frames

    def _resampler(self) -> Any:
        from av.audio.resampler import AudioResampler

        return AudioResampler(format="fltp", layout=self._layout, rate=self.sample_rate)

    def _origin(self, time: float) -> float:
        """When the file begins, by its own clock: before its sound, if its pictures do."""
        begin = self._container.start_time
        return time if begin is None else min(begin / 1e6, time)

    def close(self) -> None:
        """Frees it."""
        if self._container is not None:
            self._container.close()


def _errors() -> tuple[type[Exception], ...]:
    import av

    return av.FFmpegError, ValueError, OSError, OverflowError, MemoryError


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).partition("\n")[0].rstrip(".")
