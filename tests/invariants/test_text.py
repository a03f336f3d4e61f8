"""Texts: rows beside others, chunks, windows, what is sampled and what one pass says; killed, halved and moved runs."""

import itertools
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from crnn_audio.batching.sequence import SequenceFeed
from crnn_audio.batching.text import Segments, Windows, running
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.problems.restore import load
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.tasks.text_generation import UNKNOWN_ID, generate, next_log_probs, token_nats
from crnn_audio.training import display
from crnn_audio.types import SequenceBatch
from tests import texts as made
from tests import trainings

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
each_cell = pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "tcn"])
each_model = pytest.mark.parametrize(
    "options", [{}, {"size": 0}, {"tied": True}, {"window": 4}], ids=["learned", "one-hot", "tied", "window"]
)
each = pytest.mark.parametrize(
    ("cell", "options"),
    [("rnn", {"size": 0}), ("gru", {"window": 4}), ("lstm", {}), ("lstm", {"tied": True}), ("tcn", {})],
    ids=["rnn-one-hot", "gru-window", "lstm", "lstm-tied", "tcn"],
)
TOKENS = np.random.default_rng(5).integers(2, 9, 30)


def by_hand(task: Prediction, tokens: np.ndarray) -> np.ndarray:
    """The nats of each token, from a pass of its own over what stands before it."""
    found = []
    for at, token in enumerate(tokens):
        before = [0, *tokens[:at]]
        if task.context_length:
            before = [*[0] * task.context_length, *tokens[:at]][-task.context_length :]
        inputs = torch.tensor(before).reshape(1, -1, 1)
        with torch.no_grad():
            found.append(-task.model(inputs, torch.tensor([len(before)])).frames[0, -1, token - 1].item())
    return np.array(found)


def fed(chunk: int, rows: int = 3, accumulate: int = 1, window: int = 0) -> SequenceFeed:
    split = Windows(TOKENS, window) if window else Segments(TOKENS, rows, seed=1)
    return SequenceFeed(split, rows, 0 if window else chunk, seed=1, accumulate=accumulate)


# ----------------------------------------------------------------------------------------- one pass


@each
def test_a_running_text_costs_what_each_token_does_by_itself(cell: str, options: dict) -> None:
    task = made.task(cell=cell, **options)
    np.testing.assert_allclose(token_nats(task, running(TOKENS, task.context_length)), by_hand(task, TOKENS), **CLOSE)


@each_cell
def test_long_texts_are_scored_in_chunks_that_make_no_difference(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = made.task(cell=cell)
    whole = token_nats(task, running(TOKENS, 0))
    monkeypatch.setattr("crnn_audio.batching.text.CHUNK", 7)
    np.testing.assert_allclose(token_nats(task, running(TOKENS, 0)), whole, **CLOSE)


@each
def test_a_row_beside_longer_ones_costs_what_it_costs_alone(cell: str, options: dict) -> None:
    task = made.task(cell=cell, **options)
    inputs, targets = torch.zeros(3, 12, 1, dtype=torch.int64), torch.zeros(3, 12, dtype=torch.int64)
    for row, length in enumerate((12, 5, 9)):
        inputs[row, :length, 0] = torch.from_numpy(np.concatenate([[0], TOKENS[: length - 1]]))
        targets[row, :length] = torch.from_numpy(TOKENS[:length])
    begins = torch.ones(3, dtype=torch.bool)
    weights = (targets > 0).float()
    batch = SequenceBatch(inputs, targets, weights, torch.tensor([12, 5, 9]), begins, ("a", "b", "c"))
    together, _ = task.losses(batch, None)
    for row, length in enumerate((12, 5, 9)):
        own = (one[row : row + 1, :length] for one in (inputs, targets, weights))
        alone = SequenceBatch(*own, torch.tensor([length]), begins[:1], ("",))
        torch.testing.assert_close(together[row, :length], task.losses(alone, None)[0][0], **CLOSE)
        assert not together[row, length:].any()
    encoded = task.model(inputs, batch.lengths)
    torch.testing.assert_close(encoded.frames[1, :5], task.step(inputs[1:2, :5])[0][0], **CLOSE)


@each_cell
def test_a_token_is_predicted_from_those_before_it_alone(cell: str) -> None:
    task, at = made.task(cell=cell), 15
    other = TOKENS.copy()
    other[at] = other[at] % 7 + 2
    before, after = token_nats(task, running(TOKENS, 0)), token_nats(task, running(other, 0))
    assert (before[:at] == after[:at]).all()
    assert before[at] != after[at]
    assert before[at + 1] != after[at + 1]


# ----------------------------------------------------------------------------------------- chunks and windows


@each_cell
@pytest.mark.parametrize("chunk", [1, 5, 100])
@torch.no_grad()
def test_chunks_add_up_to_whole_segments(cell: str, chunk: int) -> None:
    task, epoch = made.task(cell=cell), 3
    total, carry, count, forgetful = 0.0, None, 0, 0.0
    for (part,) in fed(chunk).steps(epoch, 0):
        loss, carry = task.advance(part, carry)
        total, count, forgetful = total + loss.item(), count + part.size, forgetful + task.advance(part, None)[0].item()
    assert count == len(TOKENS)
    (whole,) = [part for (part,) in fed(100).steps(epoch, 0)]
    segments = [whole.targets[row, :length].numpy() for row, length in enumerate(whole.lengths)]
    assert total == pytest.approx(sum(by_hand(task, one).sum() for one in segments), rel=1e-9)
    if chunk < 10:
        assert forgetful != pytest.approx(total, rel=1e-6), "the carry says nothing"


@torch.no_grad()
def test_windows_add_up_to_the_running_text() -> None:
    task, found = made.task(window=4), {}
    for (part,) in fed(99, rows=8, window=4).steps(2, 0):
        losses, carry = task.losses(part, None)
        assert carry is None
        assert (losses[:, :-1] == 0).all()
        found |= dict(zip(part.cut_ids, losses[:, -1].tolist(), strict=True))
    nats = by_hand(task, TOKENS)
    assert len(found) == len(TOKENS)
    for at, nat in enumerate(nats):
        assert found[f"{at}:0"] == pytest.approx(nat, rel=1e-9)


@pytest.mark.parametrize("window", [0, 4])
def test_two_half_batches_are_one(window: int) -> None:
    task = made.task(window=window)
    gradients = []
    for accumulate in (1, 2):
        carries: dict[int, object] = {}
        task.zero_grad()
        for parts in fed(5, rows=4, accumulate=accumulate, window=window).steps(1, 0):
            for index, part in enumerate(parts):
                loss, carries[index] = task.advance(part, carries.get(index))
                loss.backward()
        gradients.append([one.grad.clone() for one in task.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


def test_the_gradient_stops_at_the_border_of_a_chunk() -> None:
    task = made.task()
    (first,), (second,) = itertools.islice(fed(6).steps(0, 0), 2)
    _, carry = task.advance(first, None)
    assert not second.begins.any()
    loss, _ = task.advance(second, carry)
    states = list(carry.recurrent)
    found = torch.autograd.grad(loss, states, allow_unused=True, retain_graph=True)
    assert all(one is None for one in found)


# ----------------------------------------------------------------------------------------- writing


@each
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.0), Sampling(top_k=3)])
def test_token_by_token_with_carry_equals_one_pass(cell: str, options: dict, sampling: Sampling) -> None:
    task, primer = made.task(cell=cell, **options), [3, 4, 5]
    steps = list(itertools.islice(generate(task, primer, [7], sampling), 12))
    text = np.array([*primer, *(int(token) for (token,), _ in steps)])
    costly = by_hand(task, text)[3:]
    np.testing.assert_allclose([float(nats) for _, (nats,) in steps], costly, **CLOSE)


