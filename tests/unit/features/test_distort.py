"""Gain, reverberation and noise: ratios as asked, times kept, draws that depend on the generator alone."""

import numpy as np
import pytest

from crnn_audio.features.distort import (
    Distortion,
    excerpt,
    reverberated,
    simulated_noise,
    simulated_response,
    with_noise,
)

RATE = 16000


def speech(seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    """Bursts of noise with pauses, float32."""
    generator = np.random.default_rng(seed)
    wave = generator.standard_normal(round(seconds * RATE)) * (np.arange(round(seconds * RATE)) % 4000 < 2500)
    return (0.1 * wave).astype(np.float32)


def power(wave: np.ndarray) -> float:
    return float((wave.astype(np.float64) ** 2).mean())


def decibels(ratio: float) -> float:
    return 10 * np.log10(ratio)


# ---------------------------------------------------------------------------------------- noise


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 10.0, 37.5])
def test_noise_is_as_much_weaker_as_asked(snr_db: float) -> None:
    clean, noise = speech().astype(np.float64), 7 * np.random.default_rng(1).standard_normal(RATE)
    noisy = with_noise(clean, noise, snr_db)
    assert decibels(power(clean) / power(noisy - clean)) == pytest.approx(snr_db, abs=1e-6)
    assert with_noise(speech(), noise, snr_db).dtype == np.float32


@pytest.mark.parametrize("silent", ["speech", "noise"])
def test_digital_silence_stays_what_it_is(silent: str) -> None:
    clean = np.zeros(100, np.float32) if silent == "speech" else speech()[:100]
    noise = np.zeros(100) if silent == "noise" else np.ones(100)
    assert np.array_equal(with_noise(clean, noise, 5.0), clean)


def test_simulated_noise_has_unit_power_and_falls_between_white_and_brown() -> None:
    slopes = []
    for seed in range(40):
        noise = simulated_noise(np.random.default_rng(seed), 1 << 14)
        assert power(noise) == pytest.approx(1)
        spectrum = np.abs(np.fft.rfft(noise)[1:]) ** 2
        frequencies = np.arange(1, len(spectrum) + 1)
        slopes.append(-np.polyfit(np.log(frequencies), np.log(spectrum), 1)[0])
    assert -0.1 < min(slopes) < 0.4
    assert 1.6 < max(slopes) < 2.1
    assert [len(simulated_noise(np.random.default_rng(0), size)) for size in (1, 2, 7)] == [1, 2, 7]


def test_an_excerpt_is_a_stretch_of_the_recording_and_begins_again() -> None:
    recording = np.arange(1000.0)
    starts = set()
    for seed in range(50):
        found = excerpt(np.random.default_rng(seed), recording, 300)
        starts.add(int(found[0]))
        assert np.array_equal(found, (found[0] + np.arange(300)) % 1000)
    assert len(starts) > 40
    assert np.array_equal(np.sort(excerpt(np.random.default_rng(0), recording, 2000)), np.sort(np.tile(recording, 2)))


# ---------------------------------------------------------------------------------------- reverberation


def test_a_room_is_a_convolution_that_keeps_times_length_and_loudness() -> None:
    wave, response = speech(0.3).astype(np.float64), np.array([0.1, -0.3, 0.9, 0.0, 0.5, -0.2])
    reverberant = reverberated(wave, response)
    wanted = np.convolve(wave, response)[2 : 2 + len(wave)]
    np.testing.assert_allclose(reverberant, wanted * np.sqrt(power(wave) / power(wanted)), rtol=0, atol=1e-9)
    assert power(reverberant) == pytest.approx(power(wave))
    assert reverberated(speech(), response).dtype == np.float32


def test_direct_sound_alone_changes_nothing_wherever_it_stands() -> None:
    wave = speech(0.2).astype(np.float64)
    for at in (0, 5, 99):
        response = np.zeros(100)
        response[at] = 0.4
        np.testing.assert_allclose(reverberated(wave, response), wave, rtol=0, atol=1e-9)
    assert np.array_equal(reverberated(wave, np.zeros(9)), wave)


def test_simulated_responses_begin_with_direct_sound_and_decay_by_sixty_decibels() -> None:
    lengths = []
    for seed in range(30):
        response = simulated_response(np.random.default_rng(seed), RATE)
        assert np.abs(response).argmax() == 0
        lengths.append(len(response) / RATE)
        tenth = len(response) // 10
        fall = decibels(power(response[1 : 1 + tenth]) / power(response[-tenth:]))
        assert fall == pytest.approx(54, abs=6), "nine tenths of the way to -60 dB"
        assert -15.5 < decibels((response[1:] ** 2).sum()) < 3.5
    assert 0.1 <= min(lengths) < 0.25
    assert 0.65 < max(lengths) <= 0.8


# ---------------------------------------------------------------------------------------- all of it


def test_nothing_is_asked_for_and_nothing_done() -> None:
    wave = speech()
    assert np.array_equal(Distortion(RATE)(wave, np.random.default_rng(0)), wave)


def test_shares_of_utterances_are_kept() -> None:
    wave, counts = speech(0.05), {"noise": 0, "room": 0}
    noisy = Distortion(RATE, noise_probability=0.3, snr_db=(0, 0))
    roomy = Distortion(RATE, reverberation_probability=0.7)
    for seed in range(400):
        counts["noise"] += not np.array_equal(noisy(wave, np.random.default_rng(seed)), wave)
        counts["room"] += not np.array_equal(roomy(wave, np.random.default_rng(seed)), wave)
    assert counts["noise"] == pytest.approx(120, abs=40)
    assert counts["room"] == pytest.approx(280, abs=40)


def test_gain_is_uniform_in_decibels_up_to_its_bound() -> None:
    wave = speech(0.05)
    louder = Distortion(RATE, gain_db=12.0)
    gains = [decibels(power(louder(wave, np.random.default_rng(seed))) / power(wave)) for seed in range(300)]
    assert -12.01 < min(gains) < -11
    assert 11 < max(gains) < 12.01
    assert np.mean(gains) == pytest.approx(0, abs=1.5)


def test_ratios_are_sampled_between_their_bounds_and_recordings_are_used() -> None:
    wave, hum = speech().astype(np.float64), np.sin(np.arange(3 * RATE) / 9)
    distortion = Distortion(RATE, noise_probability=1.0, snr_db=(3.0, 9.0), noises=(hum,))
    ratios = []
    for seed in range(60):
        noise = distortion(wave, np.random.default_rng(seed)) - wave
        ratios.append(decibels(power(wave) / power(noise)))
        spectrum = np.abs(np.fft.rfft(noise))
        assert spectrum.argmax() == pytest.approx(RATE / (2 * np.pi * 9), abs=1), "the hum, and nothing else"
    assert 3 - 1e-6 < min(ratios) < 3.5
    assert 8.5 < max(ratios) < 9 + 1e-6


def test_the_generator_decides() -> None:
    wave = speech()
    everything = Distortion(RATE, gain_db=6, noise_probability=0.9, reverberation_probability=0.9)
    first, same, other = (everything(wave, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert first.dtype == np.float32
    assert len(first) == len(wave)
