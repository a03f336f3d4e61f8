"""Law 1: whatever lies beside an utterance, and whatever it is padded with, its result stays the same."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from crnn_audio.config.schema import Recipe
from crnn_audio.decoding.ctc import Greedy
from crnn_audio.features.normalize import Moments, Statistics
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech import transcription
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.lengths import mask
from crnn_audio.problems import recognition as problem
from crnn_audio.problems import recordings
from crnn_audio.tasks.ctc import Recognition, ctc_losses
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.types import AudioBatch, Encoded, TokenBatch
from tests.invariants.small import STACKS, TIMES, crnn, each_way, features, moved, padded
from tests.loading import loads, run_of

GARBAGE = {"zeros": 0.0, "nan": math.nan, "huge": 1e30, "inf": -math.inf}
FRAMES = [19, 0, 40, 3, 1, 27, 2]

# ---------------------------------------------------------------------------------------- the network


@pytest.mark.parametrize("extras", [False, True], ids=["plain", "residual-inner"])
@pytest.mark.parametrize("time_padding", TIMES)
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("norm", ["none", "layer"])
@each_way
def test_an_utterance_alone_equals_itself_beside_longer_ones(
    kind: str, bidirectional: bool, norm: str, stack: str, time_padding: str, extras: bool
) -> None:
    shape = {"norm": norm, "stack": stack, "time_padding": time_padding, "residual": extras, "inner": extras}
    model, items = crnn(kind, bidirectional=bidirectional, **shape), features(*FRAMES)
    with torch.no_grad():
        alone = [model(*padded([item])) for item in items]
        assert float(alone[2].frames[0, :5].std(dim=0).min()) > 1e-3, "the outputs say nothing"
        for fill in GARBAGE.values():
            together = model(*padded(items, fill))
            assert together.lengths.tolist() == [int(one.lengths) for one in alone]
            for row, one in enumerate(alone):
                length = int(one.lengths)
                for found, wanted in zip(
                    (together.frames, *together.intermediate), (one.frames, *one.intermediate), strict=True
                ):
                    torch.testing.assert_close(found[row, :length], wanted[0, :length], rtol=0, atol=1e-9)


@pytest.mark.parametrize("inner", [False, True], ids=["plain", "inner"])
@pytest.mark.parametrize("stack", STACKS)
@each_way
def test_gradients_of_a_batch_are_the_sum_of_those_alone(
    kind: str, bidirectional: bool, stack: str, inner: bool
) -> None:
    model = crnn(kind, bidirectional=bidirectional, stack=stack, inner=inner)
    items, targets = features(40, 12, 23), torch.tensor([[1, 2], [3, 0], [4, 4]])
    target_lengths = torch.tensor([2, 1, 2])

    def gradients(rows: list[int], fill: float) -> list[Tensor]:
        encoded = model(*padded([items[row] for row in rows], fill))
        guesses = [Encoded(guess, encoded.lengths) for guess in (encoded.frames, *encoded.intermediate)]
        loss = sum(ctc_losses(one, TokenBatch(targets[rows], target_lengths[rows])).sum() for one in guesses)
        return list(torch.autograd.grad(loss, list(model.parameters())))

    apart = [gradients([row], 0.0) for row in range(3)]
    assert all(float(one.abs().sum()) > 0 for one in apart[0])
    for fill in GARBAGE.values():
        for together, *alone in zip(gradients([0, 1, 2], fill), *apart, strict=True):
            torch.testing.assert_close(together, sum(alone), rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------------------------------- from sound to log-probs

SAMPLE_RATE = 8000
SAMPLES = [2400, 6000, 1, 700, 39, 40, 4444]
"""Of them, 1 and 39 are too short for a frame of fbank; all but three give no or one frame out."""
VOCABULARY = Vocabulary.build(["ab cd"], "characters")


def recipe(kind: str = "fbank", normalize: str = "global", bidirectional: bool = True) -> Recipe:
    return loads(
        f"""
        data: {{corpus: an4}}
        features: {{kind: {kind}, sample_rate: {SAMPLE_RATE}, num_mels: 40, normalize: {normalize}}}
        model:
          conv: [{{channels: 3, kernel: [5, 3], stride: [2, 2]}}, {{channels: 3, stride: [2, 2]}}]
          recurrent: {{hidden_size: 8, num_layers: 1, dropout: 0.5, bidirectional: {str(bidirectional).lower()}}}
        """
    )


def recognition(asked: Recipe) -> Recognition:
    """A recogniser with random weights that is sure of itself and says every token now and then."""
    waves = audio(sounds(), torch.float32)
    front_end = recordings.front_end(asked.features)
    seen = Moments(front_end.num_features)
    seen.add(*front_end(waves.waveforms, waves.lengths))
    statistics = Statistics(tuple(seen.mean.tolist()), tuple(seen.std.tolist()))
    task = problem.task(asked, problem.Assets(VOCABULARY, statistics)).eval()
    head = moved(task.model).head.linear
    with torch.no_grad():
        head.weight *= 12
        head.bias.zero_()
        states = task.model.recurrent(task.model.front(*task.features(waves)))
        head.bias -= head(states.frames)[mask(states.lengths, states.frames.shape[1])].mean(dim=0)
    return task


def sounds() -> list[Tensor]:
    """Chirps in noise, that change all the time."""
    random = np.random.default_rng(5)
    found = []
    for samples in SAMPLES:
        seconds = np.arange(samples) / SAMPLE_RATE
        chirp = 0.3 * np.sin(2 * np.pi * (300 + 900 * seconds) * seconds) * np.sin(40 * seconds) ** 2
        found.append(torch.from_numpy(chirp + 0.02 * random.standard_normal(samples)))
    return found


def audio(waves: list[Tensor], dtype: torch.dtype, fill: float = 0.0) -> AudioBatch:
    waveforms, lengths = padded(waves, fill)
    return AudioBatch(waveforms.to(dtype), lengths, SAMPLE_RATE)


@pytest.mark.parametrize("normalize", ["global", "utterance", "none"])
@pytest.mark.parametrize("kind", ["fbank", "log_mel", "mfcc", "mel"])
def test_log_probs_of_a_waveform_do_not_depend_on_its_batch(kind: str, normalize: str) -> None:
    task, waves = recognition(recipe(kind, normalize)), sounds()
    for dtype, relative, absolute in [(torch.float32, 1e-4, 1e-5), (torch.float64, 0.0, 1e-9)]:
        task = task.to(dtype)
        with torch.inference_mode():
            alone = [task(audio([wave], dtype)) for wave in waves]
            together = {name: task(audio(waves, dtype, fill)) for name, fill in GARBAGE.items()}
            order = [4, 6, 0, 2, 5, 1, 3]
            together["reordered"] = shuffled(task(audio([waves[at] for at in order], dtype)), order)
        assert {int(one.lengths) for one in alone} >= ({0, 1} if kind == "fbank" else {1})
        for encoded in together.values():
            assert encoded.lengths.tolist() == [int(one.lengths) for one in alone]
            for row, one in enumerate(alone):
                length = int(one.lengths)
                found, wanted = encoded.frames[row, :length], one.frames[0, :length]
                assert found.dtype == dtype
                torch.testing.assert_close(found, wanted, rtol=relative, atol=absolute)
            assert_same_paths(encoded, alone, relative=max(relative, 1e-9))


def shuffled(encoded: Encoded, order: list[int]) -> Encoded:
    """The rows of a batch in `order`, back where they were."""
    back = torch.tensor(order).argsort()
    return Encoded(encoded.frames[back], encoded.lengths[back])


def assert_same_paths(encoded: Encoded, alone: list[Encoded], relative: float) -> None:
    for found, one in zip(Greedy().decode(encoded.frames, encoded.lengths), alone, strict=True):
        (wanted,) = Greedy().decode(one.frames, one.lengths)
        assert (found.tokens, found.starts, found.ends) == (wanted.tokens, wanted.starts, wanted.ends)
        assert [*found.probs, found.blank_prob] == pytest.approx([*wanted.probs, wanted.blank_prob], rel=relative)


# ---------------------------------------------------------------------------------------- from files to transcripts


@pytest.mark.parametrize("kind", ["fbank", "mel"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
def test_transcripts_times_and_confidences_at_every_batch_size_and_order(
    kind: str, bidirectional: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = recipe(kind, "global", bidirectional)
    task = recognition(asked)
    ready = Recognizer(run_of(asked), task)
    waves = [wave for wave in [*sounds(), sounds()[1].flip(0)] if len(wave) > 300]
    paths = [tmp_path / f"{index}.wav" for index in range(len(waves))]
    for path, wave in zip(paths, waves, strict=True):
        soundfile.write(path, wave.numpy(), SAMPLE_RATE, subtype="FLOAT")
    alone = [ready.transcribe(path) for path in paths]
    assert len({word.text for one in alone for word in one.words}) > 3, "the transcripts say nothing"
    for seconds in (0.01, 1.0, 1.7, 60.0):
        monkeypatch.setattr(transcription, "BATCH_SECONDS", seconds)
        for order in (range(len(paths)), reversed(range(len(paths))), [2, 0, 3, 1, 4]):
            order = list(order)
            together = ready.transcribe([paths[at] for at in order])
            for at, found in zip(order, together, strict=True):
                assert_same_hypothesis(found, alone[at])


def assert_same_hypothesis(found: Hypothesis, wanted: Hypothesis) -> None:
    assert (found.text, found.seconds, found.path) == (wanted.text, wanted.seconds, wanted.path)
    assert [(word.text, word.start, word.end) for word in found.words] == [
        (word.text, word.start, word.end) for word in wanted.words
    ]
    sure = [word.confidence for word in found.words]
    assert [found.confidence, *sure] == pytest.approx(
        [wanted.confidence, *(word.confidence for word in wanted.words)], rel=1e-4
    )
