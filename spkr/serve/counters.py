"""What the server counts, for Prometheus: requests, how long they took, and the audio that was heard."""

import logging
import time

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spkr.serve.doors import PATHS

METHODS = frozenset({"GET", "HEAD", "POST", "DELETE"})
OTHER = "other"  # a label for whatever clients make up, so that they cannot make up labels
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # upper ends of the histogram's classes

logger = logging.getLogger(__name__)


class Counters:
    """The counters of one server."""

    def __init__(self) -> None:
        disable_created_metrics()  # a second time for each counter
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # memory, open files and processor time of the server
        labels = ("method", "path")
        self.requests = Counter("spkr_requests", "Requests answered.", (*labels, "status"), registry=self.registry)
        self.seconds = Histogram("spkr_request_seconds", "From a request's head to the end of its answer.", labels,
                                 buckets=SECONDS, registry=self.registry)  # fmt: skip
        self.inside = Gauge("spkr_requests_inside", "Requests that arrive, wait or are in work.",
                            registry=self.registry)  # fmt: skip
        self.heard = Counter("spkr_audio_seconds", "Seconds of audio heard.", registry=self.registry)
        self.voices = Counter("spkr_enrolments", "Enrolments stored.", registry=self.registry)

    def text(self) -> bytes:
        """All of them, in the text format of Prometheus."""
        return generate_latest(self.registry)


class Counting:
    """ASGI middleware that counts requests.

    It logs them, without client and names, but for those that look at something and are answered.
    """

    def __init__(self, app: ASGIApp, counters: Counters):
        self.app, self.counters = app, counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it when it is answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin, status = time.perf_counter(), 500

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.counters.inside.inc()
        try:
            await self.app(scope, receive, send_counted)
        finally:
            self.counters.inside.dec()
            self._count(scope, status, time.perf_counter() - begin)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else OTHER
        path = getattr(scope.get("route"), "path", scope["path"] if scope["path"] in PATHS else OTHER)
        self.counters.requests.labels(method, path, status).inc()
        self.counters.seconds.labels(method, path).observe(seconds)
        if method not in ("GET", "HEAD") or status >= 400:
            logger.info("%s %s: %d, %.3f s", method, path, status, seconds)
