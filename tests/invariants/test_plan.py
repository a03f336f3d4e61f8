"""Law 2: every cut once an epoch, no batch above its budget, a plan that is a function of seed and epoch alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crnn_audio.batching.loader import SpeechFeed
from crnn_audio.batching.plan import Batch, padding_ratio, part, plan_epoch
from crnn_audio.problems import recognition
from crnn_audio.types import SpeechBatch
from tests import trainings

SPEEDS = (0.9, 1.0, 1.1)
durations_of_cuts = st.lists(st.floats(0.05, 16.0), min_size=1, max_size=60)
seeds = st.integers(0, 2**31)


def planned(durations: list[float], **options) -> list[Batch]:
    ids = [f"cut-{index}" for index in range(len(durations))]
    fixed = {"budget": 20.0, "seed": 1, "epoch": 0, "speeds": SPEEDS}
    return plan_epoch(ids, durations, **(fixed | options))


@settings(max_examples=60, deadline=None)
@given(durations_of_cuts, seeds, st.integers(0, 40), st.booleans())
def test_every_cut_stands_once_in_an_epoch(durations, seed, epoch, short_first) -> None:
    batches = planned(durations, seed=seed, epoch=epoch, short_first=short_first)
    assert sorted(cut.index for batch in batches for cut in batch) == list(range(len(durations)))
    assert all(batches)


@settings(max_examples=60, deadline=None)
@given(durations_of_cuts, seeds, st.floats(18.0, 400.0), st.booleans())
def test_no_batch_is_above_its_budget_at_the_speeds_it_is_played_at(durations, seed, budget, short_first) -> None:
    for batch in planned(durations, seed=seed, budget=budget, short_first=short_first):
        played = [durations[cut.index] / cut.speed for cut in batch]
        assert {cut.speed for cut in batch} <= set(SPEEDS)
        assert played == [cut.duration for cut in batch]
        assert len(batch) * max(played) <= budget


@settings(max_examples=40, deadline=None)
@given(durations_of_cuts, seeds, st.integers(0, 40))
def test_the_same_seed_and_epoch_give_the_same_plan(durations, seed, epoch) -> None:
    assert planned(durations, seed=seed, epoch=epoch) == planned(durations, seed=seed, epoch=epoch)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.lists(st.floats(0.5, 8.0), min_size=30, max_size=40))
def test_another_epoch_or_seed_gives_another_plan(seed, later, durations) -> None:
    for speeds in (SPEEDS, (1.0,)):
        first = planned(durations, seed=seed, epoch=0, speeds=speeds)
        assert first != planned(durations, seed=seed, epoch=later, speeds=speeds)
        assert first != planned(durations, seed=seed + later, epoch=0, speeds=speeds)


@settings(max_examples=40, deadline=None)
@given(durations_of_cuts, st.integers(1, 9))
def test_the_parts_of_a_batch_are_disjoint_and_complete_and_of_equal_count(durations, count) -> None:
    for batch in planned(durations, budget=100.0):
        parts = [part(batch, index, count) for index in range(count)]
        assert sorted(cut.index for one in parts for cut in one) == sorted(cut.index for cut in batch)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_cut_draws_its_speed_by_its_id_whatever_stands_beside_it() -> None:
    many = {cut.index: cut.speed for batch in planned([1.0] * 30) for cut in batch}
    few = {cut.index: cut.speed for batch in planned([1.0] * 7) for cut in batch}
    assert few == {index: many[index] for index in few}


def test_speeds_are_sampled_evenly_and_anew_each_epoch() -> None:
    sampled = [
        [
            cut.speed
            for cut in sorted(
                (one for batch in planned([1.0] * 600, epoch=epoch) for one in batch), key=lambda one: one.index
            )
        ]
        for epoch in range(2)
    ]
    for epoch in sampled:
        assert all(140 < epoch.count(speed) < 260 for speed in SPEEDS)  # 200 each, 12 standard deviations of 11.5 wide
    same = sum(one == other for one, other in zip(*sampled, strict=True))
    assert 120 < same < 280


@pytest.mark.parametrize(("budget", "bound"), [(25.0, 0.08), (60.0, 0.08), (300.0, 0.16)])
def test_little_is_padded_where_durations_are_like_those_of_speech(budget, bound) -> None:
    durations = np.random.default_rng(0).lognormal(1.0, 0.6, 1000).clip(0.4, 15).tolist()  # median 2.7 s, as in AN4
    shares = [padding_ratio(planned(durations, budget=budget, epoch=epoch)) for epoch in range(4)]
    assert max(shares) < bound, shares
    one_batch = [tuple(cut for batch in planned(durations) for cut in batch)]
    assert padding_ratio(one_batch) > 0.5  # the measure can be bad


def test_batches_are_filled_to_their_budget() -> None:
    """A plan of single cuts would keep every law above."""
    durations = np.random.default_rng(0).uniform(1, 4, 500).tolist()
    filled = [len(batch) * max(cut.duration for cut in batch) / 40.0 for batch in planned(durations, budget=40.0)]
    assert np.mean(filled) > 0.9


# ---------------------------------------------------------------------------------------- position is indexing


def tensors(parts: list[SpeechBatch]) -> list[torch.Tensor]:
    return [
        tensor
        for one in parts
        for tensor in (one.audio.waveforms, one.audio.lengths, one.targets.tokens, one.targets.lengths)
    ]


def named(parts: list[SpeechBatch]) -> list[tuple[object, ...]]:
    return [(one.cut_ids, one.keys, one.epoch) for one in parts]


@pytest.fixture(scope="module")
def feed(tmp_path_factory):
    root = trainings.corpus(tmp_path_factory.mktemp("plan") / "corpus", train=11)
    recipe = trainings.small(root, {"data.accumulate": 2, "augment.speed": list(SPEEDS), "data.batch_seconds": 1.2})
    data, assets = trainings.read(recipe)

    def with_workers(workers: int) -> SpeechFeed:
        changed = recipe.model_copy(update={"data": recipe.data.model_copy(update={"workers": workers})})
        return recognition.feed(changed, data, assets).batches

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root.parent)  # what checking remembers is kept there
        yield with_workers


@pytest.mark.parametrize("workers", [0, 2])
def test_going_on_at_a_step_is_indexing_whatever_the_workers(feed, workers) -> None:
    whole = list(feed(0).steps(3, 0))
    assert len(whole) == feed(0).num_steps(3) > 4
    for start in (0, 1, len(whole) - 1, len(whole)) if workers == 0 else (0, 2):
        rest = list(feed(workers).steps(3, start))
        assert [named(parts) for parts in rest] == [named(parts) for parts in whole[start:]]
        pairs = zip(rest, whole[start:], strict=True)
        assert all(torch.equal(*two) for one, other in pairs for two in zip(tensors(one), tensors(other), strict=True))


def test_what_is_loaded_fits_the_budget_too(feed) -> None:
    for parts in feed(0).steps(1, 0):
        assert (
            sum(part.size for part in parts) * max(part.audio.waveforms.shape[1] for part in parts) <= 1.2 * 8000 + 11
        )


def test_every_cut_is_loaded_once_an_epoch(feed) -> None:
    ids = [cut_id for parts in feed(0).steps(2, 0) for one in parts for cut_id in one.cut_ids]
    assert sorted(ids) == sorted(f"train-{index}" for index in range(11))
