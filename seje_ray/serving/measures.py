"""What a server counts and times, for Prometheus."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64)
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Measures:
    """Counters of one process."""

    def __init__(self, run: str, replica: str = "0") -> None:
        """Start at zero.

        Args:
            run: Name of the training that answers.
            replica: Of the process among several.
        """
        here = self._registry = CollectorRegistry()
        self._requests = Counter(
            "seje_ray_requests", "Answers by route and status", ["route", "status"], registry=here
        )
        self._seconds = Histogram(
            "seje_ray_part_seconds",
            "Time of a part of answering",
            ["part"],
            buckets=SECONDS,
            registry=here,
        )
        self._batches = Histogram(
            "seje_ray_batch_size",
            "Photos or recipes embedded at once",
            buckets=BATCHES,
            registry=here,
        )
        self.under_way = Gauge(
            "seje_ray_requests_under_way", "Requests not yet answered", registry=here
        )
        self.held_bytes = Gauge(
            "seje_ray_held_bytes", "Bodies of requests in memory", registry=here
        )
        info = Gauge("seje_ray_serving", "1, with what serves", ["run", "replica"], registry=here)
        info.labels(run, replica).set(1)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels("total").observe(seconds)

    def embedded(self, batch: int, seconds: float) -> None:
        """Count what was embedded together with others."""
        self._batches.observe(batch)
        self._seconds.labels("model").observe(seconds)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Time a part."""
        start = perf_counter()
        try:
            yield
        finally:
            self._seconds.labels(part).observe(perf_counter() - start)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
