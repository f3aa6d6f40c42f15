"""Records, a spool and senders that are closed with the test, for the tests of delivery."""

import json
from collections.abc import Generator
from contextlib import contextmanager

from llmobserve.spool.writer import Spool
from llmobserve.transport import Sender
from llmobserve.transport.http import HttpTransport
from loopback.collector import Collector

__all__ = ["SOURCE", "call", "closed_connections", "sender_to", "to_url"]

SOURCE = {"process_id": "p1"}
_opened: list[HttpTransport] = []


def call(number: int, size: int = 10) -> bytes:
    """A record as the spool holds it, with `size` bytes in it."""
    record = {"type": "call", "event_id": f"e{number}", "pad": "x" * size}
    return json.dumps(record, separators=(",", ":")).encode()


@contextmanager
def closed_connections() -> Generator[None]:
    """Closes at its end what `to_url` has opened."""
    try:
        yield
    finally:
        while _opened:
            _opened.pop().close()


def to_url(url: str, key: str | None = None) -> HttpTransport:
    """A connection to a collector."""
    _opened.append(HttpTransport(url, key))
    return _opened[-1]


def sender_to(spool: Spool, collector: Collector, key: str | None = None) -> Sender:
    """Sends what the spool holds."""
    return Sender(spool, to_url(collector.url, key))
