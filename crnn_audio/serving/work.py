"""Workers that compute for many clients: a bounded queue, jobs of the same kind together, and nobody waits for ever.

A thread cannot be stopped from outside. One that does not come back in time is given up: its client is answered, and
another thread takes its place.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import torch

from crnn_audio.inference.speech.long import one_thread
from crnn_audio.serving.refusals import Refusal, busy

Work = Callable[[Sequence[Any]], Sequence[Any]]
"""Results of several items, in their order; an exception in place of one is raised to its client."""
LARGEST_BATCH = 32


@dataclass(eq=False)
class Job:
    """An item that waits for a worker; those of the same group, unless it is None, are computed together."""

    work: Work
    item: Any
    group: Hashable
    result: asyncio.Future[Any]
    worker: "Worker | None" = None


@dataclass(eq=False)
class Worker:
    """A thread, until it is given up."""

    given_up: bool = False


class Pool:
    """Threads that compute jobs; they start with the first one.

    Args:
        size: threads.
        max_waiting: jobs that wait; further ones are refused.
        linger: seconds that a job of a group waits for others.
        seconds: that a job may take, waiting included.
        batch: called with the number of jobs that are computed together.
    """

    def __init__(
        self,
        size: int,
        *,
        max_waiting: int,
        linger: float,
        seconds: float,
        batch: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.size, self.max_waiting, self.linger, self.seconds = size, max_waiting, linger, seconds
        self.num_given_up = 0
        self._batch = batch
        self._ready = threading.Condition()
        self._waiting = deque[Job]()
        self._workers = set[Worker]()
        self._closed = False

    @property
    def num_waiting(self) -> int:
        """Jobs that no worker has begun."""
        return len(self._waiting)

    async def run(self, call: Callable[[], Any]) -> Any:
        """What a function returns that is called by a worker.

        Raises:
            Refusal: too much is waiting, or it took too long. Also what the function raises.
        """
        return await self.submit(lambda items: [call()], None, None)

    async def submit(self, work: Work, item: Any, group: Hashable) -> Any:
        """The result of an item; the errors are those of `run`."""
        job = Job(work, item, group, asyncio.get_running_loop().create_future())
        with self._ready:
            if self._closed:
                raise Refusal(503, "The service is stopping.", "stopping", headers={"retry-after": "5"})
            if len(self._waiting) >= self.max_waiting:
                raise busy(f"{len(self._waiting)} requests are waiting already.")
            self._waiting.append(job)
            self._fill()
            self._ready.notify_all()
        try:
            return await asyncio.wait_for(job.result, self.seconds)
        except TimeoutError:
            self._give_up(job)
            raise Refusal(504, f"Not done within {self.seconds:g} s, and given up.", "timeout") from None

    def close(self) -> None:
        """Refuses further jobs; what waits is still done."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    def _fill(self) -> None:
        while len(self._workers) < self.size:
            worker = Worker()
            self._workers.add(worker)
            threading.Thread(target=self._serve, args=(worker,), name="crnn-audio worker", daemon=True).start()

    def _give_up(self, job: Job) -> None:
        with self._ready:
            if job in self._waiting:
                self._waiting.remove(job)
            elif job.worker and not job.worker.given_up:
                job.worker.given_up = True
                self.num_given_up += 1
                self._workers.discard(job.worker)
                self._fill()

    def _serve(self, worker: Worker) -> None:
        with ExitStack() as stack:
            stack.enter_context(one_thread(torch.device("cpu")))
            while not worker.given_up and (jobs := self._next(worker)):
                self._batch(len(jobs))
                _compute(jobs)

    def _next(self, worker: Worker) -> list[Job]:
        """The job that waits longest, and others of its group; none when the pool is closed."""
        with self._ready:
            while not self._waiting:
                if self._closed:
                    self._workers.discard(worker)
                    return []
                self._ready.wait()
            jobs = [self._waiting.popleft()]
            jobs[0].worker = worker
            end = time.monotonic() + self.linger
            while jobs[0].group is not None and len(jobs) < LARGEST_BATCH:
                for other in [one for one in self._waiting if one.group == jobs[0].group]:
                    if len(jobs) < LARGEST_BATCH:
                        self._waiting.remove(other)
                        other.worker = worker
                        jobs.append(other)
                if (left := end - time.monotonic()) <= 0 or not self._ready.wait(left):
                    break
            return jobs


def _compute(jobs: Sequence[Job]) -> None:
    wanted = [job for job in jobs if not job.result.cancelled()]
    try:
        results = wanted[0].work([job.item for job in wanted]) if wanted else []
    except BaseException as error:
        results = [error] * len(wanted)
    done = list(zip(wanted, results, strict=True))
    for loop in {job.result.get_loop() for job in wanted}:
        with suppress(RuntimeError):  # it is closed: nobody waits
            loop.call_soon_threadsafe(_deliver, [(job, one) for job, one in done if job.result.get_loop() is loop])


def _deliver(done: Sequence[tuple[Job, Any]]) -> None:
    """Wakes those who wait, all of a batch at once."""
    for job, result in done:
        if job.result.done():  # cancelled, or given up
            continue
        if isinstance(result, BaseException):
            job.result.set_exception(result)
        else:
            job.result.set_result(result)
