"""The figures of a sound against sounds whose figures are known; remembered until the file changes."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio.batching import audio_stats
from crnn_audio.batching.audio_stats import SILENCE_DB, measure, measure_cuts
from crnn_audio.batching.manifests import Cut, Recording, whole

RATE = 8000


def sine(amplitude: float, seconds: float = 1.0) -> np.ndarray:
    # 131 Hz: its crests fall between samples, so that no two of them are equal
    return (amplitude * np.sin(2 * np.pi * 131 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def written(folder: Path, name: str, waveform: np.ndarray, rate: int = RATE) -> Cut:
    soundfile.write(
        folder / name, np.round(32767 * waveform).astype(np.int16), rate
    )  # formats round floats differently
    return whole(Recording(name, folder / name, rate, len(waveform)), "a")


def test_loudness_is_in_decibels_of_full_scale() -> None:
    figures = measure(sine(0.5), RATE)
    assert figures.peak == pytest.approx(20 * np.log10(0.5), abs=0.01)
    assert figures.loudness == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.02)
    silent = measure(np.zeros(100, np.float32), RATE)
    assert (silent.peak, silent.loudness, silent.clipped) == (SILENCE_DB, SILENCE_DB, 0)
    assert silent.gap == pytest.approx(100 / RATE)


@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_clipped_at_full_scale_or_turned_down_afterwards(gain) -> None:
    overdriven = gain * np.clip(sine(1.5), -1, 1)
    expected = float(np.mean(np.abs(sine(1.5)) >= 1))
    assert measure(overdriven, RATE).clipped == pytest.approx(expected, abs=0.01)
    assert expected > 0.4


@pytest.mark.parametrize("amplitude", [0.05, 0.5, 0.998])
def test_what_is_only_loud_is_not_clipped(amplitude) -> None:
    quantised = np.round(sine(amplitude) * 32768) / 32768
    assert measure(quantised.astype(np.float32), RATE).clipped == 0


def test_a_quiet_square_wave_of_a_few_steps_is_not_clipped() -> None:
    assert measure(np.sign(sine(1.0)) * np.float32(3 / 32768), RATE).clipped == 0


def test_the_longest_run_of_zeros_is_a_gap() -> None:
    waveform = np.random.default_rng(0).uniform(0.1, 0.5, RATE).astype(np.float32)
    waveform[100:300] = 0
    waveform[4000:6000] = 0
    waveform[6001:7000] = 0
    assert measure(waveform, RATE).gap == 0.25
    assert measure(waveform[:4000], RATE).gap == 200 / RATE


def test_the_same_samples_have_the_same_digest_in_any_lossless_file(tmp_path) -> None:
    waveform = sine(0.5)
    cuts = [written(tmp_path, name, waveform) for name in ("a.wav", "b.flac")]
    cuts.append(written(tmp_path, "c.wav", np.roll(waveform, 1)))
    one, copy, other = measure_cuts(cuts).values()
    assert one == copy
    assert one.digest != other.digest
    assert len(one.course) == audio_stats.SLICES
    assert one.course == pytest.approx(other.course, abs=0.5)


def test_a_cut_is_read_and_not_its_whole_recording(tmp_path) -> None:
    waveform = np.concatenate([sine(0.5), np.zeros(RATE)])
    recording = written(tmp_path, "a.wav", waveform).recording
    stats = measure_cuts([Cut("loud", recording, 0, 1, "a"), Cut("silent", recording, 1, 1, "a")])
    assert stats["loud"].peak == pytest.approx(-6.02, abs=0.01)
    assert stats["silent"].peak == SILENCE_DB


def test_what_cannot_be_read_is_left_to_other_checks(tmp_path) -> None:
    good, bad = written(tmp_path, "a.wav", sine(0.5)), written(tmp_path, "b.wav", sine(0.5))
    bad.recording.path.unlink()
    reports = []
    assert set(measure_cuts([good, bad], progress=lambda *report: reports.append(report))) == {"a.wav"}
    assert reports == [(1, 2), (2, 2)]


def test_figures_are_remembered_until_the_file_changes(tmp_path, monkeypatch) -> None:
    cache, cut = tmp_path / "cache" / "x.json", written(tmp_path, "a.wav", sine(0.5))
    before = measure_cuts([cut], cache)
    with monkeypatch.context() as patch:
        patch.setattr(audio_stats, "measure", None)
        assert measure_cuts([cut], cache) == before
    soundfile.write(cut.recording.path, sine(0.25, 1.5), RATE)
    assert measure_cuts([cut], cache)["a.wav"].peak == pytest.approx(-12.04, abs=0.01)
    for content in (
        "{",
        "[]",
        f'{{"{cut.recording.path} 0.0 1.0": [[1], [2]]}}',
        f'{{"{cut.recording.path} 0.0 1.0": 3}}',
    ):
        cache.write_text(content)
        assert measure_cuts([cut], cache)["a.wav"].peak == pytest.approx(-12.04, abs=0.01)
