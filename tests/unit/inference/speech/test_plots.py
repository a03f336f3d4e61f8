"""Pictures hold what was recognised: read back from the figure, not from the pixels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from matplotlib import image
from matplotlib.colors import to_rgb

from crnn_audio import files
from crnn_audio.audio.decoders import SoundFile
from crnn_audio.decoding.options import DecodingOptions
from crnn_audio.hypotheses import Alternative, Hypothesis
from crnn_audio.inference.speech import plots
from crnn_audio.inference.speech.plots import Evidence
from tests.unit.inference.hypotheses import said

TOKENS = ("<blank>", "<unk>", " ", "a", "Ж")


def evidence(ids: list[int]) -> Evidence:
    """Each token is as likely as 0.8 in its frame; of features, four frames of ten milliseconds for each."""
    probs = np.full((len(ids), len(TOKENS)), 0.05, dtype=np.float32)
    probs[np.arange(len(ids)), ids] = 0.8
    features = np.random.default_rng(0).normal(size=(4 * len(ids), 12)).astype(np.float32)
    return Evidence(features, 0.01, probs, 0.04, TOKENS)


def written(axes: object) -> list[tuple[float, str]]:
    return [(round(text.get_position()[0], 3), text.get_text()) for text in axes.texts]


def test_a_short_recording_is_one_row_of_three() -> None:
    figure = plots.plot(evidence([0, 3, 3, 0, 2, 4, 0]), said(("a", 0.04, 0.12), ("Ж", 0.2, 0.24), seconds=0.28))
    spectrogram, posteriors, words = figure.axes
    assert spectrogram.images[0].get_array().shape == (12, 28)
    assert spectrogram.images[0].get_extent() == pytest.approx([0, 0.28, 0, 12])
    assert written(posteriors) == [(0.06, "a"), (0.18, "␣"), (0.22, "Ж")]
    assert written(words) == [(0.08, "a"), (0.22, "Ж")]
    assert {axes.get_xlim() for axes in figure.axes} == {(0, 0.28)}
    assert figure._suptitle.get_text() == "rec.wav: 0.28 s, confidence 50%"


def test_likely_transcripts_stand_below_each_other() -> None:
    one = said(("a", 0.04, 0.08), ("a", 0.2, 0.24), seconds=0.28)
    two = said(("Ж", 0.04, 0.12), ("a", 0.2, 0.24), seconds=0.28)
    likely = (Alternative("a a", -0.5, one.words), Alternative("Ж a", -2.25, two.words), Alternative("a", -3.0))
    figure = plots.plot(evidence([0, 3, 4, 0, 0, 3, 0]), replace(one, alternatives=likely))
    _, _, lines = figure.axes
    assert written(lines) == [(0.06, "a"), (0.22, "a"), (0.08, "Ж"), (0.22, "a")]
    assert [text.get_position()[1] for text in lines.texts] == [1.5, 1.5, 0.5, 0.5]
    assert [label.get_text() for label in lines.get_yticklabels()] == ["-0.50", "-2.25"]
    blue, orange = to_rgb("tab:blue"), to_rgb("tab:orange")
    assert [tuple(area.get_facecolor()[0][:3]) for area in lines.collections] == [blue, blue, orange, blue]
    long = replace(one, alternatives=likely[:1] * 20, seconds=25.0)
    assert [len(axes.get_yticks()) for axes in plots.plot(evidence([0] * 625), long).axes[2::3]] == [10] * 3


def test_a_long_one_has_rows_and_words_where_they_are() -> None:
    ids = [0] * 625
    ids[310] = 3
    figure = plots.plot(evidence(ids), said(("a", 12.4, 12.44), ("b", 24.1, 24.3), seconds=25.0))
    assert len(figure.axes) == 9
    assert [axes.get_xlim() for axes in figure.axes[::3]] == [(0, 12), (12, 24), (24, 36)]
    assert [written(axes) for axes in figure.axes[1::3]] == [[], [(12.42, "a")], []]
    assert [written(axes) for axes in figure.axes[2::3]] == [[], [(12.42, "a")], [(24.2, "b")]]


def test_of_an_hour_the_beginning_is_plotted_and_the_title_says_so() -> None:
    figure = plots.plot(evidence([0] * 100), said(("a", 1.0, 2.0), ("z", 3000.0, 3001.0), seconds=3600.0))
    assert len(figure.axes) == 30
    assert figure._suptitle.get_text() == "rec.wav: the first 120 s of 3600.00 s, confidence 50%"


@pytest.mark.parametrize("name", ["$\\frac$ x.wav", "two\nlines.wav", "bad\udcff.wav", "日本語.wav", "rec.wav"])
def test_any_name_and_any_letter_is_plotted(tmp_path: Path, name: str, recwarn) -> None:
    result = said(("$\\frac$", 0.0, 0.04), ("日本", 0.04, 0.08), ("^$", 0.1, 0.1), seconds=0.2)
    plots.save(tmp_path / "x.png", evidence([0, 3, 0]), Hypothesis(result.text, 0.5, result.words, 0.2, name))
    picture = image.imread(tmp_path / "x.png")
    assert picture.shape[0] > 200
    assert picture.std() > 0.1
    assert [str(one.message) for one in recwarn if "Glyph" in str(one.message)] == []


def test_nothing_said_in_a_moment(tmp_path: Path) -> None:
    plots.save(tmp_path / "x.png", evidence([0]), said(seconds=0.01))
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch) -> None:
    def full(file: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        plots.save(tmp_path / "x.png", evidence([0]), said(seconds=0.04))
    assert list(tmp_path.iterdir()) == []


def test_the_recogniser_draws_what_it_hears(recognizer, tiny: Path, tmp_path: Path, monkeypatch) -> None:
    plotted: list[tuple[Evidence, Hypothesis]] = []
    monkeypatch.setattr(plots, "save", lambda path, seen, result: plotted.append((seen, result)))
    path = next((tiny / "test").glob("*.flac"))
    result = recognizer.plot(path, tmp_path / "x.png")
    assert result == recognizer.transcribe(path)
    ((seen, hypothesis),) = plotted
    assert hypothesis == result
    assert seen.tokens == recognizer.task.vocabulary.tokens
    assert np.allclose(seen.probs.sum(axis=1), 1, atol=1e-5)
    assert len(seen.features) * seen.hop_seconds == pytest.approx(result.seconds, abs=0.01)
    assert len(seen.probs) * seen.frame_seconds == pytest.approx(result.seconds, abs=0.04)
    first = result.words[0]
    assert seen.probs[round(first.start / seen.frame_seconds)].argmax() > 0, "the word stands where its letter peaks"


def test_the_recogniser_draws_likely_transcripts_where_they_were_said(recognizer, tiny: Path, monkeypatch) -> None:
    plotted: list[Hypothesis] = []
    monkeypatch.setattr(plots, "save", lambda path, seen, result: plotted.append(result))
    path = next((tiny / "test").glob("*.flac"))
    several = recognizer.with_decoding(DecodingOptions(nbest=3))
    result = several.plot(path, "x.png")
    assert [one.words for one in result.alternatives] == [()] * 3
    assert [replace(one, words=()) for one in plotted[0].alternatives] == list(result.alternatives)
    first = plotted[0].alternatives[0].words
    assert [(word.text, word.start, word.end) for word in first] == [
        (word.text, word.start, word.end) for word in result.words
    ]
    assert all(" ".join(word.text for word in one.words) == one.text for one in plotted[0].alternatives)
    monkeypatch.setattr(plots, "MAX_SECONDS", 0.1)
    several.plot(path, "x.png", result)
    assert plotted[1] == result, "the beginning of a recording holds no whole transcript"


@pytest.mark.parametrize("short", [0.5, 30.0])
def test_of_a_long_recording_the_beginning_alone_is_read(recognizer, tmp_path: Path, monkeypatch, short: float) -> None:
    """And a cut file is plotted as far as it goes, though whoever transcribed it was warned already."""
    noise = np.random.default_rng(0).normal(0, 0.1, 10 * 8000)
    path = tmp_path / "cut.wav"
    soundfile.write(path, noise, 8000)
    path.write_bytes(path.read_bytes()[:-1000])
    monkeypatch.setattr("crnn_audio.inference.speech.transcription.SHORT", short)
    result = recognizer.transcribe(path)
    assert result.warning
    plotted: list[Evidence] = []
    decoded: list[int] = []
    decode = SoundFile._next
    monkeypatch.setattr(SoundFile, "_next", lambda sound, count: decoded.append(count) or decode(sound, count))
    monkeypatch.setattr(plots, "save", lambda path, seen, result: plotted.append(seen))
    monkeypatch.setattr(plots, "MAX_SECONDS", 2.0)
    assert recognizer.plot(path, tmp_path / "x.png", result) == result
    assert sum(decoded) <= 3 * 2 * 8000, "a resampler may want a little more than it gives"
    assert len(plotted[0].features) * plotted[0].hop_seconds == pytest.approx(2.0, abs=0.01)
    assert recognizer.plot(path, tmp_path / "x.png") == result
    monkeypatch.setattr(plots, "MAX_SECONDS", 20.0)
    recognizer.plot(path, tmp_path / "x.png", result)
    assert len(plotted[2].features) * plotted[2].hop_seconds == pytest.approx(result.seconds, abs=0.01)
