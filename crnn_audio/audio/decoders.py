"""Decoders: libsndfile's for one part of a file, and several in a row."""

import io
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from crnn_audio.audio.resampling import resampled
from crnn_audio.audio.sections import Section, Target

if TYPE_CHECKING:  # where it is used, it is imported, so that reading a recipe needs no libsndfile
    import soundfile


LARGEST_RATIO = 50
"""Of the sample rates of joined files; a damaged header may make hours of a second."""


class Damage(Exception):
    """What a decoder says of sound that it cannot decode; what came before is good."""


@runtime_checkable
class Decoder(Protocol):
    """Sound in pieces, from its beginning as often as asked."""

    @property
    def sample_rate(self) -> int:
        """Samples per second."""

    @property
    def num_channels(self) -> int:
        """Of each piece."""

    @property
    def format(self) -> str:
        """Container and encoding, such as `FLAC PCM_16`."""

    def num_samples(self) -> int:
        """In one channel, by the header or counted; a damaged file may hold fewer."""

    def expected(self) -> int | None:
        """Samples that the header states, if more; None where it states nothing and the file breaks off."""

    @property
    def estimated_seconds(self) -> float:
        """The length as far as it is known without decoding."""

    @property
    def holes(self) -> Sequence[tuple[int, int]]:
        """Where sound was lost among the last pieces, and how many samples; there is silence in its place."""

    def pieces(self, first: int, size: int) -> Iterator[np.ndarray]:
        """From that sample to the end, each of shape (S, C) with S up to `size`.

        Raises:
            Damage: what follows cannot be decoded.
        """

    def close(self) -> None:
        """Frees it."""


class SoundFile:
    """One part of a file, by libsndfile.

    Raises:
        soundfile.LibsndfileError: libsndfile does not read it.
    """

    def __init__(self, section: Section) -> None:
        self.target = section.target
        self.file = _opened(self.target)
        if section.repaired and section.num_samples and self.file.frames < section.num_samples:
            self.file.close()
            self.target = section.repaired
            self.file = _opened(self.target)
        self._counted = None if self.target is section.repaired else section.num_samples
        self.fraction = section.fraction
        self.position = 0
        self.holes = ()

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return int(self.file.samplerate)

    @property
    def num_channels(self) -> int:
        """Of each piece."""
        return int(self.file.channels)

    @property
    def format(self) -> str:
        """Container and encoding."""
        return f"{self.file.format} {self.file.subtype}"

    def num_samples(self) -> int:
        """In one channel."""
        return int(self.file.frames) if self._counted is None else self._counted

    def expected(self) -> int | None:
        """Samples that the header states, if more than there are."""
        if self.fraction == 1:
            return self.num_samples()
        # At least one more: a piece of a sample may be there too.
        return max(round(self.num_samples() / self.fraction), self.num_samples() + 1) if self.fraction else None

    @property
    def estimated_seconds(self) -> float:
        """The length."""
        return self.num_samples() / self.sample_rate

    def pieces(self, first: int, size: int) -> Iterator[np.ndarray]:
        """From that sample to the end."""
        import soundfile

        # Seeking in MP3 may land beside the mark, and some encodings have no seeking at all.
        begin = first if self._can_seek else 0
        with _libmpg123_silenced(self.file.format):
            try:
                self._go_to(begin)
            except soundfile.LibsndfileError as error:
                raise Damage(self._damaged(error)) from None
        skipped = first - begin
        while True:
            piece, damage = self._next(size)
            self.position += len(piece)
            if len(piece) > skipped:
                yield piece[skipped:]
            skipped = max(skipped - len(piece), 0)
            if damage:
                raise Damage(damage)
            if len(piece) < size or self.position >= self.num_samples():
                return

    @property
    def _can_seek(self) -> bool:
        import soundfile

        return self.file.format != "MP3" and bool(soundfile.SoundFile.seekable(self.file))

    def _go_to(self, first: int) -> None:
        if first == self.position:
            return
        if self._can_seek:
            self.file.seek(first)
        else:
            self.file.close()
            self.file = _opened(self.target)
        self.position = first

    def _next(self, count: int) -> tuple[np.ndarray, str]:
        """The next samples, (S, C), as far as they can be decoded, and the damage after them."""
        import soundfile

        out = np.full((count, self.num_channels), np.nan, dtype=np.float32)
        with _libmpg123_silenced(self.file.format):
            try:
                return self.file.read(out=out), ""
            except soundfile.LibsndfileError as error:
                # The number of decoded samples is not returned; a decoder that can fail writes no NaN.
                decoded = int(np.isnan(out[:, 0]).argmax()) if np.isnan(out[:, 0]).any() else count
                self.position = -1 - decoded  # nobody knows where it is
                return out[:decoded], self._damaged(error)

    def _damaged(self, error: "soundfile.LibsndfileError") -> str:
        return f"damaged {self.file.format} audio ({reason(error)})"

    def close(self) -> None:
        """Frees it."""
        self.file.close()


