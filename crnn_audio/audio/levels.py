"""How loud a recording is, in each channel and mixed, and what is changed where that would spoil what is recognised.

Nothing is changed in ordinary recordings. Measured on AN4 (recipes/LOG.md): a peak of -20 dB costs a quarter more
errors, one of -30 dB seven times as many, and below -40 dB nothing is recognised.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from crnn_audio.audio.rounding import without_noise

RAISED_BELOW = -30.0
"""Decibels of full scale; a recording whose peak is lower is raised. AN4's quietest has -29.3."""
RAISED_TO = -10.0
"""Decibels that its peak then has."""
SILENT_BELOW = -80.0
"""Decibels; what has a lower peak is left as it is: 16 bits hold little but their own rounding there."""
NOT_UNIT = 8.0
"""A peak above is of samples in the range of integers, where full scale should be 1."""
SCALES = {2.0**15: "16-bit integers", 2.0**23: "24-bit integers", 2.0**31: "32-bit integers"}
CANCELLED = 0.1
"""A mix with less than this of the power of its strongest channel cancels itself: uncorrelated channels keep half."""


@dataclass(frozen=True)
class Adjustment:
    """What is done to a recording so that it can be recognised, in words too.

    Args:
        channel: which one stands for the mix, from 0 on; None for the mix.
        gain: what samples are multiplied by.
        step: of the integers that a quiet recording was rounded to, whose noise is taken out; 0 for nothing.
        peak: decibels of full scale before that, but after integers were scaled; -200 for digital silence.
        remarks: sentences about it, without the recording's name; none where nothing is done.
    """

    channel: int | None = None
    gain: float = 1.0
    step: float = 0.0
    peak: float = 0.0
    remarks: tuple[str, ...] = ()

    def scaled(self, pieces: Iterable[np.ndarray], sample_rate: int) -> Iterator[np.ndarray]:
        """The waveform, piece by piece; the same arrays where there is nothing to do."""
        if self.step:
            pieces = without_noise(pieces, self.step, sample_rate)
        return iter(pieces) if self.gain == 1 else (piece * np.float32(self.gain) for piece in pieces)


class Levels:
    """Peaks and powers of a recording that passes piece by piece.

    Args:
        channel: the only one that counts, from 0 on; None for the mix.
        step: of the integers that samples were rounded to; 0 where that is too fine to matter.
    """

    def __init__(self, num_channels: int, channel: int | None = None, step: float = 0.0) -> None:
        self.step = step
        self.channel = channel
        self.num_channels = num_channels
        self.count = 0
        self.peak = 0.0
        self.power = 0.0
        self.peaks = np.zeros(num_channels)
        self.powers = np.zeros(num_channels)

    def mixed(self, piece: np.ndarray) -> np.ndarray:
        """The next samples, (S, C), as one channel."""
        waveform = one_channel(piece, self.channel)
        self.count += len(piece)
        self.peak = max(self.peak, _peak(waveform))
        if self.channel is None and self.num_channels > 1:
            self.power += _power(waveform)
            self.peaks = np.maximum(self.peaks, [_peak(piece[:, one]) for one in range(self.num_channels)])
            self.powers += [_power(piece[:, one]) for one in range(self.num_channels)]
        return waveform

    def adjustment(self) -> Adjustment:
        """What is to be done, by all that has passed."""
        channel, remarks, peak = None, [], self.peak
        if self.cancels:
            channel = int(self.powers.argmax())
            peak = float(self.peaks[channel])
            remarks.append(f"the channels cancel each other; channel {channel + 1}, the strongest, is used")
        scale = _scale(peak)
        if scale != 1:
            taken = SCALES.get(scale, "the peak as full scale")
            remarks.append(f"samples up to {peak:.6g}, where full scale is 1; taken as {taken}")
        level = decibels(peak / scale)
        if SILENT_BELOW <= level < RAISED_BELOW:
            remarks.append(f"very quiet (peak {level:.0f} dB); raised to {RAISED_TO:.0f} dB")
            is_mix = self.channel is None and channel is None
            step = self.step / (self.num_channels**0.5 if is_mix else 1)  # the noise of channels is averaged
            return Adjustment(channel, 10 ** ((RAISED_TO - level) / 20) / scale, step, level, tuple(remarks))
        if peak > 0 and level < SILENT_BELOW:
            remarks.append(f"hardly any sound (peak {level:.0f} dB); record it louder")
        return Adjustment(channel, 1 / scale, 0.0, level, tuple(remarks))

    def warnings(self) -> tuple[str, ...]:
        """As the remarks of an adjustment, for a stream, which cannot be changed after it has passed."""
        found, level = [], decibels(self.peak)
        if self.cancels:
            found.append("the channels cancel each other; send one of them alone")
        if _scale(self.peak) != 1:
            found.append(f"samples up to {self.peak:.6g}, where full scale is 1; scale them")
        elif self.peak > 0 and level < RAISED_BELOW:
            found.append(f"very quiet (peak {level:.0f} dB); raise the gain, since a stream is not raised here")
        return tuple(found)

    @property
    def cancels(self) -> bool:
        """Whether the mix is far weaker than its strongest channel."""
        limit = min(CANCELLED, 0.5 / self.num_channels)
        return self.channel is None and self.num_channels > 1 and self.power < limit * float(self.powers.max())


def one_channel(piece: np.ndarray, channel: int | None) -> np.ndarray:
    """That channel of samples (S, C), or the mean of all."""
    if channel is None and piece.shape[1] > 1:
        return np.asarray(piece.mean(axis=1))
    return piece[:, channel or 0]


def decibels(amplitude: float) -> float:
    """Of full scale; -200 for nothing."""
    return 20 * float(np.log10(amplitude)) if amplitude > 1e-10 else -200.0


def _scale(peak: float) -> float:
    """What full scale is, by the peak."""
    if peak <= NOT_UNIT:
        return 1.0
    return next((scale for scale in SCALES if peak <= scale), peak)


def _peak(waveform: np.ndarray) -> float:
    return float(np.abs(waveform).max(initial=0.0))


def _power(waveform: np.ndarray) -> float:
    return float(np.square(waveform, dtype=np.float64).sum())
