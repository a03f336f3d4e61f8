"""Augmentation of waveforms: gain, reverberation, and noise at a random signal-to-noise ratio.

All random numbers come from a generator per utterance, so a result depends neither on the batch nor on workers.
Without recordings of noise or of impulse responses, they are simulated.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

LOUDEST_SLOPE = 2.0
"""Power of simulated noise falls with frequency to the power of 0 (white) to -2 (brown)."""
DECAY_SECONDS = (0.1, 0.8)
"""Time in which a simulated room's echoes lose 60 dB."""
ECHO_DB = (-15.0, 3.0)
"""Power of a simulated room's echoes over that of the direct sound."""


@dataclass(frozen=True)
class Distortion:
    """Distorts utterances at `sample_rate`, in this order: reverberation, noise, gain.

    Args:
        gain_db: largest change of loudness, louder or quieter.
        noise_probability: of adding noise, at a ratio uniform in `snr_db` decibels.
        noises: recordings of noise; simulated if there are none.
        reverberation_probability: of convolving with an impulse response.
        responses: impulse responses; simulated if there are none.
    """

    sample_rate: int
    gain_db: float = 0.0
    noise_probability: float = 0.0
    snr_db: tuple[float, float] = (5.0, 25.0)
    noises: tuple[Float[np.ndarray, " _"], ...] = ()
    reverberation_probability: float = 0.0
    responses: tuple[Float[np.ndarray, " _"], ...] = ()

    def __call__(self, waveform: Float[np.ndarray, " S"], generator: np.random.Generator) -> Float[np.ndarray, " S"]:
        """The distorted utterance, as long as before."""
        uniform = generator.uniform(size=2)
        if uniform[0] < self.reverberation_probability:
            waveform = reverberated(waveform, self._response(generator))
        if uniform[1] < self.noise_probability:
            waveform = with_noise(waveform, self._noise(generator, len(waveform)), generator.uniform(*self.snr_db))
        gain = 10 ** (generator.uniform(-self.gain_db, self.gain_db) / 20)
        return (waveform * gain).astype(waveform.dtype)

    def _response(self, generator: np.random.Generator) -> np.ndarray:
        if not self.responses:
            return simulated_response(generator, self.sample_rate)
        return self.responses[generator.integers(len(self.responses))]

    def _noise(self, generator: np.random.Generator, num_samples: int) -> np.ndarray:
        if not self.noises:
            return simulated_noise(generator, num_samples)
        return excerpt(generator, self.noises[generator.integers(len(self.noises))], num_samples)


def with_noise(
    waveform: Float[np.ndarray, " S"], noise: Float[np.ndarray, " S"], snr_db: float
) -> Float[np.ndarray, " S"]:
    """The sum, noise scaled so that the mean powers of the two over the whole utterance are `snr_db` apart.

    Digital silence, of either, leaves the waveform as it is.
    """
    signal_power, noise_power = _power(waveform), _power(noise)
    if signal_power == 0 or noise_power == 0:
        return waveform
    scale = math.sqrt(signal_power / noise_power) * 10 ** (-snr_db / 20)
    return (waveform + scale * noise).astype(waveform.dtype)


def simulated_noise(generator: np.random.Generator, num_samples: int) -> Float[np.ndarray, "{num_samples}"]:
    """Noise of unit power between white and brown, with a random slope."""
    spectrum = np.fft.rfft(generator.standard_normal(num_samples))
    slope = generator.uniform(0, LOUDEST_SLOPE)
    noise: np.ndarray = np.fft.irfft(spectrum * np.maximum(np.arange(len(spectrum)), 1) ** (-slope / 2), num_samples)
    return noise / math.sqrt(max(_power(noise), np.finfo(float).tiny))


def excerpt(
    generator: np.random.Generator, recording: Float[np.ndarray, " _"], num_samples: int
) -> Float[np.ndarray, "{num_samples}"]:
    """A random excerpt of a recording, which is repeated if it is too short."""
    start = generator.integers(len(recording))
    return np.take(recording, np.arange(start, start + num_samples), mode="wrap")


def reverberated(waveform: Float[np.ndarray, " S"], response: Float[np.ndarray, " R"]) -> Float[np.ndarray, " S"]:
    """The waveform in a room: convolved with its impulse response, as loud and as long as before.

    The response's strongest sample is the direct sound; it arrives when the waveform did, so that times stay true.
    """
    if not response.any():
        return waveform
    direct = int(np.abs(response).argmax())
    size = 1 << (len(waveform) + len(response) - 2).bit_length()  # a power of two that holds all of it
    spectrum = np.fft.rfft(waveform, size) * np.fft.rfft(response, size)
    reverberant = np.fft.irfft(spectrum, size)[direct : direct + len(waveform)]
    return (reverberant * math.sqrt(_power(waveform) / max(_power(reverberant), np.finfo(float).tiny))).astype(
        waveform.dtype
    )


def simulated_response(generator: np.random.Generator, sample_rate: int) -> Float[np.ndarray, " R"]:
    """Direct sound, then echoes as noise that decays by 60 dB in a random time (Moorer 1979)."""
    seconds = generator.uniform(*DECAY_SECONDS)
    times = np.arange(1, round(seconds * sample_rate)) / sample_rate
    echoes = generator.standard_normal(len(times)) * 10 ** (-3 * times / seconds)
    echoes *= np.sqrt(10 ** (generator.uniform(*ECHO_DB) / 10) / (echoes**2).sum())
    return np.concatenate([[1.0], echoes])


def _power(waveform: np.ndarray) -> float:
    return float(np.square(waveform, dtype=np.float64).mean()) if waveform.size else 0.0