@each_model
def test_a_seed_writes_the_same_alone_and_beside_others(options: dict) -> None:
    task, seeds = made.task(**options), [3, 9, 4, 100]
    together = [token for token, _ in itertools.islice(generate(task, [3, 4], seeds, Sampling()), 30)]
    for row, seed in enumerate(seeds):
        alone = [token for (token,), _ in itertools.islice(generate(task, [3, 4], [seed], Sampling()), 30)]
        assert [int(one[row]) for one in together] == [int(one) for one in alone]
    assert len({tuple(int(one[row]) for one in together) for row in range(4)}) == 4, "seeds differ"


@each_model
def test_temperature_0_takes_the_likeliest_that_is_known(options: dict) -> None:
    task = made.task(**options)
    text = [3]
    for (token,), _ in itertools.islice(generate(task, text, [1], Sampling(temperature=0.0)), 15):
        log_probs = next_log_probs(task, text)[0][0].copy()
        log_probs[UNKNOWN_ID - 1] = -math.inf
        assert int(token) == int(log_probs.argmax()) + 1
        text = [*text, int(token)]


def test_the_unknown_token_is_never_written() -> None:
    task = made.task()
    with torch.no_grad():
        task.model.head.linear.bias[UNKNOWN_ID - 1] = 50
    assert all(int(token) != UNKNOWN_ID for (token,), _ in itertools.islice(generate(task, [], [1], Sampling()), 50))


# ----------------------------------------------------------------------------------------- runs


EVERYTHING = {
    "chunks": {
        "model.embedding_dropout": 0.2,
        "model.tied": True,
        "model.output_projection": True,
        "model.recurrent.variational": True,
        "model.recurrent.dropout": 0.3,
        "model.recurrent.num_layers": 2,
        "data.accumulate": 2,
        "optim.ema": 0.9,
        "train.checkpoint_steps": 5,
    },
    "windows": {
        "data.context_length": 6,
        "data.batch_size": 128,
        "model.embedding_size": 0,
        "model.recurrent.cell": "rnn",
        "model.recurrent.dropout": 0.2,
        "optim.name": "rmsprop",
        "train.checkpoint_steps": 5,
    },
    "words": {"task.unit": "words", "task.vocabulary_size": 9, "data.bptt": 8, "train.checkpoint_steps": 5},
}


@pytest.mark.parametrize("kind", EVERYTHING)
def test_a_killed_run_goes_on_to_the_same_bits_and_a_moved_one_says_the_same(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "plot_curves", lambda log, path: None)
    recipe = made.small(made.file(tmp_path / "text.txt", 1500), EVERYTHING[kind])
    trained, _ = trainings.quietly(recipe, tmp_path / "whole")
    assert trained.finished
    assert trainings.killed_after_steps(recipe, tmp_path / "killed", 7)
    again, _ = trainings.quietly(recipe, tmp_path / "killed")
    assert again.finished
    assert trainings.same_bytes(tmp_path / "whole", tmp_path / "killed")
    for event in ("step", "dev"):
        assert trainings.log_of(tmp_path / "whole", event) == trainings.log_of(tmp_path / "killed", event)
    written = [(tmp_path / run / "samples" / "epoch-002.txt").read_text() for run in ("whole", "killed")]
    assert written[0] == written[1]

    before = load(tmp_path / "whole", device="cpu")
    score, text = before.score("the cat sat"), before.generate(tokens=20)
    shutil.move(tmp_path / "whole", tmp_path / "moved")
    after = load(tmp_path / "moved", device="cpu")
    assert np.array_equal(after.score("the cat sat").nats, score.nats)
    assert after.generate(tokens=20).text == text.text
