"""Law 13: a GPU gives what the CPU gives, within the tolerances that stand here; without a GPU its cases skip.

Every body also runs with the CPU in the GPU's place, so that the body itself is known to work.
"""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.features.normalize import Statistics
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.dropout import TimeDropout
from crnn_audio.problems import recognition as problem
from crnn_audio.tasks.ctc import Recognition, ctc_losses
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.types import AudioBatch, Encoded, TokenBatch
from tests.invariants.devices import CPU, TOLERANCES, assert_near, sound_on, twin
from tests.invariants.small import CELLS, STACKS, crnn, each_way, features, moved, padded
from tests.invariants.test_precision import TOLERANCE as BF16_NATS
from tests.invariants.test_precision import batch, dtypes, recognition
from tests.loading import run_of

TF32_NATS = 0.02
"""Nats that a log-probability may move with TF32, PyTorch's default on a GPU; 0.003 was the most with it imitated."""

pytestmark = pytest.mark.usefixtures("without_tf32")

# ---------------------------------------------------------------------------------------- the network


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("norm", ["layer", "none"])
@each_way
def test_log_probs_and_gradients(kind: str, bidirectional: bool, norm: str, dtype: torch.dtype, device) -> None:
    assert_same_network(crnn(kind, bidirectional=bidirectional, norm=norm), dtype, device)


@pytest.mark.parametrize("time_padding", ["same", "causal"])
@pytest.mark.parametrize("stack", STACKS)
def test_log_probs_and_gradients_of_every_front(stack: str, time_padding: str, device: torch.device) -> None:
    model = crnn("gru", stack=stack, time_padding=time_padding, residual=True, inner=True, look_ahead=2)
    assert_same_network(model, torch.float64, device)


def assert_same_network(model: Crnn, dtype: torch.dtype, device: torch.device) -> None:
    here = model.to(dtype).train()  # cuDNN has no gradients in evaluation mode
    for one in here.modules():
        if isinstance(one, TimeDropout):
            one.probability = 0.0  # what torch draws differs by device
    there = twin(here, device)
    frames, lengths = padded(features(21, 30, 9))
    wanted, expected = outputs_and_gradients(here, frames.to(dtype), lengths)
    found, gradients = outputs_and_gradients(there, frames.to(device, dtype), lengths.to(device))
    assert found.lengths.tolist() == wanted.lengths.tolist()
    assert_near(found.frames, wanted.frames, TOLERANCES[dtype], device)
    largest = max(float(one.abs().max()) for one in expected)
    assert largest > 1e-3
    for one, other in zip(gradients, expected, strict=True):
        assert_near(one / largest, other / largest, TOLERANCES[dtype], device)


def outputs_and_gradients(model: Crnn, frames: Tensor, lengths: Tensor) -> tuple[Encoded, list[Tensor]]:
    encoded = model(frames, lengths)
    targets = torch.tensor([[1, 2, 2], [3, 4, 1], [2, 0, 0]], device=frames.device)
    tokens = TokenBatch(targets, torch.tensor([3, 3, 1], device=frames.device))
    outputs = [encoded, *(Encoded(guess, encoded.lengths) for guess in encoded.intermediate)]
    torch.stack([ctc_losses(output, tokens) for output in outputs]).sum().backward()
    return Encoded(encoded.frames.detach(), encoded.lengths), [one.grad for one in model.parameters()]


@pytest.mark.parametrize("kind", CELLS)
@torch.no_grad()
def test_steps_with_a_carry_there_equal_the_whole_here(kind: str, device: torch.device) -> None:
    model, (frames, lengths) = crnn(kind, inner=True, look_ahead=2), padded(features(37))
    there, carry, pieces = twin(model, device), None, []
    for begin in range(0, 37, 5):
        piece = frames[:, begin : begin + 5].to(device)
        output, carry = there.step(piece, carry, last=begin + 5 >= 37)
        pieces.append(output)
    assert_near(torch.cat(pieces, dim=1), model(frames, lengths).frames, 1e-9, device)


@pytest.mark.parametrize(("dtype", "slip"), [(torch.float64, 1e-5), (torch.float32, 0.1)], ids=str)
@torch.no_grad()
def test_a_slip_in_one_weight_is_seen(dtype: torch.dtype, slip: float) -> None:
    """Or the tolerances would be too wide to mean anything."""
    here, (frames, lengths) = crnn("lstm", bidirectional=True).to(dtype), padded(features(21, 30, 9))
    there = twin(here, CPU)
    there.recurrent.layers[1].backwards.cell.weight_hh_l0[3, 3] += slip
    wanted, found = (model(frames.to(dtype), lengths).frames for model in (here, there))
    with pytest.raises(AssertionError, match="not close"):
        assert_near(found, wanted, TOLERANCES[dtype], CPU)


# ---------------------------------------------------------------------------------------- from sound


