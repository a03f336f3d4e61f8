"""Law 2 of piano rolls: every frame is predicted once an epoch, and a row goes on where it stopped."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crnn_audio.batching.rolls import Rolls
from crnn_audio.batching.sequence import SequenceFeed, Span, Step, plan_spans, whole
from crnn_audio.types import SequenceBatch
from tests.rolls import tune

lengths_of_pieces = st.lists(st.integers(1, 89), min_size=1, max_size=40)
seeds = st.integers(0, 2**31)
rows = st.integers(1, 9)
chunks = st.integers(0, 40)


@settings(max_examples=80, deadline=None)
@given(lengths_of_pieces, rows, chunks, seeds, st.integers(0, 40))
def test_every_transition_stands_once_in_an_epoch(lengths, rows, chunk, seed, epoch) -> None:
    steps = plan_spans(lengths, batch_size=rows, bptt=chunk, seed=seed, epoch=epoch)
    frames = [(span.index, span.start + at) for step in steps for span in step for at in range(span.length)]
    assert sorted(frames) == [(index, frame) for index, length in enumerate(lengths) for frame in range(length)]
    assert all(0 < len(step) <= rows for step in steps)
    assert all(span.length > 0 for step in steps for span in step)


@settings(max_examples=60, deadline=None)
@given(lengths_of_pieces, rows, chunks, seeds, st.integers(0, 40))
def test_the_same_seed_and_epoch_give_the_same_plan(lengths, rows, chunk, seed, epoch) -> None:
    plans = [plan_spans(lengths, batch_size=rows, bptt=chunk, seed=seed, epoch=epoch) for _ in range(2)]
    assert plans[0] == plans[1]


@pytest.mark.parametrize("chunk", [0, 7])
def test_another_seed_or_epoch_gives_another_plan(chunk: int) -> None:
    lengths = list(range(10, 40))
    plans = [
        plan_spans(lengths, batch_size=4, bptt=chunk, seed=s, epoch=e) for s, e in ((1, 0), (2, 0), (1, 1), (2, 1))
    ]
    assert all(one != other for n, one in enumerate(plans) for other in plans[:n])


@settings(max_examples=80, deadline=None)
@given(lengths_of_pieces, rows, st.integers(1, 40), seeds)
def test_a_row_goes_on_where_it_stopped_and_never_comes_back(lengths, rows, chunk, seed) -> None:
    steps = plan_spans(lengths, batch_size=rows, bptt=chunk, seed=seed, epoch=3)
    assert len(steps[0]) == min(rows, len(lengths))
    assert all(span.start == 0 for span in steps[0])
    for before, after in pairwise(steps):
        assert len(after) <= len(before), "a row came back"
        for old, new in zip(before, after, strict=False):
            ended = old.start + old.length == lengths[old.index]
            assert (new.start == 0) if ended else (new.index, new.start) == (old.index, old.start + old.length)
        for old in before[len(after) :]:
            assert old.start + old.length == lengths[old.index], "a row was left in the middle of a piece"
    for step in steps:
        for span in step:
            ends = span.start + span.length == lengths[span.index]
            assert span.length == chunk or (ends and span.length < chunk)
            assert span.start % chunk == 0


@settings(max_examples=60, deadline=None)
@given(lengths_of_pieces, rows, st.integers(1, 40), seeds)
def test_rows_are_of_like_lengths(lengths, rows, chunk, seed) -> None:
    """A row that ends early leaves the others alone by no more than the longest piece."""
    steps = plan_spans(lengths, batch_size=rows, bptt=chunk, seed=seed, epoch=0)
    each = [sum(row < len(step) for step in steps) for row in range(len(steps[0]))]
    longest = max(-(-length // chunk) for length in lengths)
    assert max(each) - min(each) <= longest


@settings(max_examples=60, deadline=None)
@given(lengths_of_pieces, rows, seeds, st.integers(0, 5))
def test_whole_pieces_are_whole_and_batches_full(lengths, rows, seed, epoch) -> None:
    steps = plan_spans(lengths, batch_size=rows, bptt=0, seed=seed, epoch=epoch)
    assert all(span == Span(span.index, 0, lengths[span.index]) for step in steps for span in step)
    sizes = sorted(len(step) for step in steps)
    assert sizes[1:] == [rows] * (len(sizes) - 1)
    assert len(steps) == -(-len(lengths) // rows)


def test_whole_pieces_beside_one_another_are_of_like_lengths_and_neighbours_change() -> None:
    lengths = np.random.default_rng(0).integers(20, 400, 64).tolist()
    neighbours = set()
    for epoch in range(6):
        steps = plan_spans(lengths, batch_size=8, bptt=0, seed=1, epoch=epoch)
        padded = sum(max(span.length for span in step) * len(step) for step in steps)
        assert sum(span.length for step in steps for span in step) > 0.7 * padded
        neighbours |= {frozenset(span.index for span in step) for step in steps}
        assert [max(s.length for s in step) for step in steps] != sorted(max(s.length for s in step) for step in steps)
    assert len(neighbours) > 6 * 8 / 2


# ---------------------------------------------------------------------------------------- the feed


def feed(count: int = 11, **options: int) -> SequenceFeed:
    pieces = [tune(seed, 3 + 5 * seed) for seed in range(count)]
    names = [f"piece-{index}" for index in range(count)]
    return SequenceFeed(Rolls.of(pieces, names), **({"batch_size": 5, "bptt": 7, "seed": 1} | options))


def rows_of(batch: SequenceBatch) -> list[tuple[str, bool, bytes]]:
    """What stands in each row, without its padding."""
    return [
        (name, bool(begins), inputs[:length].numpy().tobytes() + following[:length].numpy().tobytes())
        for name, begins, inputs, following, length in zip(
            batch.cut_ids, batch.begins, batch.inputs, batch.targets, batch.lengths.tolist(), strict=True
        )
    ]


@pytest.mark.parametrize("chunk", [0, 7])
def test_a_batch_holds_what_its_spans_say(chunk: int) -> None:
    fed = feed(bptt=chunk)
    plan = plan_spans(fed.sequences.lengths, batch_size=5, bptt=chunk, seed=1, epoch=2)
    batches = [parts[0] for parts in fed.steps(2, 0)]
    assert len(batches) == len(plan) == fed.num_steps(2)
    for batch, step in zip(batches, plan, strict=True):
        longest = max(span.length for span in step)
        assert batch.inputs.shape == batch.targets.shape == (len(step), longest, 88)
        assert batch.inputs.dtype == torch.float32
        for row, span in enumerate(step):
            roll = torch.from_numpy(tune(span.index, 3 + 5 * span.index)).float()
            wanted = roll[span.start : span.start + span.length], roll[span.start + 1 : span.start + span.length + 1]
            assert torch.equal(batch.inputs[row, : span.length], wanted[0])
            assert torch.equal(batch.targets[row, : span.length], wanted[1])
            assert (batch.targets[row, span.length :] == 0).all()
            assert (batch.inputs[row, span.length + 1 :] == 0).all()
        assert batch.lengths.tolist() == [span.length for span in step]
        assert batch.begins.tolist() == [span.start == 0 for span in step]
        assert batch.cut_ids == tuple(f"piece-{span.index}" for span in step)
        assert batch.size == batch.amount == sum(span.length for span in step)
        assert batch.padded_amount == longest * len(step)


@pytest.mark.parametrize("chunk", [0, 7])
def test_an_epoch_is_gone_on_with_anywhere(chunk: int) -> None:
    fed = feed(bptt=chunk)
    whole = [[rows_of(part) for part in parts] for parts in fed.steps(1, 0)]
    for start in range(len(whole) + 1):
        assert [[rows_of(part) for part in parts] for parts in fed.steps(1, start)] == whole[start:]


@pytest.mark.parametrize(("accumulate", "ranks"), [(2, 1), (3, 1), (1, 2), (2, 2), (3, 2), (7, 1)])
@pytest.mark.parametrize("chunk", [0, 7])
def test_parts_and_ranks_share_each_batch_and_a_row_stays_in_its_part(chunk: int, accumulate: int, ranks: int) -> None:
    plan: list[Step] = plan_spans(feed().sequences.lengths, batch_size=5, bptt=chunk, seed=1, epoch=1)
    shared = [
        list(feed(bptt=chunk, accumulate=accumulate, rank=rank, ranks=ranks).steps(1, 0)) for rank in range(ranks)
    ]
    together = [parts[0] for parts in feed(bptt=chunk).steps(1, 0)]
    assert {len(steps) for steps in shared} == {len(plan)}
    for number, undivided in enumerate(together):
        parts = [part for steps in shared for part in steps[number]]
        assert sorted(row for part in parts for row in rows_of(part)) == sorted(rows_of(undivided))
        assert sum(part.size for part in parts) == undivided.size
    if chunk:
        for steps in shared:
            for before, after in pairwise(steps):
                assert len(after) <= len(before)
                for old, new in zip(before, after, strict=False):
                    assert len(new.cut_ids) <= len(old.cut_ids)
                    for was, now, begins in zip(old.cut_ids, new.cut_ids, new.begins, strict=False):
                        assert begins or was == now, "a carry would go to another piece"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(2, 60), min_size=1, max_size=20), st.integers(1, 9))
def test_evaluated_pieces_stand_once_and_whole(lengths, rows) -> None:
    pieces = [tune(seed, length) for seed, length in enumerate(lengths)]
    names = [str(index) for index in range(len(pieces))]
    batches = list(whole(Rolls.of(pieces, names), rows))
    assert sorted(name for batch in batches for name in batch.cut_ids) == sorted(names)
    for batch in batches:
        assert batch.begins.all()
        assert len(batch.cut_ids) <= rows
        assert batch.lengths.tolist() == [lengths[int(name)] - 1 for name in batch.cut_ids]
