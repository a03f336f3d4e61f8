"""An open recording: decoded piece by piece, and checked against the length that its header states."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crnn_audio.audio.resampling import regrouped, resampled
from crnn_audio.audio.source import Source, binary, name_of
from crnn_audio.audio.truncation import fraction_present
from crnn_audio.errors import DataError

if TYPE_CHECKING:  # where it is used, it is imported, so that reading a recipe needs no libsndfile
    import soundfile

# What errors offer; soundfile reads more.
FORMATS = "WAV, FLAC, Ogg (Vorbis or Opus) and MP3"
BLOCK = 1 << 20
"""Numbers that are decoded at once."""
UNKNOWN_LENGTH = (1 << 63) - 1
LOWEST_RATE = 1000
"""Samples a second."""
LOUDEST = 1e10
"""Far above any scale that samples are written in (1, 2^15, 2^31), and far below where spectra overflow."""


@dataclass(frozen=True)
class Loss:
    """A recording of which only the first `seconds` can be read; `expected` is the length in its header, if it has one.

    `damage` is the decoder's message, where the file does not just end too early.
    """

    name: str
    seconds: float
    expected: float | None
    damage: str = ""

    def __str__(self) -> str:
        if self.expected is None and not self.damage:
            return f"{self.name}: cut short: it breaks off after {self.seconds:.2f} s. Fetch it again."
        of = "" if self.expected is None else f" of the {self.expected:.2f} s that its header states"
        return f"{self.name}: {self.damage or 'cut short'}: {self.seconds:.2f} s{of} can be read. Fetch it again."


OnLoss = Callable[[Loss], None]


def report_loss(loss: Loss, on_loss: OnLoss | None) -> None:
    """Calls `on_loss`.

    Raises:
        DataError: there is no `on_loss`.
    """
    if on_loss is None:
        raise DataError(str(loss))
    on_loss(loss)


@dataclass(frozen=True)
class Sound:
    """An open audio file, and how many samples its header states; None where it only has no end."""

    file: "soundfile.SoundFile"
    name: str
    expected: int | None

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return int(self.file.samplerate)

    @property
    def num_samples(self) -> int:
        """In one channel; a damaged file may hold fewer."""
        return int(self.file.frames)

    def blocks(
        self, seconds: float, sample_rate: int | None = None, on_loss: OnLoss | None = None
    ) -> Iterator[np.ndarray]:
        """All of it from its beginning, mono and at `sample_rate`, in blocks of `seconds`, the last one shorter.

        Raises:
            DataError: some of it is lost and there is no `on_loss`, or it holds impossible samples.
        """
        rate = sample_rate or self.sample_rate
        native = max(round(seconds * self.sample_rate), 1)
        pieces = resampled(self._finite(native, on_loss), self.sample_rate, rate)
        return regrouped(pieces, max(round(seconds * rate), 1))

    def _finite(self, size: int, on_loss: OnLoss | None) -> Iterator[np.ndarray]:
        position = 0
        for piece in self.decoded(0, self.num_samples, on_loss, size=size):
            refuse_impossible(piece, self.name, position)
            position += len(piece)
            yield piece

    def decoded(
        self, first: int, last: int, on_loss: OnLoss | None = None, *, size: int | None = None
    ) -> Iterator[np.ndarray]:
        """Samples `first` to `last` in mono pieces of `size` at most.

        Where `last` is the end, the expected end must be present too.
        """
        size = min(size or BLOCK, max(BLOCK // self.file.channels, 1))
        position, damage = first, ""
        with _damage_named(self):
            self.file.seek(first)
        # Piece by piece, since a damaged header may claim more than fits into memory.
        while position < last and not damage:
            piece, damage = self._next(min(size, last - position))
            if not len(piece):
                break
            position += len(piece)
            yield mono(piece)
        if position == first:
            raise DataError(f"{self.name}: damaged {self.file.format} audio; not one sample could be decoded.")
        end = self.expected if last == self.num_samples else last
        if end is None or position < end:
            expected = None if end is None else end / self.sample_rate
            report_loss(Loss(self.name, position / self.sample_rate, expected, damage), on_loss)

    def _next(self, count: int) -> tuple[np.ndarray, str]:
        """The next samples, (S, channels), as far as they can be decoded, and the damage after them."""
        import soundfile

        out = np.full((count, self.file.channels), np.nan, dtype=np.float32)
        try:
            return self.file.read(out=out), ""
        except soundfile.LibsndfileError as error:
            # The number of decoded samples is not returned; a decoder that can fail writes no NaN.
            decoded = int(np.isnan(out[:, 0]).argmax()) if np.isnan(out[:, 0]).any() else count
            return out[:decoded], f"damaged {self.file.format} audio ({_reason(error)})"


@contextmanager
def opened(source: Source) -> Iterator[Sound]:
    """A path, "-" for standard input (read to its end), the bytes of a file, or a binary file object; what it holds
    decides its format, not its name.

    Raises:
        DataError: there is no such file, it is a folder, empty, unreadable, not audio or without samples.
    """
    import soundfile

    name = name_of(source)
    with binary(source, name) as stream:
        try:
            fraction = fraction_present(stream)
        except OSError as error:  # of a disk
            raise DataError(f"{name}: cannot be read ({error.strerror or error}).") from None
        # A descriptor, where there is one: given a name, soundfile takes `x.raw` for headerless samples.
        target = stream if isinstance(stream, io.BytesIO) else stream.fileno()
        try:
            file = soundfile.SoundFile(target, closefd=False)
        except soundfile.LibsndfileError as error:
            raise DataError(f"{name}: not audio that can be read ({_reason(error)}). Read are {FORMATS}.") from None
        with file:
            refuse_rate(int(file.samplerate), name)
            _refuse_length(file, name)
            yield Sound(file, name, _expected(file.frames, fraction))


def _expected(num_samples: int, fraction: float) -> int | None:
    if fraction == 1:
        return num_samples
    # At least one more: a piece of a sample may be there too.
    return max(round(num_samples / fraction), num_samples + 1) if fraction else None


def refuse_rate(rate: int, name: str) -> None:
    """Refuses the rate of a damaged header: a few samples a second would make hours of a second.

    Raises:
        DataError: the rate is below `LOWEST_RATE`.
    """
    if rate < LOWEST_RATE:
        raise DataError(f"{name}: {rate} samples a second, fewer than the {LOWEST_RATE} that any sound needs.")


def _refuse_length(file: "soundfile.SoundFile", name: str) -> None:
    if file.frames == 0:
        raise DataError(f"{name}: a header of {file.format} audio without a single sample.")
    if file.frames == UNKNOWN_LENGTH:
        raise DataError(f"{name}: its {file.format} header gives no length; write it to a file, not a pipe.")


def mono(samples: np.ndarray) -> np.ndarray:
    """The mean of the channels."""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)


def refuse_impossible(waveform: np.ndarray, name: str, first: int) -> None:
    """Refuses NaN, infinity and what is too loud for its power to be a number; `first` is where the waveform begins.

    Raises:
        DataError: names the count and the place.
    """
    bad = np.flatnonzero(~(np.abs(waveform) <= LOUDEST))
    if bad.size:
        where = f"the first at sample {first + bad[0]} ({waveform[bad[0]]:g})"
        raise DataError(
            f"{name}: {bad.size} of {waveform.size} samples are NaN, infinite or beyond {LOUDEST:g}, {where}. "
            "Write the file again, or leave it out."
        )


@contextmanager
def _damage_named(sound: Sound) -> Iterator[None]:
    import soundfile

    try:
        yield
    except soundfile.LibsndfileError as error:
        raise DataError(f"{sound.name}: damaged {sound.file.format} audio ({_reason(error)}).") from None


def _reason(error: "soundfile.LibsndfileError") -> str:
    return str(error.error_string).removeprefix("Error : ").rstrip(".")
