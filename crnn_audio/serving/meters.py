"""Figures of a service, for Prometheus; in a registry of its own, so that several services may live in one process."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Meters:
    """What is counted."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "crnn_audio_requests", "Requests answered.", ("route", "status"), registry=self.registry
        )
        self.seconds = Histogram("crnn_audio_request_seconds", "Seconds to answer.", ("route",), registry=self.registry)
        self.audio = Counter("crnn_audio_audio_seconds", "Seconds of sound recognised.", registry=self.registry)
        self.batches = Histogram(
            "crnn_audio_batch_size", "Jobs computed together.", buckets=(1, 2, 4, 8, 16, 32), registry=self.registry
        )
        self.streams = Gauge("crnn_audio_streams", "Live streams that are open.", registry=self.registry)

    def watch(self, name: str, what: str, value: Callable[[], float]) -> None:
        """A figure that is asked for when it is read."""
        Gauge(f"crnn_audio_{name}", what, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self.registry)
