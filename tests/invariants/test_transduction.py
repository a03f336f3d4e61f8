"""The laws of encoder and decoder: padding, steps, accumulation, a gradient that reaches the first input, resume."""

import copy
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import pad

from crnn_audio.decoding.sequence_beam import SearchOptions
from crnn_audio.lengths import masked
from crnn_audio.models.encoder_decoder import last_states
from crnn_audio.problems import transduction
from crnn_audio.problems.restore import load
from crnn_audio.tasks.transduction import token_losses
from crnn_audio.training import display
from crnn_audio.types import Encoded
from tests import trainings
from tests import transductions as made

KINDS = [(attention, cell) for attention in made.KINDS for cell in ("rnn", "lstm", "gru")]
each_kind = pytest.mark.parametrize(("attention", "cell"), [*KINDS, ("additive", "tcn"), ("fixed", "tcn")])


def options(cell: str) -> dict:
    return {"bidirectional": cell != "tcn"}


@each_kind
def test_a_pair_alone_equals_the_pair_beside_longer_ones(attention: str, cell: str) -> None:
    task, pairs = made.task(attention, cell, **options(cell)), made.pairs(6)
    together = made.batch(pairs)
    log_probs, weights = task.log_probs(together)
    nats = token_losses(log_probs, together.targets, together.target_lengths)
    for row, pair in enumerate(pairs):
        alone = made.batch([pair])
        found, looked = task.log_probs(alone)
        size = len(pair.target) + 1
        assert torch.allclose(found[0], log_probs[row, :size], rtol=1e-9, atol=1e-9)
        assert torch.allclose(
            token_losses(found, alone.targets, alone.target_lengths)[0], nats[row, :size], rtol=1e-9, atol=1e-9
        )
        assert nats[row, size:].eq(0).all()
        assert torch.allclose(looked[0], weights[row, :size, : len(pair.source)], rtol=1e-9, atol=1e-9)
        if attention != "fixed":
            assert torch.allclose(weights[row, :size].sum(dim=-1), torch.ones(size).double(), atol=1e-9)
            assert weights[row, :, len(pair.source) :].eq(0).all()


@each_kind
@pytest.mark.parametrize("beam", [1, 4])
def test_hypotheses_are_the_same_alone_and_beside_others(attention: str, cell: str, beam: int) -> None:
    task, pairs = made.task(attention, cell, **options(cell)), made.pairs(6)
    search = SearchOptions(beam, beam, 0.6, 0.0 if attention == "fixed" else 0.2)
    together = task.search(task.start(made.batch(pairs)), search)
    for found, pair in zip(together, pairs, strict=True):
        (alone,) = task.search(task.start(made.batch([pair])), search)
        assert [one.tokens for one in alone] == [one.tokens for one in found]
        assert [one.score for one in alone] == pytest.approx([one.score for one in found], abs=1e-9)


@each_kind
def test_token_by_token_equals_all_at_once(attention: str, cell: str) -> None:
    task, batch = made.task(attention, cell, **options(cell)), made.batch(made.pairs(5))
    inputs = pad(batch.targets, (1, 0))
    expected, weights = task.log_probs(batch)
    state = task.model.start(batch.sources.unsqueeze(2), batch.source_lengths)
    for place in range(inputs.shape[1]):
        log_probs, looked, state = task.model.head(inputs[:, place : place + 1], state)
        assert torch.allclose(log_probs[:, 0], expected[:, place], rtol=1e-9, atol=1e-9)
        assert torch.allclose(looked[:, 0], weights[:, place], rtol=1e-9, atol=1e-9)


@each_kind
def test_a_hypothesis_has_the_probability_of_teacher_forcing(attention: str, cell: str) -> None:
    task, pairs = made.task(attention, cell, **options(cell)), made.pairs(4)
    for pair, (best, *_) in zip(pairs, task.search(task.start(made.batch(pairs)), SearchOptions(3)), strict=True):
        batch = made.batch([replace(pair, target=best.tokens)])
        nats = token_losses(task.log_probs(batch)[0], batch.targets, batch.target_lengths)
        assert best.log_prob == pytest.approx(-nats.sum().item(), abs=1e-9)


