"""Windows over frames and the places where they are joined."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from crnn_audio.inference.speech.joining import join
from crnn_audio.inference.speech.long import _sure_blank, joined, one_thread, windows


def numbered(count: int) -> Tensor:
    return torch.arange(float(count)).reshape(1, count, 1)


@settings(deadline=None)
@given(st.integers(0, 60), st.lists(st.integers(0, 17), max_size=12), st.integers(1, 12), st.integers(0, 6))
def test_windows_are_segments_of_the_whole(total: int, sizes: list[int], size: int, context: int) -> None:
    size = max(size, 2 * context)
    whole = numbered(total)
    ends = [sum(sizes[:index]) for index in range(1, len(sizes) + 1)]
    found = list(windows(whole.tensor_split([end for end in ends if end < total], dim=1), size, context))
    for first, frames in found:
        assert frames.flatten().tolist() == list(range(first, first + frames.shape[1]))
    assert [first for first, _ in found] == [max(number * size - context, 0) for number in range(len(found))]
    assert [first + frames.shape[1] for first, frames in found[:-1]] == [
        number * size + context for number in range(1, len(found))
    ]
    assert found[-1][0] + found[-1][1].shape[1] == total
    assert len(found) == 1 or found[-1][1].shape[1] > 2 * context, "the last one has something of its own"
    assert total <= size + context or len(found) > 1


def best(ids: list[int], probs: list[float] | None = None) -> Tensor:
    """Log-probabilities of ten tokens in which these are the likeliest."""
    log_probs = torch.full((len(ids), 10), -math.inf)
    log_probs[range(len(ids)), ids] = torch.tensor(probs or [0.95] * len(ids)).log()
    return log_probs


@pytest.mark.parametrize(
    ("one", "other", "at"),
    [
        (best([0, 0, 0, 0, 0]), best([0, 0, 0, 0, 0]), 2),
        (best([0, 3, 3, 3, 3, 0, 3]), best([0, 3, 3, 3, 3, 0, 3]), 5),  # the nearest to the middle
        (best([0, 3, 3, 3, 3, 0, 0]), best([0, 0, 3, 3, 3, 3, 0]), 0),  # where both are blank
        (best([0, 0, 0, 0, 0], [1, 0.89, 0.8, 0.95, 1]), best([0, 0, 0, 0, 0]), 3),  # and sure of it, both
        (best([0, 0, 0, 0, 0]), best([0, 0, 0, 0, 0], [1, 0.9, 0.8, 0.3, 1]), 1),
        (best([1, 2, 3, 4]), best([1, 2, 3, 4]), 2),  # nowhere: the middle
        (best([]), best([]), 0),
    ],
)
def test_windows_are_joined_at_the_sure_blank_nearest_to_the_middle(one: Tensor, other: Tensor, at: int) -> None:
    assert join(_sure_blank(one), _sure_blank(other)) == at


def test_each_window_gives_what_lies_between_its_joins() -> None:
    outputs = [
        (0, best([1, 1, 0, 2, 2, 9])),
        (3, best([9, 2, 0, 3, 0, 9, 9])),
        (7, best([9, 9, 4, 0, 5])),
    ]
    # Overlaps: [2, 2, 9] with [9, 2, 0], joined in the middle; [0, 9, 9] with [9, 9, 4] too.
    found = [log_probs.argmax(dim=-1).tolist() for log_probs in joined(outputs)]
    assert found == [[1, 1, 0, 2], [2, 0, 3, 0], [9, 4, 0, 5]]


def test_windows_that_agree_are_the_whole() -> None:
    torch.manual_seed(0)
    whole = torch.randn(200, 3).log_softmax(dim=-1)
    found = list(joined((first, one[0]) for first, one in windows(whole.unsqueeze(0).split(13, dim=1), 40, 11)))
    assert len(found) == 5
    assert torch.equal(torch.cat(found), whole)


def test_on_a_cpu_a_single_sequence_has_one_thread_and_torch_gets_the_others_back() -> None:
    torch.set_num_threads(2)
    try:
        with one_thread(torch.device("cpu")):
            assert torch.get_num_threads() == 1
            with one_thread(torch.device("cpu")):
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 1
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(torch.get_num_threads).result(20) == 2, "a thread of another recording"
        assert torch.get_num_threads() == 2
        with one_thread(torch.device("meta")):
            assert torch.get_num_threads() == 2, "a device that computes by itself"
    finally:
        torch.set_num_threads(1)


def test_two_recordings_at_once_leave_torch_its_threads() -> None:
    """The second begins, in a thread of its own, while the first runs, and ends after it."""
    second_runs, first_ended = threading.Event(), threading.Event()

    def second() -> int:
        with one_thread(torch.device("cpu")):
            assert torch.get_num_threads() == 1
            second_runs.set()
            assert first_ended.wait(20)
        return torch.get_num_threads()

    torch.set_num_threads(2)
    try:
        with ThreadPoolExecutor(1) as pool, ThreadPoolExecutor(1) as server:
            with one_thread(torch.device("cpu")):
                assert server.submit(torch.get_num_threads).result(20) == 2
                running = pool.submit(second)
                assert second_runs.wait(20)
            assert torch.get_num_threads() == 2
            first_ended.set()
            assert running.result(20) == 2
            assert server.submit(torch.get_num_threads).result(20) == 2, "it began while another had one thread"
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result(20) == 2, "a thread that begins afterwards"
    finally:
        torch.set_num_threads(1)
