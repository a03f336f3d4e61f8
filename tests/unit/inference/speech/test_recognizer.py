"""Recordings to text: every kind of source, order, batches, and words with times as they were constructed."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from crnn_audio.batching import manifests
from crnn_audio.errors import DataError, RunError
from crnn_audio.evaluation.evaluate import evaluate
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech import joining
from crnn_audio.inference.speech import transcription as module


def paths(tiny: Path) -> list[Path]:
    return [cut.recording.path for cut in manifests.load(tiny / "train.jsonl")]


def close(one: Hypothesis, other: Hypothesis) -> bool:
    return (
        (one.text, one.seconds, one.path) == (other.text, other.seconds, other.path)
        and [(w.text, w.start, w.end) for w in one.words] == [(w.text, w.start, w.end) for w in other.words]
        and one.confidence == pytest.approx(other.confidence, rel=1e-4)
    )


def test_every_kind_of_source_says_the_same(recognizer, tiny: Path) -> None:
    path = paths(tiny)[0]
    result = recognizer.transcribe(path)
    assert result.text
    assert result.path == str(path)
    assert result.seconds == soundfile.info(path).duration
    assert recognizer.transcribe(str(path)) == result
    assert recognizer.transcribe([path]) == [result]
    for nameless in (path.read_bytes(), io.BytesIO(path.read_bytes())):
        again = recognizer.transcribe(nameless)
        assert again.path is None
        assert (again.text, again.words, again.seconds) == (result.text, result.words, result.seconds)
    with path.open("rb") as file:
        assert recognizer.transcribe(file).text == result.text


def test_order_is_kept_and_batches_do_not_matter(recognizer, tiny: Path, monkeypatch) -> None:
    shuffled = [paths(tiny)[index] for index in np.random.default_rng(1).permutation(16)]
    alone = [recognizer.transcribe(path) for path in shuffled]
    assert len({one.text for one in alone}) > 10, "the model says too little to tell recordings apart"
    for seconds in (0.1, 3.0, 60.0):
        monkeypatch.setattr(module, "BATCH_SECONDS", seconds)
        together = recognizer.transcribe(shuffled)
        assert all(close(*pair) for pair in zip(together, alone, strict=True))
    assert recognizer.transcribe([]) == []


def test_long_ones_among_short_ones_say_the_same_in_their_places(recognizer, tiny: Path, monkeypatch) -> None:
    sources = [*paths(tiny)[:6], b"noise"]
    wanted = recognizer.transcribe_each(sources)
    seconds = sorted(one.seconds for one in wanted[:6])
    monkeypatch.setattr(module, "SHORT", seconds[2])
    found = dict(recognizer.as_completed(sources))
    assert list(found)[:3] == [index for index in range(6) if wanted[index].seconds > seconds[2]], "long first"
    assert all(close(found[index], wanted[index]) for index in range(6))
    assert str(found[6]) == str(wanted[6])


def test_progress_is_reported_within_a_long_one(recognizer, tiny: Path, monkeypatch) -> None:
    monkeypatch.setattr(joining, "BLOCK", 0.25)
    monkeypatch.setattr(joining, "WINDOW", 0.4)
    monkeypatch.setattr(joining, "CONTEXT", 0.2)
    monkeypatch.setattr(module, "SHORT", 0.2)
    reported = list[float]()
    ((_, result),) = recognizer.as_completed([paths(tiny)[0]], reported.append)
    assert len(reported) > 2
    assert reported == sorted(set(reported))
    assert reported[-1] == pytest.approx(result.seconds, abs=0.1)


def test_any_rate_and_channel_count(recognizer, tmp_path: Path) -> None:
    time = np.arange(44100) / 44100
    soundfile.write(tmp_path / "cd.wav", 0.1 * np.sin(2 * np.pi * 440 * np.stack([time, time], axis=1)), 44100)
    assert recognizer.transcribe(tmp_path / "cd.wav").seconds == pytest.approx(1.0)


def test_errors_stand_in_the_place_of_their_recording(recognizer, tiny: Path, tmp_path: Path) -> None:
    good = paths(tiny)[:2]
    done: list[int] = []
    results = recognizer.transcribe_each([good[0], tmp_path / "none.wav", good[1], b"noise", b""], done.append)
    assert [type(result) for result in results] == [Hypothesis, DataError, Hypothesis, DataError, DataError]
    assert done[-1] == 5
    assert done == sorted(done)
    with pytest.raises(DataError, match=r"none\.wav: no such file"):
        recognizer.transcribe([good[0], tmp_path / "none.wav"])
    with pytest.raises(DataError, match="bytes: not audio"):
        recognizer.transcribe(b"noise")


def test_the_shortest_that_holds_a_frame(recognizer, tmp_path: Path) -> None:
    lengths = {}
    for samples in (1, 79, 80, 400):  # fbank gives round(samples / 160) frames
        soundfile.write(tmp_path / "short.wav", np.full(samples, 0.1), 16000)
        lengths[samples] = recognizer.transcribe_each([tmp_path / "short.wav"])[0]
    assert [type(lengths[samples]) for samples in (1, 79, 80, 400)] == [DataError, DataError, Hypothesis, Hypothesis]
    assert str(lengths[79]).endswith("short.wav: 4.94 ms is too short to hold any sound.")
    assert lengths[80].seconds == 80 / 16000


def silence(seconds: float) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(round(seconds * 16000)), 16000, format="WAV")
    return file.getvalue()


def test_frames_are_forty_milliseconds(recognizer) -> None:
    assert recognizer.frame_seconds == pytest.approx(0.04)


def test_words_times_and_confidences_are_those_of_their_frames(hearing) -> None:
    frames = [("", 0.99), ("a", 0.9), ("a", 0.7), ("", 0.8), ("a", 0.6), (" ", 0.5), ("", 0.9), ("b", 0.95), ("", 0.9)]
    result = hearing(frames, "ab ").transcribe(silence(0.36))
    assert result.text == "aa b"
    first, second = result.words
    assert (first.text, first.start, first.end) == ("aa", pytest.approx(0.04), pytest.approx(0.20))
    assert first.confidence == pytest.approx(0.9 * 0.6), "each token by its best frame, the word by their product"
    assert (second.text, second.start, second.end) == ("b", pytest.approx(0.28), pytest.approx(0.32))
    assert second.confidence == pytest.approx(0.95)
    assert result.confidence == pytest.approx(0.54), "that of the least sure word; separators do not count"
    assert result.seconds == pytest.approx(0.36)


def test_no_word_ends_after_the_recording(hearing) -> None:
    result = hearing([("a", 0.9), ("", 0.9), ("b", 0.9)], "ab").transcribe(silence(0.1))  # three frames reach to 0.12 s
    (word,) = result.words
    assert (word.text, word.start, word.end) == ("ab", 0.0, 0.1)


def test_nothing_said_is_as_sure_as_the_least_sure_blank(hearing) -> None:
    result = hearing([("", 0.9), ("", 0.7), ("", 0.8)], "ab ").transcribe(silence(0.12))
    assert (result.text, result.words) == ("", ())
    assert result.confidence == pytest.approx(0.7)


def test_a_vocabulary_of_words(hearing) -> None:
    frames = [("nine", 0.9), ("", 0.9), ("nine", 0.8), ("two", 0.7), ("two", 0.9)]
    result = hearing(frames, "nine two", "words").transcribe(silence(0.2))
    assert result.text == "nine nine two"
    assert [(word.text, word.confidence) for word in result.words] == [
        ("nine", pytest.approx(0.9)),
        ("nine", pytest.approx(0.8)),
        ("two", pytest.approx(0.9)),
    ]
    assert [word.start for word in result.words] == pytest.approx([0.0, 0.08, 0.12])


def test_stray_separators_make_no_words(hearing) -> None:
    frames = [(" ", 0.9), ("a", 0.9), (" ", 0.9), ("", 0.9), (" ", 0.9), ("b", 0.9), (" ", 0.9)]
    result = hearing(frames, "ab ").transcribe(silence(0.28))
    assert result.text == "a b"
    assert [word.text for word in result.words] == ["a", "b"]


def test_an_unknown_token_is_no_separator(hearing) -> None:
    """Also where the vocabulary has no space, so that nothing separates."""
    result = hearing([("a", 0.9), ("<unk>", 0.9), ("b", 0.9)], "ab").transcribe(silence(0.12))
    assert result.text == "a\u2047b"
    assert [word.text for word in result.words] == ["a\u2047b"]


def test_the_model_is_in_judging_mode_and_keeps_no_gradient(recognizer, tiny: Path) -> None:
    assert not recognizer.task.training
    recognizer.transcribe(paths(tiny)[0])
    assert all(one.grad is None for one in recognizer.task.parameters())
    assert not torch.is_inference_mode_enabled()


def test_weights_that_are_finite_and_too_large_are_an_error(
    recognizer, tiny: Path, tmp_path: Path, monkeypatch
) -> None:
    with torch.no_grad():
        recognizer.task.model.head.linear.weight.fill_(3e38)
    sound = tiny / "test" / "test-0000.flac"
    asked = (
        lambda: recognizer.transcribe(sound),
        lambda: recognizer.plot(sound, tmp_path / "picture.png"),
        lambda: evaluate(recognizer, "test", root=tiny),
    )
    for ask in asked:
        with pytest.raises(
            RunError, match=f"^{re.escape(str(recognizer.run.path))}: the model computes NaN in place of"
        ):
            ask()
    monkeypatch.setattr(module, "SHORT", 0.1)  # as a long recording
    with pytest.raises(RunError, match=f"^{re.escape(str(recognizer.run.path))}: the model computes NaN in place of"):
        recognizer.transcribe(sound)
