"""Times and confidences of words against alignments that were constructed: of log-probabilities, and of sound.

Random alignments are handed to the recogniser as the log-probabilities of its frames. Then a network whose weights are
set by hand, so that it hears one tone as each letter, transcribes tones of which each sample's place is known.
"""

import io
import itertools
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.problems import recognition, recordings
from crnn_audio.problems.recognition import Assets
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.types import AudioBatch, Encoded
from tests.loading import run_of

RATE, HOP, STRIDE = 16000, 160, 4
FRAME = Fraction(HOP * STRIDE, RATE)
"""Seconds between output frames: frame u stands for the time from u * FRAME on."""
LETTERS = "abc "


def recognizer_of(features: dict, model: dict) -> Recognizer:
    recipe = RecognitionRecipe.model_validate(
        {"data": {"corpus": "an4"}, "features": {"normalize": "none"} | features, "model": model}
    )
    tokens = Vocabulary.build([LETTERS], "characters")
    return Recognizer(run_of(recipe), recognition.task(recipe, Assets(tokens, None)))


# ---------------------------------------------------------------------------------------- of log-probabilities


@dataclass(frozen=True)
class Timed:
    """A word that was laid out, in frames, the end exclusive."""

    text: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True)
class Alignment:
    """What each frame says ("" is the blank) and how surely, in a recording of so many samples."""

    frames: tuple[tuple[str, float], ...]
    words: tuple[Timed, ...]
    samples: int


