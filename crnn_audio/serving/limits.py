"""How much a service accepts, how long it waits, and who may use it."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds.

    Args:
        max_upload: bytes of a request's body.
        max_streams: live streams at a time.
        max_jobs: requests that wait for a worker; beyond them the answer is 429.
        num_workers: threads that compute files and pieces; live streams have one more.
        job_seconds: what a request may take, waiting included; then its answer is 504 and its worker is replaced.
        batch_seconds: how long the first of several short requests waits for others to be computed with it.
        head_seconds: in which the head of a request must have arrived.
        body_seconds: in which its body must have arrived, besides a second for each `body_rate` bytes.
        send_seconds: how long a client may leave an answer unread.
        idle_seconds: how long a live stream may send nothing.
        drain_seconds: how long requests and streams may take to end when the service stops.
    """

    max_upload: int = 100 * 2**20
    max_streams: int = 100
    max_jobs: int = 64
    num_workers: int = 2
    job_seconds: float = 300.0
    batch_seconds: float = 0.01
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    body_rate: int = 20_000
    send_seconds: float = 30.0
    idle_seconds: float = 60.0
    drain_seconds: float = 30.0


@dataclass(frozen=True)
class Access:
    """Who may use a service.

    Args:
        tokens: one of them must come with each request; none are needed where there are none.
        origins: pages of other hosts that browsers may let use it, such as "https://example.org".
    """

    tokens: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def knows(self, token: str) -> bool:
        """Whether a token is one of them, compared in constant time."""
        return any(hmac.compare_digest(token.encode(), one.encode()) for one in self.tokens)

    def permits(self, headers: Mapping[str, str]) -> bool:
        """Whether a request comes from no page, from a page of this service, or from one of `origins`."""
        origin = headers.get("origin")
        if origin is None or origin in self.origins:
            return True
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
