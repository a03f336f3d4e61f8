"""Piano rolls scored by a loop over pieces, frames and keys; and never averaged over padding or over pieces."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from crnn_audio.batching.rolls import Rolls
from crnn_audio.batching.sequence import Span
from crnn_audio.corpora.piano_rolls import Piece
from crnn_audio.problems import ScoreOptions, parts
from crnn_audio.problems import rolls as problem
from crnn_audio.tasks.prediction import Prediction
from tests import rolls
from tests.rolls import tune

LENGTHS = [31, 2, 5, 17, 64]
NAMES = [f"piece-{length}" for length in LENGTHS]
PIECES = [tune(seed, length) for seed, length in enumerate(LENGTHS)]


def lstm() -> Prediction:
    """One layer of eight, whose every number matters, with dropout that judging must not use."""
    recipe = rolls.small("nowhere", {"model.recurrent.dropout": 0.5, "model.recurrent.input_dropout": 0.5})
    task = problem.task(recipe, problem.Assets())
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
    for frame, following in pairwise(roll):
        x = of("projection.0.weight") @ frame + of("projection.0.bias")
        gates = of("weight_ih_l0") @ x + of("bias_ih_l0") + of("weight_hh_l0") @ h + of("bias_hh_l0")
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        chances = sigmoid(of("head.linear.weight") @ h + of("head.linear.bias"))
        for key in range(88):
            nats -= math.log(chances[key] if following[key] else 1 - chances[key])
    return nats


def pieces() -> list[Piece]:
    return [Piece(name, roll) for name, roll in zip(NAMES, PIECES, strict=True)]


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_split_is_scored_as_a_loop_would_do_it(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problem, "BATCH_SIZE", rows)
    task, recipe = lstm(), rolls.small("nowhere")
    wanted = {name: by_hand(task, roll) for name, roll in zip(NAMES, PIECES, strict=True)}
    found = problem.scores(task, recipe, problem.Assets(), pieces(), ScoreOptions())
    assert not task.training
    assert {one.id: one.count for one in found.items} == {f"piece-{n}": n - 1 for n in LENGTHS}
    for one in found.items:
        assert one.nats == pytest.approx(wanted[one.id], rel=1e-5)  # of float32's
    frames = sum(LENGTHS) - len(LENGTHS)
    assert found.figures["frames"] == frames
    assert found.value == found.loss == pytest.approx(sum(wanted.values()) / frames, rel=1e-5)
    means = [wanted[name] / (length - 1) for name, length in zip(NAMES, LENGTHS, strict=True)]
    assert abs(found.value - sum(means) / len(means)) > 0.01, "a mean of means would pass"
    assert abs(found.value - sum(wanted.values()) / (63 * len(LENGTHS))) > 0.01, "a mean over padding would pass"
    assert found.metrics["nats_per_frame_by_piece"] == pytest.approx(sum(means) / len(means), rel=1e-5)
    assert (found.metric, found.empty_rate, found.examples) == ("nats_per_frame", 0.0, ())


def test_windows_have_no_silent_frames_and_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problem, "WINDOW", 10)
    task, recipe = lstm(), rolls.small("nowhere")
    silence = np.zeros((3, 88), dtype=bool)
    sounding = [tune(7, 26), tune(8, 10), tune(9, 1)]  # of 26 frames 10, 10 and 5 are predicted; of one none is
    assert all(roll.any(axis=1).all() for roll in sounding)
    items = [Piece(str(n), np.concatenate([silence, roll, silence])) for n, roll in enumerate(sounding)]
    found = problem.scores(task, recipe, problem.Assets(), items, ScoreOptions())
    parts_of = [sounding[0][:11], sounding[0][10:21], sounding[0][20:26], sounding[1]]
    means = [by_hand(task, part) / (len(part) - 1) for part in parts_of]
    assert found.metrics["nats_per_frame_by_window"] == pytest.approx(sum(means) / 4, rel=1e-5)
    assert f"{sum(means) / 4:.3f} as the mean over windows of 10 frames" in found.details[1]
    assert list(problem.scores(task, recipe, problem.Assets(), items, ScoreOptions(epoch=1)).metrics) == [
        "nats_per_frame"
    ], "training computes what chooses, and nothing else"


def test_in_float64_it_is_the_loop_to_the_ninth_digit() -> None:
    task = lstm().double().eval()
    spans = [Span(index, 0, length - 1) for index, length in enumerate(LENGTHS)]
    made = Rolls.of(PIECES, NAMES).batch(spans)
    precise = replace(made, inputs=made.inputs.double(), targets=made.targets.double())
    nats = task.losses(precise)[0].sum(dim=1)
    assert nats.tolist() == pytest.approx([by_hand(task, roll) for roll in PIECES], rel=1e-9)


def test_the_hardest_pieces_are_listed_by_nats_a_frame() -> None:
    easy, hard = parts.ScoredPiece("frame", "a", 10.0, 10), parts.ScoredPiece("frame", "b", 9.0, 3)
    assert sorted([easy, hard], key=lambda one: one.rank, reverse=True) == [hard, easy]
    assert hard.lines() == ["b: 3.00 in 3 frames"]