def task_of(kind: str, normalize: str) -> Recognition:
    """Smaller than small, over one kind of features."""
    size = {"num_mels": 20} | ({"num_coefficients": 12} if kind == "mfcc" else {})
    recipe = RecognitionRecipe.model_validate(
        {
            "data": {"corpus": "an4"},
            "features": {"kind": kind, "sample_rate": 8000, "normalize": normalize} | size,
            "model": {
                "conv": [{"channels": 4, "stride": [2, 2]}],
                "recurrent": {"hidden_size": 8, "num_layers": 1, "dropout": 0.0},
            },
        }
    )
    bins = min(size.values())
    statistics = Statistics((-3.0,) * bins, (2.0,) * bins)
    task = problem.task(recipe, problem.Assets(Vocabulary.build(["abcd"], "characters"), statistics))
    moved(task.model)
    return task.eval()


@pytest.mark.parametrize("normalize", ["global", "utterance", "none"])
@pytest.mark.parametrize("kind", ["fbank", "log_mel", "mfcc", "mel"])
@torch.no_grad()
def test_log_probs_from_sound(kind: str, normalize: str, device: torch.device) -> None:
    speech = batch()
    for dtype, tolerance in {torch.float64: 1e-9, torch.float32: 1e-3}.items():  # a log of an FFT's small powers
        here = task_of(kind, normalize).to(dtype)
        there = twin(here, device)
        wanted, found = here(sound_on(CPU, speech, dtype)), there(sound_on(device, speech, dtype))
        assert_near(found.frames, wanted.frames, tolerance, device)


@each_way
@torch.no_grad()
def test_faster_arithmetic_stays_near(kind: str, bidirectional: bool, device: torch.device) -> None:
    """TF32, and bfloat16 inside the network, against float32 on the CPU."""
    here, speech = recognition(kind, bidirectional).train(), batch()  # in use, a CPU would not round
    there, exact = twin(here, device), here(speech.audio).frames
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=True):
        found = there(sound_on(device, speech)).frames
        there.mixed = True
        rounded = there(sound_on(device, speech)).frames
    torch.testing.assert_close(found.cpu(), exact, rtol=0, atol=TF32_NATS)
    torch.testing.assert_close(rounded.cpu(), exact, rtol=0, atol=BF16_NATS)
    assert float((rounded.cpu() - exact).abs().max()) > 1e-5, "nothing ran in bfloat16"


@pytest.mark.parametrize("kind", CELLS)
def test_bf16_never_means_float16(kind: str, device: torch.device) -> None:
    task = twin(recognition(kind), device)
    task.mixed = True
    with dtypes() as noted:
        task.loss(batch().to(device)).backward()
    assert torch.float16 not in noted.of("")
    assert torch.bfloat16 in noted.of("convolution")
    assert noted.of("ctc_loss") == {torch.float32}


# ---------------------------------------------------------------------------------------- transcripts


def recognizer(bidirectional: bool, device: torch.device) -> Recognizer:
    """Untrained, over words, its head sharpened so that it says some."""
    layers = {"hidden_size": 16, "num_layers": 1, "dropout": 0.0, "bidirectional": bidirectional}
    recipe = RecognitionRecipe.model_validate(
        {
            "data": {"corpus": "an4"},
            "features": {"kind": "fbank", "num_mels": 12},
            "model": {"conv": [{"channels": 2, "stride": [2, 2]}] * 2, "recurrent": layers},
        }
    )
    tokens = Vocabulary.build(["a b c d e f g h i"], "words")
    task = problem.task(recipe, problem.Assets(tokens, Statistics((-8.0,) * 12, (3.0,) * 12)))
    with torch.no_grad():
        task.model.head.linear.weight.mul_(20)
    return Recognizer(run_of(recipe), task.to(device))


@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
def test_the_same_words_times_and_confidences(bidirectional: bool, tiny: Path, device: torch.device) -> None:
    here, there = recognizer(bidirectional, CPU), recognizer(bidirectional, device)
    assert there.device.type == device.type
    paths = [path for path in sorted(tiny.rglob("*.flac")) if is_decided(here, path)][:6]
    expected = here.transcribe(paths)
    assert len({one.text for one in expected}) >= 4
    assert max(len(one.words) for one in expected) >= 4
    for found, wanted in zip(there.transcribe(paths), expected, strict=True):
        assert_same_hypothesis(found, wanted)
    if not bidirectional:
        waveform, rate = soundfile.read(paths[0], dtype="float32")
        with there.stream(rate) as stream:
            said = [stream.feed(block) for block in np.array_split(waveform, 7)] + [stream.flush()]
        (final,) = [one for result in said for one in result.finals]
        assert final.text == expected[0].text


@torch.inference_mode()
def is_decided(recognizer: Recognizer, path: Path) -> bool:
    """Whether no frame's two best tokens are so near each other that rounding could exchange them."""
    waveform, rate = soundfile.read(path, dtype="float32")
    audio = AudioBatch(torch.from_numpy(waveform).unsqueeze(0), torch.tensor([len(waveform)]), rate)
    first, second = recognizer.task(audio).frames.topk(2, dim=-1).values.unbind(-1)
    return bool((first - second).min() > 5e-3)


def assert_same_hypothesis(found: Hypothesis, wanted: Hypothesis) -> None:
    assert (found.text, found.path, found.seconds) == (wanted.text, wanted.path, wanted.seconds)
    assert [(w.text, w.start, w.end) for w in found.words] == [(w.text, w.start, w.end) for w in wanted.words]
    assert [w.confidence for w in found.words] == pytest.approx([w.confidence for w in wanted.words], rel=1e-2)
