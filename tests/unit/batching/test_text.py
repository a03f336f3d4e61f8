"""Every token of a text is predicted once an epoch, after those that stand before it."""

import numpy as np
import pytest

from crnn_audio.batching.sequence import SequenceFeed, plan_spans
from crnn_audio.batching.text import Segments, Windows, running

TOKENS = np.arange(1, 102)


def fed(split: Segments | Windows, chunk: int, rows: int, accumulate: int = 1):
    return SequenceFeed(split, rows, 0 if isinstance(split, Windows) else chunk, seed=3, accumulate=accumulate)


@pytest.mark.parametrize("rows", [1, 4, 7])
@pytest.mark.parametrize("chunk", [1, 8, 500])
def test_segments_hold_every_token_once_after_the_one_before_it(rows: int, chunk: int) -> None:
    split = Segments(TOKENS, rows, seed=3)
    assert sum(split.lengths) == len(TOKENS)
    assert max(split.lengths) - min(split.lengths) <= 1
    for epoch in range(3):
        seen = list[int]()
        for step, (part,) in enumerate(fed(split, chunk, rows).steps(epoch, 0)):
            assert part.begins.all() == (step == 0)
            for inputs, following, length in zip(part.inputs[..., 0], part.targets, part.lengths, strict=True):
                seen += following[:length].tolist()
                before = inputs[:length] % len(TOKENS) + 1
                assert (before == following[:length])[1 if step == 0 else 0 :].all()
                assert int(inputs[0]) == 0 or step
                assert not following[length:].any()
        assert sorted(seen) == TOKENS.tolist()


def test_each_epoch_begins_elsewhere_and_an_epoch_always_there() -> None:
    split = Segments(TOKENS, 4, seed=3)
    first = [next(iter(fed(split, 8, 4).steps(epoch, 0)))[0].targets[:, 0].tolist() for epoch in (0, 1, 2, 0)]
    assert first[0] == first[3]
    assert len({tuple(sorted(one)) for one in first}) == 3


@pytest.mark.parametrize("accumulate", [1, 3])
def test_windows_hold_every_token_once_after_those_before_it(accumulate: int) -> None:
    split = fed(Windows(TOKENS, 4), 99, 8, accumulate)
    seen = list[int]()
    steps = list(split.steps(1, 0))
    assert len(steps) == split.num_steps(1) == 13
    for parts in steps:
        for part in parts:
            for inputs, following in zip(part.inputs[..., 0].tolist(), part.targets.tolist(), strict=True):
                last = following[-1]
                assert inputs == [max(one, 0) for one in range(last - 4, last)]
                assert following[:-1] == [0, 0, 0]
                seen.append(last)
            assert part.size == len(part.cut_ids)
            assert part.amount == part.padded_amount == 4 * part.size
    assert sorted(seen) == TOKENS.tolist()


@pytest.mark.parametrize(("count", "rows"), [(7, 3), (9, 3), (1, 4)])
def test_steps_of_whole_pieces_are_counted_without_a_plan(count: int, rows: int) -> None:
    split = SequenceFeed(Windows(TOKENS[:count], 4), rows, 0, seed=1)
    assert split.num_steps(0) == len(plan_spans([4] * count, batch_size=rows, bptt=0, seed=1, epoch=0))


def test_a_running_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crnn_audio.batching.text.CHUNK", 10)
    for window in (0, 4):
        parts = list(running(TOKENS, window))
        assert len(parts) == 11
        assert np.concatenate([part.targets[part.weights > 0] for part in parts]).tolist() == TOKENS.tolist()
        assert [bool(part.begins.all()) for part in parts] == [not at or window > 0 for at in range(11)]
    assert list(running(TOKENS[:0], 0)) == []
