"""Scale, level and channels: what is adjusted, what is said, and that ordinary recordings stay to the bit."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio import audio
from crnn_audio.audio import levels
from crnn_audio.corpora import an4
from crnn_audio.errors import DataError
from tests.shared_cases import case

RATE = 16000
SPEECH = np.random.default_rng(0).normal(0, 0.1, 2 * RATE).clip(-0.5, 0.5)
SPEECH = (SPEECH / np.abs(SPEECH).max()).astype(np.float32)


def wav(samples: np.ndarray, encoding: str = "FLOAT") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype=encoding)
    return file.getvalue()


def read(content: bytes | Path, **options: object) -> tuple[np.ndarray, list[str]]:
    found: list[audio.Adjustment] = []
    waveform, _ = audio.read(content, on_adjustment=found.append, **options)
    return waveform, [remark for one in found for remark in one.remarks]


@pytest.mark.parametrize("decibels", [-31, -50, -79])
def test_a_very_quiet_recording_is_raised_and_it_is_said(decibels: int) -> None:
    found, remarks = read(wav(SPEECH * 10 ** (decibels / 20)))
    assert remarks == [f"very quiet (peak {decibels} dB); raised to -10 dB"]
    np.testing.assert_allclose(found, SPEECH * 10 ** (-10 / 20), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("decibels", [0, 6, -10, -29, -85])
def test_an_ordinary_level_and_one_that_holds_nothing_stay(decibels: int) -> None:
    samples = (SPEECH * 10 ** (decibels / 20)).astype(np.float32)
    found, remarks = read(wav(samples))
    np.testing.assert_array_equal(found, samples)
    assert remarks == (["hardly any sound (peak -85 dB); record it louder"] if decibels == -85 else [])


@pytest.mark.parametrize(("scale", "words"), [(2**15, "16-bit"), (2**23, "24-bit"), (2**31, "32-bit")])
def test_samples_in_the_range_of_integers_are_scaled(scale: int, words: str) -> None:
    found, remarks = read(wav(SPEECH * scale * 0.9))
    np.testing.assert_allclose(found, SPEECH * 0.9, rtol=1e-5)
    assert len(remarks) == 1
    assert remarks[0].endswith(f"where full scale is 1; taken as {words} integers")


def test_quiet_samples_in_the_range_of_integers_are_scaled_and_raised() -> None:
    found, remarks = read(wav(SPEECH * 100))
    assert len(remarks) == 2
    assert np.abs(found).max() == pytest.approx(10 ** (-10 / 20), rel=1e-3)


@pytest.mark.parametrize("other", [-1.0, -0.9, -1.1, -0.75])
def test_of_channels_that_cancel_the_strongest_is_taken(other: float) -> None:
    stereo = np.stack([SPEECH, other * SPEECH], axis=1)
    found, remarks = read(wav(stereo))
    channel = int(abs(other) > 1)
    np.testing.assert_array_equal(found, stereo[:, channel])
    assert remarks == [f"the channels cancel each other; channel {channel + 1}, the strongest, is used"]


@pytest.mark.parametrize("other", [1.0, 0.0, 0.5, -0.1])
def test_other_channels_are_averaged(other: float) -> None:
    stereo = np.stack([SPEECH, np.float32(other) * SPEECH], axis=1)
    found, remarks = read(wav(stereo))
    np.testing.assert_array_equal(found, stereo.mean(axis=1))
    assert remarks == []


@pytest.mark.parametrize("content", ["quiet", "integers", "antiphase"])
def test_blocks_of_an_open_recording_are_adjusted_as_the_whole(content: str) -> None:
    gains = {"quiet": [0.001, 0.001], "integers": [30000.0, 30000.0], "antiphase": [0.5, -0.5]}
    file = wav(np.stack([gain * SPEECH for gain in gains[content]], axis=1))
    expected, remarks = read(file)
    with audio.opened(file) as sound:
        np.testing.assert_array_equal(np.concatenate(list(sound.blocks(0.3))), expected)
        assert list(sound.adjustment.remarks) == remarks
        assert remarks


@pytest.mark.parametrize(
    ("gains", "word"), [([0.001] * 2, "very quiet"), ([3e4] * 2, "where full scale is 1"), ([0.5, -0.5], "cancel")]
)
def test_a_stream_stays_as_it_is_and_warns_once(tmp_path: Path, gains: list[float], word: str) -> None:
    path = tmp_path / "stream.wav"
    stereo = np.stack([np.float32(gain) * SPEECH for gain in gains], axis=1)
    path.write_bytes(wav(stereo))
    warnings: list[str] = []
    found = np.concatenate(list(audio.blocks(path, 0.1, on_warning=warnings.append)))
    np.testing.assert_array_equal(found, stereo.mean(axis=1))
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{path}: ")
    assert word in warnings[0]


@pytest.mark.parametrize("encoding", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_quiet_recording_in_coarse_integers_loses_most_of_their_noise(encoding: str) -> None:
    time = np.arange(2 * RATE) / RATE
    tone = (np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 577 * time)) / 2 * 10 ** (-50 / 20)
    content = wav(tone, encoding)
    found, _ = read(content)
    assert len(found) == 2 * RATE
    gain = float(found @ tone / (tone @ tone))
    assert gain == pytest.approx(100, rel=0.05)
    noise = (found / gain - tone)[2000:-2000].std()
    assert noise < (0.6 * 2**-15 / 12**0.5 if encoding == "PCM_16" else 2**-22)
    with audio.opened(content) as sound:
        for seconds in (0.001, 0.3, 5.0):
            np.testing.assert_allclose(np.concatenate(list(sound.blocks(seconds))), found, rtol=0, atol=1e-6)


@pytest.mark.parametrize("samples", [1, 5, 300])
def test_a_very_short_quiet_recording_keeps_its_length(samples: int) -> None:
    assert len(read(wav(SPEECH[:samples] * 0.001, "PCM_16"))[0]) == samples


@pytest.mark.parametrize("channel", [0, 1])
def test_one_channel_can_be_read_alone(channel: int) -> None:
    stereo = np.stack([SPEECH, SPEECH[::-1]], axis=1)
    found, remarks = read(wav(stereo), channel=channel)
    np.testing.assert_array_equal(found, stereo[:, channel])
    assert remarks == []
    with pytest.raises(DataError, match="it has 2 channels, and no channel 3"):
        read(wav(stereo), channel=2)


def test_noises_and_impulse_responses_keep_their_levels() -> None:
    samples = (SPEECH * 0.001).astype(np.float32)
    np.testing.assert_array_equal(audio.read(wav(samples), adjust=False)[0], samples)


def test_no_recording_of_an4_is_touched(corpus) -> None:
    peaks = []
    for cuts in an4.read_splits(corpus("an4")).values():
        for cut in cuts:
            samples, _ = soundfile.read(cut.recording.path, dtype="float32")
            found, remarks = read(cut.recording.path)
            assert remarks == []
            assert found.tobytes() == samples.tobytes()
            peaks.append(levels.decibels(float(np.abs(samples).max())))
    assert levels.RAISED_BELOW < min(peaks) < levels.RAISED_BELOW + 1


@pytest.mark.parametrize(
    ("name", "file"), [("antiphase", "31_antiphase.wav"), ("float_int_scale", "36_loud_float.wav")]
)
def test_the_cases_are_adjusted(name: str, file: str) -> None:
    found, remarks = read(case(f"sound_{name}") / file)
    assert len(remarks) == 1
    assert 0.1 < np.abs(found).max() <= 1
