"""Decoders: what they are, and libsndfile's for one part of a file."""

import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from crnn_audio.audio.sections import Section, Target
from crnn_audio.console import standard_error_silenced

if TYPE_CHECKING:  # where it is used, it is imported, so that reading a recipe needs no libsndfile
    import soundfile


BEYOND = 4096
"""Samples more than a header promises that are made room for."""


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
        with _quietly(self.file.format):
            try:
                self._go_to(begin)
            except soundfile.LibsndfileError as error:
                raise Damage(self._damaged(error)) from None
        skipped = first - begin
        while True:
            # Room for what the header promises and a little more, since to fill a whole block takes longer than to
            # decode a short recording; should more come, the rest follows in whole blocks.
            promised = self.num_samples() - self.position + BEYOND
            count = promised if 0 < promised < size else size
            piece, damage = self._next(count)
            self.position += len(piece)
            if len(piece) > skipped:
                yield piece[skipped:]
            skipped = max(skipped - len(piece), 0)
            if damage:
                raise Damage(damage)
            if len(piece) < count or (count == size and self.position >= self.num_samples()):
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
        with _quietly(self.file.format):
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


def _opened(target: Target) -> "soundfile.SoundFile":

    # A descriptor, where there is one: given a name, soundfile takes `x.raw` for headerless samples.
    target.seek(0)
    file = target.fileno() if isinstance(target, io.FileIO) else target
    in_order = _in_order()
    with standard_error_silenced():
        return in_order(file, closefd=False)


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


def _quietly(format: str) -> AbstractContextManager[None]:
    """Without what libmpg123 writes to standard error by itself, which names no file."""
    return standard_error_silenced() if format == "MP3" else nullcontext()