@each_kind
def test_two_half_batches_are_one(attention: str, cell: str) -> None:
    task, pairs = made.task(attention, cell, **options(cell)).train(), made.pairs(6)
    whole, halves = copy.deepcopy(task), copy.deepcopy(task)
    (whole.advance(made.batch(pairs), None)[0] / made.batch(pairs).size).backward()
    for half in (pairs[::2], pairs[1::2]):
        (halves.advance(made.batch(half), None)[0] / made.batch(pairs).size).backward()
    for (name, one), (_, other) in zip(whole.named_parameters(), halves.named_parameters(), strict=True):
        assert one.grad is not None, name
        assert torch.allclose(one.grad, other.grad, rtol=1e-9, atol=1e-12), name


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_the_gradient_of_a_fixed_context_reaches_the_first_input(cell: str, bidirectional: bool) -> None:
    task = made.task("fixed", cell, bidirectional=bidirectional)
    encoder, lengths = task.model.encoder, torch.tensor([4, 9])
    vectors = torch.randn(2, 9, 5, dtype=torch.float64, requires_grad=True)
    encoded = encoder.from_front(Encoded(masked(vectors, lengths), lengths))
    last_states(encoded.frames, lengths, bidirectional)[0].sum().backward()
    assert vectors.grad[0, 0].abs().sum() > 0
    assert vectors.grad[0, 3].abs().sum() > 0
    assert vectors.grad[0, 4:].eq(0).all(), "padding has a part in it"
    assert vectors.grad[1].eq(0).all()


def test_smoothing_spreads_a_part_of_the_weight_over_all_tokens() -> None:
    task, batch = made.task().train(), made.batch(made.pairs(4))
    log_probs, _ = task.log_probs(batch)
    expected = 0.0
    for row, length in enumerate(batch.target_lengths.tolist()):
        targets = [*batch.targets[row, :length].tolist(), 0]
        for place, target in enumerate(targets):
            one = log_probs[row, place]
            expected -= 0.9 * one[target].item() + 0.1 * one.mean().item()
    task.label_smoothing = 0.1
    assert task.advance(batch, None)[0].item() == pytest.approx(expected, abs=1e-9)
    task.eval()
    assert task.advance(batch, None)[0].item() == pytest.approx(
        token_losses(log_probs, batch.targets, batch.target_lengths).sum().item(), abs=1e-9
    )


def test_scheduled_sampling_reads_what_the_model_wrote() -> None:
    task, batch = made.task().train(), made.batch(made.pairs(4))
    plain, _ = task.log_probs(batch)
    task.scheduled_sampling = 0.999999
    sampled, _ = task.log_probs(batch)
    written = pad(plain.argmax(dim=-1)[:, :-1], (1, 0))
    expected, _ = task.model(batch.sources.unsqueeze(2), batch.source_lengths, written)
    assert torch.allclose(sampled, expected, atol=1e-12)
    assert torch.allclose(task.eval().log_probs(batch)[0], plain, atol=1e-12), "in training alone"


RANDOM = {
    "task.label_smoothing": 0.1,
    "task.scheduled_sampling": 0.3,
    "data.accumulate": 2,
    "model.recurrent.dropout": 0.3,
    "model.decoder.dropout": 0.3,
    "optim.ema": 0.9,
    "train.checkpoint_steps": 5,
}


@pytest.mark.parametrize("attention", ["location", "fixed"])
def test_a_killed_run_goes_on_to_the_same_bits_and_a_moved_one_says_the_same(
    attention: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "plot_curves", lambda log, path: None)
    recipe = made.small(made.folder(tmp_path / "pairs"), RANDOM | {"model.decoder.attention": attention})
    trained, _ = trainings.quietly(recipe, tmp_path / "whole")
    assert trained.finished
    assert trainings.killed_after_steps(recipe, tmp_path / "killed", 7)
    assert trainings.quietly(recipe, tmp_path / "killed")[0].finished
    assert trainings.same_bytes(tmp_path / "whole", tmp_path / "killed")
    for event in ("step", "dev"):
        assert trainings.log_of(tmp_path / "whole", event) == trainings.log_of(tmp_path / "killed", event)
    before = load(tmp_path / "whole", device="cpu").translate("abcde", SearchOptions(3, 3))
    shutil.move(tmp_path / "whole", tmp_path / "moved")
    assert load(tmp_path / "moved", device="cpu").translate("abcde", SearchOptions(3, 3)).nbest == before.nbest


def test_two_ranks_share_each_batch(tmp_path: Path) -> None:
    recipe = made.small(made.folder(tmp_path / "pairs"))
    data = transduction.data(recipe)
    assets = transduction.assets(recipe, data)
    whole = transduction.feed(recipe, data, assets).batches
    ranks = [transduction.feed(recipe, data, assets, rank, 2).batches for rank in range(2)]
    assert whole.num_steps(0) == ranks[0].num_steps(0) > 2
    for step, parts in enumerate(whole.steps(0, 0)):
        (batch,) = parts
        found = [one for rank in ranks for part in next(iter(rank.steps(0, step))) for one in part.cut_ids]
        assert sorted(found) == sorted(batch.cut_ids)