@st.composite
def alignments(draw: st.DrawFn) -> Alignment:
    """Words of letters of any lengths, with any silence around and between them, blanks wherever CTC allows them."""
    frames: list[tuple[str, float]] = []
    words = []

    def say(token: str, least: int, most: int) -> float:
        """Lays out a run; gives its highest probability."""
        probs = draw(st.lists(st.floats(0.51, 0.99), min_size=least, max_size=most))
        frames.extend((token, prob) for prob in probs)
        return max(probs, default=0.0)

    say("", 0, 4)
    for text in draw(st.lists(st.text("abc", min_size=1, max_size=4), max_size=3)):
        if words:
            say(" ", 1, 2)
            if draw(st.booleans()):
                say("", 1, 2)
                say(" ", 1, 2)
            say("", 0, 3)
        start, peaks = len(frames), []
        for index, letter in enumerate(text):
            if index:
                say("", 1 if letter == text[index - 1] else 0, 2)
            peaks.append(say(letter, 1, 3))
        words.append(Timed(text, start, len(frames), math.prod(peaks)))
        if draw(st.booleans()):
            say("", 1, 3)
    if not frames:
        say("", 1, 4)
    inputs = STRIDE * len(frames) - draw(st.integers(0, STRIDE - 1))  # the last output frame may stand on few
    return Alignment(tuple(frames), tuple(words), HOP * inputs + draw(st.integers(-HOP // 2, HOP // 2 - 1)))


@pytest.fixture(scope="module")
def any_model() -> Recognizer:
    """Any model over fbank that makes a frame of four."""
    conv = [{"channels": 2, "stride": [2, 2]}] * 2
    return recognizer_of(
        {"kind": "fbank", "num_mels": 12}, {"conv": conv, "recurrent": {"hidden_size": 4, "num_layers": 1}}
    )


def transcribed(recognizer: Recognizer, chosen: Sequence[Alignment]) -> list[Hypothesis]:
    """By a recogniser whose network says these; each recording holds its number, and past its end "a" is certain."""
    task = recognizer.task

    def forward(audio: AudioBatch) -> Encoded:
        lengths = task.model.output_lengths(task.front_end.num_frames(audio.lengths))
        probs = torch.zeros(len(lengths), int(lengths.max()) + 2, len(task.vocabulary))
        probs[:, :, task.vocabulary.encode("a")[0]] = 1.0
        for row, length in enumerate(lengths.tolist()):
            said = chosen[round(float(audio.waveforms[row, 0]) * 10) - 1].frames
            assert length == len(said)
            for frame, (token, prob) in enumerate(said):
                probs[row, frame] = (1 - prob) / (len(task.vocabulary) - 1)
                probs[row, frame, task.vocabulary.encode(token)[0] if token else 0] = prob
        return Encoded(probs.log(), lengths)

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(task, "forward", forward)
        paths = [Path(folder) / f"{index}.wav" for index in range(len(chosen))]
        for index, (path, one) in enumerate(zip(paths, chosen, strict=True)):
            soundfile.write(path, np.full(one.samples, (index + 1) / 10), RATE, subtype="FLOAT")
        return recognizer.transcribe(paths)


@settings(max_examples=50, deadline=None)
@given(chosen=st.lists(alignments(), min_size=1, max_size=4))
def test_words_stand_where_they_were_laid_out(any_model: Recognizer, chosen: list[Alignment]) -> None:
    for result, laid in zip(transcribed(any_model, chosen), chosen, strict=True):
        seconds = Fraction(laid.samples, RATE)
        assert result.text == " ".join(word.text for word in laid.words)
        assert result.seconds == float(seconds)
        assert [word.text for word in result.words] == [word.text for word in laid.words]
        for word, wanted in zip(result.words, laid.words, strict=True):
            assert word.start == pytest.approx(float(min(wanted.start * FRAME, seconds)), abs=1e-9)
            assert word.end == pytest.approx(float(min(wanted.end * FRAME, seconds)), abs=1e-9)
            assert word.confidence == pytest.approx(wanted.confidence, rel=1e-5)
        blanks = [prob for token, prob in laid.frames if token == ""]
        least = min((word.confidence for word in laid.words), default=min(blanks, default=1.0))
        assert result.confidence == pytest.approx(least, rel=1e-5)


def test_repeated_letters_adjacent_words_and_silences(any_model: Recognizer) -> None:
    """One alignment, its figures computed by hand."""
    frames = [("", 0.9), ("", 0.7), ("b", 0.6), ("", 0.8), ("b", 0.8), ("b", 0.9), ("a", 0.5), (" ", 0.6), ("c", 0.75)]
    frames += [("c", 0.7), ("", 0.55), ("", 0.99), ("", 0.9)]
    words = (Timed("bba", 2, 7, 0.6 * 0.9 * 0.5), Timed("c", 8, 10, 0.75))
    (result,) = transcribed(any_model, [Alignment(tuple(frames), words, 13 * HOP * STRIDE)])
    assert (result.text, result.seconds) == ("bba c", 0.52)
    first, second = result.words
    assert (first.start, first.end) == (pytest.approx(0.08), pytest.approx(0.28))
    assert (second.start, second.end) == (pytest.approx(0.32), pytest.approx(0.40))
    assert (first.confidence, second.confidence) == (pytest.approx(0.27), pytest.approx(0.75))
    assert result.confidence == pytest.approx(0.27)


# ---------------------------------------------------------------------------------------- of sound

BINS, SHARPNESS, SILENCE = 16, 0.5, 1.2
"""Of the features; of the head; the blank's logit."""
TONES = {"a": (450.0, 0.3), "b": (1000.0, 0.12), "c": (2000.0, 0.5), " ": (4000.0, 0.2)}
"""Hertz and amplitude of each letter."""
SAID = "____aabb_b  cc_ca_____ b______"
"""A letter for each output frame; _ is silence."""
WORDS = {"abb": (4, 10), "cca": (12, 17), "b": (23, 24)}
"""By hand: the first frame, and the frame after the last."""
FEATURES = [{"kind": "fbank", "num_mels": BINS}, {"kind": "log_mel", "num_mels": BINS}]
TAPS = {"same": 1, "causal": 2, "valid": 0}
"""Which of a kernel's three frames is the one that its output stands for."""
LAYERS = {
    "both": {"bidirectional": True},
    "forward": {"bidirectional": False},
    "look-ahead": {"bidirectional": False, "look_ahead": 3},
}


def sound(said: str) -> np.ndarray:
    """The tones; each change lies 15 ms before its frame's time, between that frame's window and the one before."""
    time = np.arange(len(said) * HOP * STRIDE) / RATE
    frames = np.minimum((time + 0.015) / float(FRAME), len(said) - 1).astype(int)
    wave = np.zeros_like(time)
    for letter, (hertz, amplitude) in TONES.items():
        wave += amplitude * np.sin(2 * np.pi * hertz * time) * np.array([one == letter for one in said])[frames]
    return wave.astype(np.float32)


def recording(wave: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, wave, RATE, format="WAV", subtype="FLOAT")
    return file.getvalue()


@cache
def bins(kind: str) -> dict[str, int]:
    """The bin in which each tone is loudest."""
    front_end, loudest = recordings.FRONT_ENDS[kind](sample_rate=RATE, num_mels=BINS), {}
    for letter in TONES:
        wave = torch.from_numpy(sound(letter * 20)).unsqueeze(0)
        features, _ = front_end(wave, torch.tensor([wave.shape[1]]))
        loudest[letter] = int(features[0, 40].argmax())
    assert len(set(loudest.values())) == len(TONES)
    return loudest


@torch.no_grad()
def hearing_tones(features: dict, layers: dict, conv_time: str) -> Recognizer:
    """Convolutions that keep the frame they stand at, cells that hand on what they get, a head that looks at bins.

    A token's logit is SHARPNESS times its bin's feature, or 0 where that is negative; the blank's is SILENCE.
    """
    conv = [{"channels": 1, "kernel": [3, 3], "stride": [2, 1]}] * 2
    recurrent = {"cell": "rnn", "nonlinearity": "relu", "hidden_size": BINS, "num_layers": 2, "norm": "none"} | layers
    recognizer = recognizer_of(
        features, {"conv": conv, "conv_norm": "none", "conv_time": conv_time, "recurrent": recurrent}
    )
    model, halves = recognizer.task.model, 2 if layers["bidirectional"] else 1
    for layer in model.front.layers:
        layer.conv.weight.zero_()[0, 0, TAPS[conv_time], 1] = 1.0
    for one in model.recurrent.modules():
        if isinstance(one, nn.Linear):
            one.weight.copy_(torch.eye(BINS))
            one.bias.zero_()
        if isinstance(one, nn.RNN):
            one.weight_ih_l0.copy_(torch.eye(BINS).repeat(1, one.input_size // BINS) * BINS / one.input_size)
            one.weight_hh_l0.zero_()
            one.bias_ih_l0.zero_()
            one.bias_hh_l0.zero_()
    head = model.head.linear
    head.weight.zero_()
    head.bias.zero_()
    head.bias[0], head.bias[1] = SILENCE, -50.0
    for letter, loudest in bins(recognizer.run.recipe["features"]["kind"]).items():
        head.weight[recognizer.task.vocabulary.encode(letter)[0], loudest::BINS] = SHARPNESS / halves
    return recognizer


def expected_probs(recognizer: Recognizer, wave: np.ndarray) -> list[dict[str, float]]:
    """Of each letter in each frame, by arithmetic on the features at the frames' own times."""
    features, _ = recognizer.task.features(AudioBatch(torch.from_numpy(wave[None]), torch.tensor([len(wave)]), RATE))
    probs = []
    loudest = bins(recognizer.run.recipe["features"]["kind"])
    for frame in features[0, ::STRIDE].double().clamp(min=0).tolist():
        weights = {letter: math.exp(SHARPNESS * frame[one]) for letter, one in loudest.items()}
        weights["_"] = math.exp(SILENCE)
        probs.append({letter: weight / sum(weights.values()) for letter, weight in weights.items()})
    return probs


def assert_as_laid_out(result: Hypothesis, probs: Sequence[dict[str, float]]) -> None:
    assert result.text == " ".join(WORDS)
    confidences = []
    for word, (text, (start, end)) in zip(result.words, WORDS.items(), strict=True):
        assert word.text == text
        assert (word.start, word.end) == (pytest.approx(float(start * FRAME)), pytest.approx(float(end * FRAME)))
        runs = itertools.groupby(range(start, end), key=lambda frame: SAID[frame])
        peaks = [max(probs[frame][letter] for frame in run) for letter, run in runs if letter != "_"]
        assert len(peaks) == len(text)
        confidences.append(math.prod(peaks))
        assert word.confidence == pytest.approx(confidences[-1], rel=1e-4)
        assert 0.01 < word.confidence < 0.95, "too sure to tell confidences apart"
    assert result.confidence == pytest.approx(min(confidences), rel=1e-4)
    assert len({round(one, 3) for one in confidences}) == len(WORDS)


@pytest.mark.parametrize("conv_time", TAPS)
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("features", FEATURES, ids=lambda features: features["kind"])
def test_tones_are_recognised_when_they_sound(features: dict, layers: str, conv_time: str) -> None:
    recognizer, wave = hearing_tones(features, LAYERS[layers], conv_time), sound(SAID)
    probs = expected_probs(recognizer, wave)
    assert_as_laid_out(recognizer.transcribe(recording(wave)), probs)
    if layers != "both":
        with recognizer.stream(RATE) as stream:
            results = [stream.feed(block) for block in np.array_split(wave, 13)] + [stream.flush()]
        (final,) = [one for after in results for one in after.finals]
        assert_as_laid_out(final, probs)


def test_times_are_within_a_frame_of_the_sound_wherever_it_begins() -> None:
    """A tone is recognised in each frame whose window holds enough of it; times are those of whole frames."""
    recognizer, starts, ends = hearing_tones(FEATURES[0], LAYERS["both"], "same"), [], []
    for shift in range(0, HOP * STRIDE, 40):
        wave = np.concatenate([np.zeros(shift, np.float32), sound("______aaa____")])
        sounding = np.nonzero(wave)[0]
        (word,) = recognizer.transcribe(recording(wave)).words
        starts.append(word.start - sounding[0] / RATE)
        ends.append(word.end - sounding[-1] / RATE)
    assert max(map(abs, starts + ends)) < float(FRAME)
    assert max(starts) - min(starts) > 0.8 * float(FRAME), "the sound was not shifted against the frames"
    assert abs(np.mean(starts)) < float(FRAME) / 2
    assert abs(np.mean(ends)) < float(FRAME) / 2
