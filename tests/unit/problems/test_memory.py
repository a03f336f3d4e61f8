"""The adding problem and copy memory: what the examples say, and that small networks learn them when they are short."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from crnn_audio.batching.sequence import Span
from crnn_audio.corpora import memory as corpus
from crnn_audio.evaluation.evaluate import evaluate
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.problems import ScoreOptions, memory, parts
from crnn_audio.training.run import train
from tests.loading import loads

TEXT = """
task: {kind: memory}
data: {collection: COLLECTION, length: 6, examples: 640, batch_size: 16}
model: {recurrent: {cell: gru, hidden_size: 24, num_layers: 1, norm: none, dropout: 0.0, bidirectional: false}}
optim: {name: adam, lr: 1e-2, schedule: constant, max_epochs: 1}
device: cpu
threads: 1
"""


def recipe(collection: str, *overrides: str) -> memory.Recipe:
    found = loads(TEXT.replace("COLLECTION", collection), overrides)
    assert isinstance(found, memory.Recipe)
    return found


def examples(collection: str, count: int = 50, length: int = 12, **others: int) -> corpus.Examples:
    return corpus.Examples(collection, length, count, "dev", **others)


def whole(found: corpus.Examples, epoch: int = 0):
    return memory.Sequences(found).batch([Span(index, 0, 0) for index in range(len(found))], epoch)


def test_two_numbers_are_marked_and_their_sum_counts_at_the_end() -> None:
    batch = whole(examples("adding"))
    numbers, marks = batch.inputs.unbind(dim=2)
    assert marks.sum(dim=1).tolist() == [2.0] * 50
    assert torch.allclose((numbers * marks).sum(dim=1), batch.targets[:, -1])
    assert batch.weights[:, -1].eq(1).all()
    assert batch.size == 50
    assert 0 <= numbers.min() < 0.05 < 0.95 < numbers.max() < 1
    assert len({tuple(row.nonzero().flatten().tolist()) for row in marks}) > 25


def test_ten_symbols_are_copied_after_a_pause_and_a_mark() -> None:
    batch = whole(examples("copy"))
    inputs, targets = batch.inputs[..., 0], batch.targets
    assert inputs.shape == targets.shape == (50, 12 + 20)
    assert torch.equal(inputs[:, :10], targets[:, -10:])
    assert set(inputs[:, :10].flatten().tolist()) == set(range(2, 10)), "eight symbols"
    assert inputs[:, 10:21].eq(corpus.BLANK).all()
    assert inputs[:, 21:].eq(corpus.MARK).all(), "a mark, while the ten symbols are said"
    assert targets[:, :-10].eq(corpus.BLANK).all()


def test_examples_are_a_function_of_split_seed_epoch_and_number() -> None:
    found = examples("adding")
    some = memory.Sequences(found).batch([Span(7, 0, 12), Span(3, 0, 12)], 0)
    assert torch.equal(some.inputs, whole(found).inputs[[7, 3]])
    for other in (whole(found, 1), whole(examples("adding", seed=5))):
        assert not torch.equal(other.inputs, whole(found).inputs)


def test_a_curriculum_grows_to_the_whole_length() -> None:
    growing = examples("copy", length=50, start_length=10, growing=4)
    assert [growing.length_in(epoch) for epoch in range(6)] == [10, 20, 30, 40, 50, 50]
    assert whole(growing, 1).inputs.shape[1] == 20 + 20
    for wrong in ("data.start_length=3", "data.growing=2", "data={collection: copy, start_length: 700, growing: 2}"):
        with pytest.raises(Exception, match=r"curriculum|greater than"):
            recipe("copy", wrong)


def test_without_a_memory_the_loss_is_that_of_the_paper() -> None:
    """Bai, Kolter and Koltun (2018): who says 1 has 0.167, who guesses among eight symbols 10 ln 8 / (T + 20)."""
    sums = whole(examples("adding", 4000)).targets[:, -1]
    assert (sums - 1).square().mean().item() == pytest.approx(1 / 6, rel=0.1)
    task = memory.task(recipe("copy"), parts.NoAssets())
    task.model.head.linear.weight.data.zero_()
    task.model.head.linear.bias.data[:] = torch.tensor([math.log(8)] + [0.0] * 8 + [-30.0])  # a blank half of the time
    found = memory.scores(task, recipe("copy"), parts.NoAssets(), examples("copy", 40), ScoreOptions())
    assert found.metrics["nats_per_token"] == pytest.approx((22 * math.log(2) + 10 * math.log(16)) / 32)
    assert found.figures["right"] == 0


@pytest.mark.parametrize(("collection", "below"), [("adding", 0.05), ("copy", 1.5)])
def test_a_small_network_learns_short_ones_and_is_evaluated(
    collection: str, below: float, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(corpus, "HELD_OUT", 100)
    trained = train(recipe(collection), tmp_path / "run", report=lambda line: None)
    scores = evaluate(trained.path, "test")
    assert scores.metric == memory.METRICS[collection]
    assert scores.value < below
    lines = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [entry["loss"] for entry in map(json.loads, lines) if entry["event"] == "step"]
    assert np.mean(losses[-5:]) < losses[0] / 2


def test_chrono_gates_begin_by_remembering_as_long_as_they_are_asked_to() -> None:
    """Tallec and Ollivier (2018): forget biases log U(1, T - 1), input biases their negatives."""
    torch.manual_seed(0)
    lstm, gru = (
        Recurrent(4, cell=cell, hidden_size=200, num_layers=1, projection=False, bidirectional=False, chrono=100)
        for cell in ("lstm", "gru")
    )
    wrote, forgets = dict(lstm.layers[0].forwards.cell.named_parameters())["bias_ih_l0"].chunk(4)[:2]
    assert torch.equal(wrote, -forgets)
    keeps = dict(gru.layers[0].forwards.cell.named_parameters())["bias_ih_l0"].chunk(3)[1]
    for bias in (forgets, keeps):
        times = bias.exp().sort().values
        assert (times - torch.linspace(1, 99, 200)).abs().max() < 15, "uniform"
    with pytest.raises(Exception, match="chrono is for cells 'lstm' and 'gru'"):
        recipe("copy", "model.recurrent.cell=rnn", "model.recurrent.chrono=10")
