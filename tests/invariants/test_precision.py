"""Law 10: bfloat16 inside the network changes little, and log-softmax, CTC and features never leave float32."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from crnn_audio.problems import recognition as problem
from crnn_audio.tasks.ctc import Recognition
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.types import AudioBatch, SpeechBatch, TokenBatch
from tests.invariants.small import CELLS, RECURRENT, TAPS, each_way, moved
from tests.loading import loads

TOLERANCE = 0.1
"""Nats that a log-probability of these networks may move; 0.02 is usual, 0.093 was the most in 120 random ones."""
SAMPLE_RATE = 8000


def recognition(
    kind: str, bidirectional: bool = True, consistency: float = 0.2, intermediate: float = 0.0
) -> Recognition:
    """A TCN has one direction, whatever is asked."""
    both = str(bidirectional and kind in RECURRENT).lower()
    layers = f"cell: {CELLS[kind]}, hidden_size: 16, num_layers: 2, dropout: 0, bidirectional: {both}"
    layers += f", kernel_size: {TAPS}"
    if CELLS[kind] == "rnn":
        layers += f", nonlinearity: {kind}"
    recipe = loads(
        f"""
        task: {{kind: recognition, consistency: {consistency}, intermediate: {intermediate}}}
        data: {{corpus: an4}}
        features: {{kind: fbank, sample_rate: {SAMPLE_RATE}, num_mels: 20, normalize: utterance}}
        augment: {{spec_augment: {{time_masks: 1}}}}
        model: {{conv: [{{channels: 4, stride: [2, 2]}}], recurrent: {{{layers}}}}}
        """
    )
    task = problem.task(recipe, problem.Assets(Vocabulary.build(["abcd"], "characters"), None))
    moved(task.model)
    return task


def batch() -> SpeechBatch:
    lengths = torch.tensor([4000, 2400, 6000])
    waveforms = torch.randn(3, 6000) * (torch.arange(6000) < lengths.unsqueeze(1)) / 5
    targets = TokenBatch(torch.tensor([[2, 3, 3], [4, 0, 0], [5, 2, 4]]), torch.tensor([3, 1, 3]))
    return SpeechBatch(AudioBatch(waveforms, lengths, SAMPLE_RATE), targets, ("a", "b", "c"), (1, 2, 3), epoch=0)


class Dtypes(TorchDispatchMode):
    """Notes with which floating dtypes each operation really runs, below autocast."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, set[torch.dtype]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        floats = {one.dtype for one in _tensors(args) if one.is_floating_point()}
        self.seen.setdefault(func.__name__.split(".")[0], set()).update(floats)
        return func(*args, **(kwargs or {}))

    def of(self, part: str) -> set[torch.dtype]:
        """The dtypes of every operation with this in its name."""
        return set().union(*(dtypes for name, dtypes in self.seen.items() if part in name))


def _tensors(args: Any) -> Iterator[Tensor]:
    for one in args:
        if isinstance(one, Tensor):
            yield one
        elif isinstance(one, list | tuple):
            yield from _tensors(one)


@contextmanager
def dtypes() -> Iterator[Dtypes]:
    with Dtypes() as noted:
        yield noted


@each_way
@torch.no_grad()
def test_bf16_log_probs_are_near_those_of_float32(kind: str, bidirectional: bool) -> None:
    task, sound = recognition(kind, bidirectional).train(), batch().audio
    exact = task(sound)
    task.mixed = True
    rounded = task(sound)
    assert rounded.frames.dtype == torch.float32
    assert rounded.lengths.tolist() == exact.lengths.tolist()
    for row, length in enumerate(exact.lengths.tolist()):
        difference = (rounded.frames[row, :length] - exact.frames[row, :length]).abs().max()
        assert 1e-5 < float(difference) < TOLERANCE, "no difference at all means that nothing ran in bfloat16"
        torch.testing.assert_close(rounded.frames[row, :length].exp().sum(-1), torch.ones(length))


@pytest.mark.parametrize("intermediate", [0.0, 0.3])
@pytest.mark.parametrize("kind", CELLS)
def test_log_softmax_ctc_and_features_run_in_float32(kind: str, intermediate: float) -> None:
    task, speech = recognition(kind, intermediate=intermediate).train(), batch()
    task.mixed = True
    with dtypes() as noted:
        loss = task.loss(speech)
        loss.backward()
    assert loss.dtype == torch.float32
    assert noted.of("log_softmax") == {torch.float32}
    assert noted.of("ctc_loss") == {torch.float32}
    assert noted.of("fft") <= {torch.float32}
    assert torch.bfloat16 in noted.of("mm") | noted.of("linear"), "nothing ran in bfloat16"
    assert torch.bfloat16 in noted.of("convolution")
    with dtypes() as noted:
        task.features(speech.audio)
    assert noted.seen
    assert set().union(*noted.seen.values()) == {torch.float32, torch.float64}, "float64 for an utterance's statistics"


@pytest.mark.parametrize("kind", CELLS)
@torch.no_grad()
def test_in_use_on_a_cpu_a_bf16_model_is_exact(kind: str) -> None:
    task, speech = recognition(kind, bidirectional=False).eval(), batch()
    features, lengths = task.features(speech.audio)
    exact = task.encode(features, lengths).frames, task.step(features, None, last=True)[0], task.loss(speech)
    task.mixed = True
    rounded = task.encode(features, lengths).frames, task.step(features, None, last=True)[0], task.loss(speech)
    assert all(torch.equal(*pair) for pair in zip(exact, rounded, strict=True))


@pytest.mark.parametrize("intermediate", [0.0, 0.3])
@pytest.mark.parametrize("kind", CELLS)
def test_bf16_losses_and_gradients_are_finite_and_point_the_same_way(kind: str, intermediate: float) -> None:
    task, speech = recognition(kind, intermediate=intermediate), batch()

    def loss_and_gradient() -> tuple[float, Tensor]:
        task.zero_grad()
        loss = task.loss(speech)
        loss.backward()
        return loss.item(), torch.cat([one.grad.flatten() for one in task.parameters()])

    exact_loss, exact = loss_and_gradient()
    task.mixed = True
    loss, gradient = loss_and_gradient()
    assert all(one.dtype == torch.float32 for one in task.parameters())
    assert gradient.dtype == torch.float32
    assert torch.isfinite(gradient).all()
    assert loss == pytest.approx(exact_loss, rel=0.02)
    assert float(torch.cosine_similarity(gradient, exact, dim=0)) > 0.99


def test_float32_stays_float32_and_float64_stays_float64() -> None:
    task, sound = recognition("lstm").eval(), batch().audio
    assert task(sound).frames.dtype == torch.float32
    precise = AudioBatch(sound.waveforms.double(), sound.lengths, sound.sample_rate)
    assert task.double()(precise).frames.dtype == torch.float64
