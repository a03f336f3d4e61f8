"""What every endpoint shares: the models, the workers, the limits, and whether the service is stopping."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import cast

from starlette.requests import HTTPConnection

from crnn_audio.serving.limits import Access, Limits
from crnn_audio.serving.meters import Meters
from crnn_audio.serving.models import Models
from crnn_audio.serving.work import Pool

LIVE_SECONDS = 30.0
"""What a step of live streams may take."""


@dataclass(eq=False)
class Service:
    """One service; `workers` compute files and pieces, `live` steps the streams."""

    models: Models
    limits: Limits
    access: Access
    meters: Meters
    workers: Pool
    live: Pool
    num_streams: int = 0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def stop(self) -> None:
        """Tells the live streams to finish, and waits until they have, or for `drain_seconds`."""
        self.stopping.set()
        end = time.monotonic() + self.limits.drain_seconds
        while self.num_streams and time.monotonic() < end:
            await asyncio.sleep(0.02)

    def close(self) -> None:
        """Lets the workers end when nothing waits."""
        self.workers.close()
        self.live.close()


def new_service(models: Models, limits: Limits, access: Access) -> Service:
    """A service whose threads start with its first request."""
    meters = Meters()
    workers = Pool(
        limits.num_workers,
        max_waiting=limits.max_jobs,
        linger=limits.batch_seconds,
        seconds=limits.job_seconds,
        batch=meters.batches.observe,
    )
    live = Pool(1, max_waiting=limits.max_streams, linger=0.0, seconds=min(limits.job_seconds, LIVE_SECONDS))
    service = Service(models, limits, access, meters, workers, live)
    meters.watch("waiting", "Requests that wait for a worker.", lambda: workers.num_waiting)
    meters.watch("workers_given_up", "Workers that did not come back.", lambda: workers.num_given_up)
    return service


def service_of(connection: HTTPConnection) -> Service:
    """The service that a request came to."""
    return cast(Service, connection.app.state.service)
