"""Piano rolls judged by a loop over pieces, frames and keys; and never averaged over padding or over pieces."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from crnn_audio.tasks.judging import Foretold, ForetoldJudgement, judge_next_frame

from crnn_audio import build
from crnn_audio.batching.rolls import Rolls
from crnn_audio.batching.sequence import Span, whole
from crnn_audio.tasks.prediction import Prediction
from tests import rolls
from tests.rolls import tune

LENGTHS = [31, 2, 5, 17, 64]
NAMES = [f"piece-{length}" for length in LENGTHS]
PIECES = [tune(seed, length) for seed, length in enumerate(LENGTHS)]


def lstm() -> Prediction:
    """One layer of eight, whose every number matters, with dropout that judging must not use."""
    recipe = rolls.small("nowhere", {"model.recurrent.dropout": 0.5, "model.recurrent.input_dropout": 0.5})
    task = build.next_frame(recipe)
    with torch.no_grad():
        for parameter in task.model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return task.train()


def by_hand(task: Prediction, roll: np.ndarray) -> float:
    """Nats of a piece in NumPy's float64, one frame after the other from a state of zero."""
    weights = {name: value.double().numpy() for name, value in task.model.state_dict().items()}

    def of(name: str) -> np.ndarray:
        (found,) = [value for full, value in weights.items() if full.endswith(name)]
        return found

    def sigmoid(z: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-z))

    h, c, nats = np.zeros(8), np.zeros(8), 0.0
    for heard, following in pairwise(roll):
        x = of("projection.0.weight") @ heard + of("projection.0.bias")
        gates = of("weight_ih_l0") @ x + of("bias_ih_l0") + of("weight_hh_l0") @ h + of("bias_hh_l0")
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        chances = sigmoid(of("head.linear.weight") @ h + of("head.linear.bias"))
        for key in range(88):
            nats -= math.log(chances[key] if following[key] else 1 - chances[key])
    return nats


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_split_is_judged_as_a_loop_would_do_it(rows: int) -> None:
    task = lstm()
    wanted = {name: by_hand(task, roll) for name, roll in zip(NAMES, PIECES, strict=True)}
    judged = judge_next_frame(task, whole(Rolls.of(PIECES, NAMES), rows))
    assert not task.training
    assert {one.piece_id: one.count for one in judged.pieces} == {f"piece-{n}": n - 1 for n in LENGTHS}
    for one in judged.pieces:
        assert one.nats == pytest.approx(wanted[one.piece_id], rel=1e-5)  # of float32's
    frames = sum(LENGTHS) - len(LENGTHS)
    assert judged.count == frames
    assert judged.score == judged.loss == pytest.approx(sum(wanted.values()) / frames, rel=1e-5)
    means = [wanted[name] / (length - 1) for name, length in zip(NAMES, LENGTHS, strict=True)]
    assert abs(judged.score - sum(means) / len(means)) > 0.01, "a mean of means would pass"
    assert abs(judged.score - sum(wanted.values()) / (63 * len(LENGTHS))) > 0.01, "a mean over padding would pass"
    assert (judged.metric, judged.empty_rate, judged.examples(3)) == ("nats_per_frame", 0.0, [])


def test_in_float64_it_is_the_loop_to_the_ninth_digit() -> None:
    task = lstm().double()
    spans = [Span(index, 0, length - 1) for index, length in enumerate(LENGTHS)]
    made = Rolls.of(PIECES, NAMES).batch(spans)
    precise = replace(made, inputs=made.inputs.double(), targets=made.targets.double())
    judged = judge_next_frame(task, [precise])
    for one, roll in zip(judged.pieces, PIECES, strict=True):
        assert one.nats == pytest.approx(by_hand(task, roll), rel=1e-9)


def test_the_score_is_of_sums() -> None:
    judged = ForetoldJudgement((Foretold("a", 10.0, 1), Foretold("b", 30.0, 9)), "nats_per_frame")
    assert judged.score == 4.0
    assert judged.count == 10


def test_the_loss_of_a_batch_is_the_sum_that_judging_takes() -> None:
    task = lstm().eval()
    made = Rolls.of(PIECES, NAMES).batch([Span(index, 0, length - 1) for index, length in enumerate(LENGTHS)])
    loss, carry = task.advance(made, None)
    assert float(loss.detach()) == pytest.approx(sum(by_hand(task, roll) for roll in PIECES), rel=1e-5)
    assert loss.requires_grad
    assert [tuple(one.shape) for one in carry.recurrent] == [(5, 8), (5, 8)]


def test_a_batch_of_whole_pieces_may_be_larger_than_the_one_before_it() -> None:
    """An epoch's odd batch stands anywhere among the others."""
    task = lstm().eval()
    small, large = (
        Rolls.of(PIECES, NAMES).batch([Span(index, 0, LENGTHS[index] - 1) for index in range(count)])
        for count in (2, 5)
    )
    _, carry = task.advance(small, None)
    after, _ = task.advance(large, carry)
    alone, _ = task.advance(large, None)
    assert torch.equal(after, alone)
