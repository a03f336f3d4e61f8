"""Pieces of speech, cut out of recordings of any length, and their transcripts at their times."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Hypothesis, Labelled, Segment, Word
from crnn_audio.inference.speech import voiced
from crnn_audio.inference.speech.voiced import LONGEST, VoicedTranscriber, pieces

RATE = 8000


def test_segments_are_padded_joined_and_cut() -> None:
    assert pieces([(1.0, 2.0), (2.3, 3.0)], 10.0) == [(0.8, 3.2)]
    assert pieces([(0.1, 2.0), (4.0, 9.95)], 10.0) == [(0.0, 2.2), (3.8, 10.0)]
    parts = pieces([(1.0, 71.0)], 100.0)
    assert [round(end - start, 3) for start, end in parts] == [round(70.4 / 3, 3)] * 3
    assert pieces([], 10.0) == []
    assert max(end - start for start, end in pieces([(9.0 * n, 9.0 * n + 8.9) for n in range(9)], 99.0)) <= LONGEST


@dataclass
class Engine:
    """Gives the mean of a piece as its only word."""

    sample_rate: int = RATE
    lengths: list[int] = field(default_factory=list)

    def num_frames(self, num_samples: int) -> int:
        return num_samples // 80

    def decode(self, waveforms) -> list[float]:
        self.lengths += map(len, waveforms)
        return [float(np.round(wave.mean(), 2)) for wave in waveforms]

    def decode_long(self, sound, on_loss, within) -> tuple[float, int]:
        raise AssertionError("a piece is short")

    def hypothesis(self, path: float, seconds: float) -> Hypothesis:
        return Hypothesis(f"{path:g}", 0.5, (Word(f"{path:g}", 0.1, seconds, 0.5),), seconds)


@dataclass(frozen=True)
class Speech:
    """Finds speech where it is put."""

    spans: tuple[tuple[float, float], ...]
    seconds: float

    def labelled(self, source, options=None, progress=None, channel=None) -> Labelled:
        return Labelled(None, self.seconds, tuple(Segment(*span, "speech", 0.9) for span in self.spans))


def transcriber(spans: tuple[tuple[float, float], ...], seconds: float) -> VoicedTranscriber:
    return VoicedTranscriber(Engine(), Speech(spans, seconds))


@pytest.mark.parametrize("block", [0.5, 3.0, 60.0])
def test_pieces_are_read_where_they_are(block: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voiced, "BLOCK", block)
    sound = np.repeat(np.arange(10, dtype=np.float32) / 20, RATE)
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    ready = transcriber(((1.3, 1.7), (4.3, 4.6), (8.3, 8.7)), 10.0)
    ((index, found),) = ready.as_completed([str(tmp_path / "a.wav")], None, "mix")
    assert (index, found.text, found.seconds) == (0, "0.05 0.2 0.4", 10.0)
    assert [(round(word.start, 2), round(word.end, 2)) for word in found.words] == [(1.2, 1.9), (4.2, 4.8), (8.2, 8.9)]
    assert sum(ready.engine.lengths) == round(2.3 * RATE)


def test_nothing_to_transcribe_and_what_cannot_be_read_twice(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(RATE, 0.1), RATE)
    ready = transcriber((), 1.0)
    found = [one for _, one in ready.as_completed([str(tmp_path / "a.wav"), "-"], None, "mix")]
    assert (found[0].text, found[0].words) == ("", ())
    assert isinstance(found[1], DataError)
