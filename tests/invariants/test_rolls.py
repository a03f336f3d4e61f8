"""Laws 1, 3, 4, 10 and 11 of models that predict piano rolls: every cell, with and without a convolutional front, with
each key by itself and one after the other.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from crnn_audio.batching.rolls import Rolls
from crnn_audio.batching.sequence import Span
from crnn_audio.lengths import mask
from crnn_audio.problems import rolls as problem
from crnn_audio.symbolic.pianoroll import NUM_KEYS
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.types import SequenceBatch
from tests import rolls
from tests.invariants.small import CELLS, moved
from tests.invariants.test_precision import dtypes

FRONTS = {
    "frames": [],
    "conv": [{"channels": 2, "kernel": [5, 7], "stride": [1, 4]}, {"channels": 3, "kernel": [3, 3], "stride": [1, 2]}],
}
HEADS = {"sigmoid": {"kind": "sigmoid"}, "nade": {"kind": "nade", "hidden_size": 7}}
LENGTHS = [21, 2, 34, 9]
each_model = pytest.mark.parametrize("kind", CELLS)
each_front = pytest.mark.parametrize("front", FRONTS)
each_head = pytest.mark.parametrize("head", HEADS)


def task_of(kind: str, front: str = "frames", head: str = "sigmoid", **layers: object) -> Prediction:
    """Two layers in evaluation mode, in float64, whose outputs depend on all of the input."""
    asked = {"cell": CELLS[kind], "num_layers": 2, "kernel_size": 5, "dropout": 0.4, "norm": "layer"}
    asked |= {"nonlinearity": kind} if CELLS[kind] == "rnn" else {}
    changes = {f"model.recurrent.{name}": value for name, value in (asked | layers).items()}
    changes |= {"model.conv": FRONTS[front], "model.conv_time": "causal", "model.head": HEADS[head]}
    recipe = rolls.small("nowhere", changes)
    task = problem.task(recipe, problem.Assets())
    moved(task.model)
    return task.double().eval()


def pieces(*lengths: int) -> list[np.ndarray]:
    return [rolls.tune(seed, length) for seed, length in enumerate(lengths)]


def side_by_side(found: list[np.ndarray]) -> SequenceBatch:
    """Whole pieces as a batch, in float64."""
    made = in_one_batch(found)
    return replace(made, inputs=made.inputs.double(), targets=made.targets.double())


def in_one_batch(found: list[np.ndarray]) -> SequenceBatch:
    spans = [Span(index, 0, len(roll) - 1) for index, roll in enumerate(found)]
    return Rolls.of(found, [str(index) for index in range(len(found))]).batch(spans)


def nats_of(task: Prediction, batch: SequenceBatch) -> list[float]:
    """The negative log-likelihood of each piece."""
    return task.losses(batch)[0].sum(dim=1).tolist()


def in_one_pass(task: Prediction, batch: SequenceBatch) -> Tensor:
    """What the head gives for whole pieces in one pass."""
    frames: Tensor = task.model(batch.inputs, batch.lengths).frames
    return frames


# ---------------------------------------------------------------------------------------- law 1


@each_head
@each_front
@each_model
@torch.no_grad()
def test_a_piece_beside_others_is_predicted_as_it_is_alone(kind: str, front: str, head: str) -> None:
    task, found = task_of(kind, front, head), pieces(*LENGTHS)
    alone = [nats for roll in found for nats in nats_of(task, side_by_side([roll]))]
    assert len({nats / (len(roll) - 1) for nats, roll in zip(alone, found, strict=True)}) == len(alone)
    together = side_by_side(found)
    for fill in (0.0, 1.0, math.nan, 1e30):
        inputs = together.inputs.clone()
        for row, length in enumerate(together.lengths.tolist()):
            inputs[row, length:] = fill
        garbage = replace(together, inputs=inputs)
        assert nats_of(task, garbage) == pytest.approx(alone, rel=1e-9)
        counted = (task.losses(garbage)[0] != 0).sum(dim=1)
        assert counted.tolist() == [length - 1 for length in LENGTHS], "frames of padding cost nothing"
    assert nats_of(task, side_by_side(found[::-1])) == pytest.approx(alone[::-1], rel=1e-9)


@each_head
@each_front
@each_model
def test_gradients_of_a_batch_are_the_sum_of_those_alone(kind: str, front: str, head: str) -> None:
    task, found = task_of(kind, front, head), pieces(*LENGTHS)

    def gradients(chosen: list[np.ndarray]) -> list[Tensor]:
        loss, _ = task.advance(side_by_side(chosen), None)
        return list(torch.autograd.grad(loss, list(task.model.parameters())))

    apart = [gradients([roll]) for roll in found]
    for together, *alone in zip(gradients(found), *apart, strict=True):
        torch.testing.assert_close(together, sum(alone), rtol=1e-9, atol=1e-9)
        assert float(together.abs().sum()) > 0


# ---------------------------------------------------------------------------------------- laws 3 and 11


@each_front
@each_model
@torch.no_grad()
def test_frame_by_frame_with_a_carry_equals_one_pass(kind: str, front: str) -> None:
    task, made = task_of(kind, front), side_by_side(pieces(34, 34))
    whole = in_one_pass(task, made)
    assert float(whole.std(dim=1).min()) > 1e-3, "the outputs say nothing"
    for sizes in ([33], [1] * 33, [1, 0, 13, 2, 17], [20, 13]):
        carry, outputs = None, []
        for piece in made.inputs.split(sizes, dim=1):
            output, carry = task.step(piece, carry)
            assert output.shape[1] == piece.shape[1], "every frame is answered at once"
            outputs.append(output)
        torch.testing.assert_close(torch.cat(outputs, dim=1), whole, rtol=0, atol=1e-9)


@each_head
@each_model
@torch.no_grad()
def test_a_piece_sampled_frame_by_frame_costs_what_it_costs_in_one_pass(kind: str, head: str) -> None:
    task, random = task_of(kind, "conv", head), torch.Generator().manual_seed(1)
    frame, carry, sampled, nats = torch.zeros(2, 1, NUM_KEYS, dtype=torch.float64), None, [], []
    for _ in range(12):
        drive, carry = task.step(frame, carry)
        frame, chances = task.head.sample(drive, torch.rand(2, 1, NUM_KEYS, generator=random, dtype=torch.float64))
        nats.append(-torch.where(frame == 1, chances, 1 - chances).log().sum(dim=-1))
        sampled.append(frame)
    whole = torch.cat([torch.zeros_like(frame), *sampled], dim=1)
    made = replace(side_by_side(pieces(13, 13)), inputs=whole[:, :-1], targets=whole[:, 1:])
    found, _ = task.losses(made)
    torch.testing.assert_close(torch.cat(nats, dim=1), found, rtol=1e-9, atol=1e-9)
    assert not torch.equal(whole[0], whole[1])
    assert 0 < float(whole.mean()) < 1


@each_front
@each_model
@torch.no_grad()
def test_a_carry_of_zeros_is_that_of_a_piece_that_has_not_begun(kind: str, front: str) -> None:
    task, made = task_of(kind, front), side_by_side(pieces(12, 12))
    _, carry = task.step(made.inputs[:, :5])
    fresh, _ = task.step(made.inputs)
    found, _ = task.step(made.inputs, carry.restarted(torch.tensor([True, True])))
    torch.testing.assert_close(found, fresh, rtol=0, atol=1e-12)
    one_goes_on, _ = task.step(made.inputs, carry.restarted(torch.tensor([True, False])))
    torch.testing.assert_close(one_goes_on[0], fresh[0], rtol=0, atol=1e-12)
    assert float((one_goes_on[1] - fresh[1]).abs().max()) > 1e-4, "the carry says nothing"
    first_alone, _ = task.step(made.inputs[:1], carry.restarted(torch.tensor([False])))
    both, _ = task.step(made.inputs, carry.restarted(torch.tensor([False, False])))
    torch.testing.assert_close(first_alone[0], both[0], rtol=0, atol=1e-12)


# ---------------------------------------------------------------------------------------- law 4


@each_head
@each_front
@each_model
def test_what_sounds_next_is_predicted_from_the_past_alone(kind: str, front: str, head: str) -> None:
    task, lengths = task_of(kind, front, head), torch.tensor([30])
    inputs = torch.randn(1, 30, NUM_KEYS, dtype=torch.float64, requires_grad=True)
    output = task.model(inputs, lengths).frames[0, 12]
    (gradient,) = torch.autograd.grad((output * torch.randn_like(output)).sum(), inputs)
    matters = gradient[0].abs().sum(dim=1)
    assert (matters[13:] == 0).all()
    assert (matters[:13] > 0).all()
    assert task.model.look_ahead == 0
    assert task.model.subsampling_factor == 1


@each_front
def test_a_tcn_says_how_far_back_it_hears(front: str) -> None:
    task = task_of("tcn", front, kernel_size=2)
    past = 2 * (1 + 2) + (6 if front == "conv" else 0)  # kernels of 5 and 3 frames hear 4 and 2 more
    assert task.model.past_frames == past
    inputs = torch.randn(1, 30, NUM_KEYS, dtype=torch.float64, requires_grad=True)
    output = task.model(inputs, torch.tensor([30])).frames[0, 20]
    (gradient,) = torch.autograd.grad((output * torch.randn_like(output)).sum(), inputs)
    matters = gradient[0].abs().sum(dim=1)
    assert (matters[: 20 - past] == 0).all()
    assert matters[20 - past] > 0
    assert task_of("gru", front).model.past_frames is None


# ---------------------------------------------------------------------------------------- law 10


def calmed(task: Prediction, kind: str) -> Prediction:
    """A ReLU network with weights that let its state fade, since one whose state grows lets rounding grow, too."""
    with torch.no_grad():
        for name, parameter in task.named_parameters():
            if kind == "relu" and "weight_hh" in name:
                parameter *= 0.7
    return task


@each_head
@each_front
@each_model
def test_in_bf16_losses_stay_float32_and_gradients_point_the_same_way(kind: str, front: str, head: str) -> None:
    task = calmed(task_of(kind, front, head, dropout=0.0, hidden_size=16), kind).float().train()
    made = in_one_batch(pieces(*LENGTHS))

    def loss_and_gradient() -> tuple[float, Tensor]:
        task.zero_grad()
        loss, carry = task.advance(made, None)
        task.advance(made, carry)  # which takes the carry, whatever its dtype is
        loss.backward()
        return loss.item(), torch.cat([one.grad.flatten() for one in task.parameters()])

    exact_loss, exact = loss_and_gradient()
    task.mixed = True
    with dtypes() as noted:
        loss, gradient = loss_and_gradient()
    assert torch.bfloat16 in noted.of("mm") | noted.of("linear"), "nothing ran in bfloat16"
    assert noted.of("binary_cross_entropy") | noted.of("log_sigmoid") == {torch.float32}
    assert gradient.dtype == torch.float32
    assert loss == pytest.approx(exact_loss, rel=0.02)
    assert float(torch.cosine_similarity(gradient, exact, dim=0)) > 0.98


@each_model
@torch.no_grad()
def test_in_use_on_a_cpu_a_bf16_model_is_exact(kind: str) -> None:
    task, made = task_of(kind), side_by_side(pieces(12))
    exact = task.losses(made)[0], task.step(made.inputs)[0]
    task.mixed = True
    assert torch.equal(task.losses(made)[0], exact[0])
    assert torch.equal(task.step(made.inputs)[0], exact[1])


# ---------------------------------------------------------------------------------------- the loss


@torch.no_grad()
def test_a_frames_loss_is_the_sum_of_its_keys_binary_cross_entropies() -> None:
    task, logits = task_of("lstm"), 3 * torch.randn(2, 5, NUM_KEYS, dtype=torch.float64)
    following = (torch.rand(2, 5, NUM_KEYS, dtype=torch.float64) < 0.1).double()
    task.step = lambda inputs, carry: (logits, None)
    lengths, begins = torch.tensor([5, 3]), torch.ones(2, dtype=torch.bool)
    batch = SequenceBatch(logits, following, mask(lengths, 5).float(), lengths, begins, ("a", "b"))
    found, _ = task.losses(batch)
    for row, length in enumerate((5, 3)):
        for frame in range(5):
            wanted = 0.0
            for key in range(NUM_KEYS):
                chance = 1 / (1 + math.exp(-float(logits[row, frame, key])))
                wanted -= math.log(chance if following[row, frame, key] else 1 - chance)
            assert float(found[row, frame]) == pytest.approx(wanted if frame < length else 0.0, rel=1e-12)