class Chain:
    """Decoders in a row, at the rate of the first, mixed if their channels differ, and silence for what is damaged.

    Args:
        gaps: samples of silence before each decoder.
        breaks_off: whether something follows that cannot be read.
    """

    def __init__(self, decoders: Sequence[Decoder], gaps: Sequence[int], *, breaks_off: bool = False) -> None:
        self.decoders = decoders
        self.gaps = gaps
        self.breaks_off = breaks_off
        self.sample_rate = decoders[0].sample_rate
        counts = {one.num_channels for one in decoders}
        self.num_channels = counts.pop() if len(counts) == 1 else 1
        self.format = decoders[0].format
        self.holes: list[tuple[int, int]] = []

    def num_samples(self) -> int:
        """In one channel."""
        return sum(self.gaps) + sum(self._at_this_rate(one, one.num_samples()) for one in self.decoders)

    def expected(self) -> int | None:
        """Samples that the headers state."""
        expected = [one.expected() for one in self.decoders]
        if self.breaks_off or None in expected:
            return None
        stated = zip(self.decoders, expected, strict=True)
        return sum(self.gaps) + sum(self._at_this_rate(one, count or 0) for one, count in stated)

    @property
    def estimated_seconds(self) -> float:
        """The length."""
        return sum(one.estimated_seconds for one in self.decoders) + sum(self.gaps) / self.sample_rate

    def _at_this_rate(self, one: Decoder, count: int) -> int:
        return round(count * self.sample_rate / one.sample_rate)

    def pieces(self, first: int, size: int) -> Iterator[np.ndarray]:
        """From that sample to the end."""
        for piece in self._all(size):
            if len(piece) > first:
                yield piece[first:]
            first = max(first - len(piece), 0)

    def _all(self, size: int) -> Iterator[np.ndarray]:
        self.holes, position = [], 0
        damage: Damage | None = None
        for one, gap in zip(self.decoders, self.gaps, strict=True):
            if gap:
                self.holes.append((position, gap))
            for begin in range(0, gap, size):
                yield np.zeros((min(size, gap - begin), self.num_channels), np.float32)
            position += gap
            try:
                for piece in self._alike(one, size):
                    position += len(piece)
                    yield piece
            except Damage as error:  # the next one is there all the same
                damage = error
        if damage:
            raise damage

    def _alike(self, one: Decoder, size: int) -> Iterator[np.ndarray]:
        pieces = one.pieces(0, size)
        if one.num_channels != self.num_channels:
            pieces = (piece.mean(axis=1, keepdims=True) for piece in pieces)
        if one.sample_rate == self.sample_rate:
            yield from pieces
            return
        if not 1 / LARGEST_RATIO < one.sample_rate / self.sample_rate < LARGEST_RATIO:
            raise Damage(f"damaged {one.format} audio (a sample rate of {one.sample_rate} after {self.sample_rate})")
        mixed = (piece.mean(axis=1) for piece in pieces)
        for piece in resampled(mixed, one.sample_rate, self.sample_rate):
            yield np.repeat(piece[:, None], self.num_channels, axis=1)

    def close(self) -> None:
        """Frees all of them."""
        for one in self.decoders:
            one.close()


def _opened(target: Target) -> "soundfile.SoundFile":

    # A descriptor, where there is one: given a name, soundfile takes `x.raw` for headerless samples.
    target.seek(0)
    file = target.fileno() if isinstance(target, io.FileIO) else target
    with _libmpg123_silenced("MP3"):
        return _in_order()(file, closefd=False)


@cache
def _in_order() -> "type[soundfile.SoundFile]":
    """A `SoundFile` that does not seek to where it is after each read, which spoils MP3: its frames share bits."""
    import soundfile

    class InOrder(soundfile.SoundFile):  # type: ignore[misc]
        def seekable(self) -> bool:
            return False

    return InOrder


def reason(error: "soundfile.LibsndfileError") -> str:
    """Libsndfile's words, as part of a sentence."""
    return str(error.error_string).removeprefix("Error : ").rstrip(".")


_lock = threading.RLock()


@contextmanager
def _libmpg123_silenced(format: str) -> Iterator[None]:
    """Within this, what libmpg123 writes to standard error by itself, without a file's name, goes nowhere."""
    if format != "MP3":
        yield
        return
    with _lock:
        try:
            usual, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        except OSError:  # standard error is closed
            yield
            return
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(usual, 2)
            with suppress(OSError):
                os.close(usual)
                os.close(nowhere)
