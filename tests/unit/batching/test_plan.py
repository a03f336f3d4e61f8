"""The plan by small examples; the laws are in tests/invariants/test_plan.py."""

import subprocess
import sys

import pytest

from crnn_audio.batching.plan import PlannedCut, in_order, key, num_batches, padding_ratio, part, plan_epoch


def lengths(batches) -> list[list[float]]:
    return [[cut.duration for cut in batch] for batch in batches]


def test_cuts_of_like_length_share_a_batch_and_the_budget_counts_padding() -> None:
    batches = plan_epoch(
        list("abcdef"), [1.0, 9.0, 3.0, 1.0, 3.0, 9.0], budget=6.0 * 3, seed=1, epoch=0, short_first=True
    )
    assert lengths(batches) == [[1.0, 1.0, 3.0, 3.0], [9.0, 9.0]]


def test_short_first_goes_from_short_to_long_and_later_epochs_do_not() -> None:
    durations = [1.2**one for one in range(20)]  # further apart than the jitter
    ids = [str(one) for one in range(20)]
    means = [
        [
            sum(batch) / len(batch)
            for batch in lengths(plan_epoch(ids, durations, budget=64, seed=3, epoch=0, short_first=first))
        ]
        for first in (True, False)
    ]
    assert means[0] == sorted(means[0])
    assert means[1] != sorted(means[1])
    assert sorted(means[1]) == means[0]


@pytest.mark.parametrize("speeds", [[1.0], [0.9, 1.0, 1.1]])
def test_batches_are_counted_without_a_plan_and_rightly(speeds: list[float]) -> None:
    ids = [str(one) for one in range(300)]
    durations = [0.5 + (7 * one % 97) / 10 for one in range(300)]
    counts = set()
    for epoch in range(30):
        fixed = {"budget": 30.0, "seed": 5, "epoch": epoch, "speeds": speeds}
        count = num_batches(ids, durations, **fixed)
        for short_first in (False, True):
            assert count == len(plan_epoch(ids, durations, **fixed, short_first=short_first))
        counts.add(count)
    assert len(counts) > 1, "they would be the same for any epoch"


def test_neighbours_change_from_epoch_to_epoch() -> None:
    ids = [str(one) for one in range(200)]
    durations = [1 + one / 200 for one in range(200)]

    def pairs(epoch: int) -> set[frozenset[int]]:
        batches = plan_epoch(ids, durations, budget=20, seed=1, epoch=epoch)
        return {frozenset((one.index, other.index)) for batch in batches for one in batch for other in batch}

    assert len(pairs(0) & pairs(1)) < 0.7 * len(pairs(0))


def test_a_cut_above_the_budget_is_refused() -> None:
    with pytest.raises(ValueError, match=r"12\.50 s does not fit in a batch of 12 s"):
        plan_epoch(["a"], [10.0], budget=12, seed=1, epoch=0, speeds=[0.8])
    assert len(plan_epoch(["a"], [10.0], budget=12.5, seed=1, epoch=0, speeds=[0.8])) == 1


def test_an_empty_split_is_an_empty_plan() -> None:
    assert plan_epoch([], [], budget=10, seed=1, epoch=0) == []
    assert num_batches([], [], budget=10, seed=1, epoch=0) == 0
    assert in_order([], budget=10) == []
    assert padding_ratio([]) == 0.0


def test_in_order_takes_the_longest_first_at_its_own_speed_whatever_the_budget() -> None:
    batches = in_order([2.0, 30.0, 1.0, 2.0], budget=4.0)
    assert lengths(batches) == [[30.0], [2.0, 2.0, 1.0]]
    assert {cut.speed for batch in batches for cut in batch} == {1.0}
    assert sorted(cut.index for batch in batches for cut in batch) == [0, 1, 2, 3]


def test_a_part_is_every_nth_cut() -> None:
    batch = tuple(PlannedCut(index, 1.0, 1.0) for index in range(7))
    assert [[cut.index for cut in part(batch, index, 3)] for index in range(3)] == [[0, 3, 6], [1, 4], [2, 5]]
    assert part(batch[:1], 1, 3) == ()


def test_the_padding_share_by_hand() -> None:
    batches = [(PlannedCut(0, 1.0, 1.0), PlannedCut(1, 1.0, 3.0)), (PlannedCut(2, 1.0, 4.0),)]
    assert padding_ratio(batches) == pytest.approx(2 / 10)


def test_a_key_is_the_same_in_every_process_and_fits_63_bits() -> None:
    """Python's own hash of a string is not, so a resumed run would draw anew."""
    parts = (1, 2, "cut", "speed")
    command = [
        sys.executable,
        "-S",
        "-c",
        "import hashlib; d = hashlib.blake2b(b'1/2/cut/speed', digest_size=8); print(d.hexdigest())",
    ]
    digest = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert key(*parts) == int(digest, 16) >> 1
    assert 0 <= key(*parts) < 2**63
    assert len({key(seed, epoch, name) for seed in range(5) for epoch in range(5) for name in "abcde"}) == 125
