"""Workers: jobs of a group together, a bounded queue, errors for their own clients alone, and threads that hang."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from crnn_audio.serving.refusals import Refusal
from crnn_audio.serving.work import Pool


def pool(size: int = 1, **changes: Any) -> Pool:
    return Pool(size, **{"max_waiting": 100, "linger": 0.05, "seconds": 10.0, **changes})


def test_jobs_of_a_group_are_computed_together_and_others_alone() -> None:
    batches = list[Sequence[Any]]()

    def work(items: Sequence[Any]) -> Sequence[Any]:
        batches.append(tuple(items))
        return [item * 2 for item in items]

    async def all_of() -> list[Any]:
        workers = pool()
        jobs = [workers.submit(work, item, "pairs" if item % 2 else None) for item in range(9)]
        results = await asyncio.gather(*jobs)
        workers.close()
        return results

    assert asyncio.run(all_of()) == [0, 2, 4, 6, 8, 10, 12, 14, 16]
    assert (1, 3, 5, 7) in batches
    assert all(len(batch) == 1 for batch in batches if batch[0] % 2 == 0)


def test_an_error_of_one_item_is_that_of_its_client_alone() -> None:
    async def all_of() -> list[Any]:
        workers = pool()
        jobs = [
            workers.submit(lambda items: [ValueError(one) if one else one for one in items], item, 1) for item in (0, 1)
        ]
        return await asyncio.gather(*jobs, return_exceptions=True)

    fine, wrong = asyncio.run(all_of())
    assert fine == 0
    assert isinstance(wrong, ValueError)


def test_a_full_queue_refuses_and_says_when_to_ask_again() -> None:
    gate = threading.Event()

    async def all_of() -> list[Any]:
        workers = pool(max_waiting=2)
        running = asyncio.create_task(workers.run(gate.wait))
        await asyncio.sleep(0.1)
        waiting = [asyncio.create_task(workers.run(lambda: 7)) for _ in range(3)]
        await asyncio.sleep(0.1)
        gate.set()
        return await asyncio.gather(running, *waiting, return_exceptions=True)

    done, *others, refused = asyncio.run(all_of())
    assert done is True
    assert others == [7, 7]
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")


def test_a_thread_that_hangs_is_replaced() -> None:
    gate = threading.Event()

    async def all_of() -> list[Any]:
        workers = pool(seconds=0.3)
        hung = await asyncio.gather(workers.run(gate.wait), return_exceptions=True)
        others = [await workers.run(lambda: 7) for _ in range(3)]
        gate.set()
        assert workers.num_given_up == 1
        workers.close()
        with pytest.raises(Refusal, match="stopping"):
            await workers.run(lambda: 7)
        return [*hung, *others]

    hung, *others = asyncio.run(all_of())
    assert isinstance(hung, Refusal)
    assert hung.status == 504
    assert others == [7, 7, 7]


def test_workers_leave_the_number_of_threads_of_others_as_it_was() -> None:
    torch.set_num_threads(2)
    try:
        found = asyncio.run(pool().run(torch.get_num_threads))
        other = list[int]()
        thread = threading.Thread(target=lambda: other.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert (found, torch.get_num_threads(), other) == (1, 2, [2])
    finally:
        torch.set_num_threads(1)
