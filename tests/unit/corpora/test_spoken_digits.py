"""Spoken digits: the voices of dev and test are unheard in train, and the corpus is a function of its seed."""

import importlib.util
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crnn_audio import audio
from crnn_audio.corpora import espeak, spoken_digits
from crnn_audio.errors import DataError

SIZES = {"train": 6, "dev": 2, "test": 2}
TINY = Path(__file__).parents[3] / "data" / "tiny"

needs_espeak = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="espeakng-loader (extra synth) is not installed"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    spoken_digits.make(folder, sizes=SIZES)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_voice_is_in_two_splits():
    voices = [voice for of_split in spoken_digits.VOICES.values() for voice in of_split]
    assert len(voices) == len(set(voices)) == 91
    for split, of_split in spoken_digits.VOICES.items():
        counts = Counter(line.variant for line in (u.line for u in spoken_digits.plan(split, 300)))
        assert set(counts) == set(of_split)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_plans_cover_digits_lengths_and_accents_and_depend_on_the_seed():
    utterances = spoken_digits.plan("train", 500)
    texts = [utterance.line.text.split() for utterance in utterances]
    assert {len(text) for text in texts} == set(range(1, 8))
    assert {word for text in texts for word in text} == set(spoken_digits.WORDS)
    assert {utterance.line.language for utterance in utterances} == set(spoken_digits.ACCENTS)
    assert utterances == spoken_digits.plan("train", 500)
    assert utterances != spoken_digits.plan("train", 500, seed=2)


@needs_espeak
def test_making_it_twice_gives_the_same_bytes(made, tmp_path, monkeypatch):
    monkeypatch.setattr(spoken_digits.os, "cpu_count", lambda: 1)
    spoken_digits.make(tmp_path, sizes=SIZES)
    assert contents(made) == contents(tmp_path)
    assert len(contents(made)) == sum(SIZES.values()) + 3


@needs_espeak
def test_breath_repeats_too():
    lines = [espeak.Line("seven six", "en-US", voice) for voice in ("whisper", "f2", "m3")]
    first = espeak.speak(lines)
    time.sleep(1.1)  # a seed taken from the clock would be another one now
    for once, again in zip(first, espeak.speak(lines), strict=True):
        np.testing.assert_array_equal(once, again)


@needs_espeak
def test_what_was_made_is_read_back(made):
    cuts = spoken_digits.read_splits(made)
    assert {split: len(of_split) for split, of_split in cuts.items()} == SIZES
    for split, of_split in cuts.items():
        for cut, planned in zip(of_split, spoken_digits.plan(split, SIZES[split]), strict=True):
            waveform, rate = audio.read(cut.recording.path)
            assert (cut.text, cut.speaker) == (planned.line.text, planned.line.variant)
            assert rate == spoken_digits.SAMPLE_RATE
            assert len(waveform) == cut.recording.num_samples
            assert 0.09 < np.abs(waveform).max() < 0.9
            assert waveform.reshape(-1)[: rate // 20].std() > 0  # the silence is not digital silence


@needs_espeak
def test_more_digits_take_longer_and_a_higher_pitch_is_higher():
    line = espeak.Line("three one four", "en-US", "m3", pitch_range=0)
    low, high, longer = espeak.speak(
        [line, replace(line, pitch=99), replace(line, text="three one four one five nine")]
    )
    assert len(longer) > 1.5 * len(low)
    assert _fundamental(high) > 1.2 * _fundamental(low) > 50


def _fundamental(speech: np.ndarray) -> float:
    """Hertz of the loudest stretch, by the highest peak of its autocorrelation between 50 and 400 Hz."""
    loudest = int(np.convolve(np.abs(speech.astype(float)), np.ones(4096), "valid").argmax())
    stretch = speech[loudest : loudest + 4096].astype(float)
    spectrum = np.abs(np.fft.rfft(stretch - stretch.mean(), 8192)) ** 2
    correlation = np.fft.irfft(spectrum)
    first, last = espeak.SAMPLE_RATE // 400, espeak.SAMPLE_RATE // 50
    return espeak.SAMPLE_RATE / (first + int(correlation[first:last].argmax()))


@needs_espeak
@pytest.mark.parametrize(
    ("line", "message"),
    [
        (espeak.Line("one", "en-US", "nobody"), "no voice variant 'nobody'"),
        (espeak.Line("one", "xx-nowhere", "f1"), "error 2 while choosing the voice"),
    ],
)
def test_an_unknown_voice_is_an_error_and_not_another_voice(line, message):
    with pytest.raises(DataError, match=message):
        espeak.speak([line])


@needs_espeak
def test_obtaining_reports_progress_and_a_failure_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(spoken_digits, "make", lambda folder, progress: progress("speaking digits", 1, 1))
    reports = []
    spoken_digits.obtain(tmp_path / "good", lambda *report: reports.append(report))
    assert reports == [("speaking digits", 1, 1)]

    monkeypatch.setattr(spoken_digits, "make", lambda folder, progress: espeak.speak([espeak.Line("one", "en", "?")]))
    with pytest.raises(DataError, match="no voice variant"):
        spoken_digits.obtain(tmp_path / "bad")
    assert [path.name for path in tmp_path.iterdir()] == ["good"]


def test_without_espeak_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(espeak.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DataError, match=r"pip install crnn-audio\[synth\]"):
        espeak.speak([espeak.Line("one", "en", "f1")])


def test_the_committed_tiny_corpus_is_whole_and_small():
    cuts = spoken_digits.read_splits(TINY)
    assert {split: len(of_split) for split, of_split in cuts.items()} == {"train": 16, "dev": 4, "test": 4}
    for split, of_split in cuts.items():
        assert {cut.speaker for cut in of_split} <= set(spoken_digits.VOICES[split])
        for cut in of_split:
            assert len(audio.read(cut.recording.path)[0]) == cut.recording.num_samples
            assert cut.recording.path.is_relative_to(TINY)
    assert {word for cut in cuts["train"] for word in cut.text.split()} == set(spoken_digits.WORDS)
    assert sum(path.stat().st_size for path in TINY.rglob("*") if path.is_file()) < 1_000_000
