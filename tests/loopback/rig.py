"""Observes a loopback server with the real capture engine and keeps what it records."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Protocol

from llmobserve import capture
from llmobserve.settings import load
from llmobserve.wire import CallEvent, ContentRecord

__all__ = ["Recorded", "Server", "observed"]


class Server(Protocol):
    """A server on this machine."""

    @property
    def netloc(self) -> str: ...


class Recorded:
    """The records of one observation."""

    def __init__(self) -> None:
        self.calls: list[CallEvent] = []
        self.contents: list[ContentRecord] = []
        self.snapshots: list[Any] = []

    def take(self, call: CallEvent, content: ContentRecord | None, snapshot: Any) -> None:
        self.calls.append(call)
        self.snapshots.append(snapshot)
        if content is not None:
            self.contents.append(content)

    @property
    def one(self) -> CallEvent:
        """The only call; fails when there are none or several."""
        assert len(self.calls) == 1, [(call.operation, call.status) for call in self.calls]
        return self.calls[0]

    @property
    def units(self) -> dict[str, int | Decimal]:
        return dict(self.one.usage.units)


@contextmanager
def observed(server: Server, provider: str = "openai", *, content: bool = False) -> Generator[Recorded]:
    """Capture is on inside the block, defects inside it are raised."""
    recorded = Recorded()
    before = os.environ.get("LLMOBSERVE_RAISE_INTERNAL")
    os.environ["LLMOBSERVE_RAISE_INTERNAL"] = "1"
    settings = load({"hosts": {server.netloc: provider}, "capture_content": content}, environ={})
    capture.install(sink=recorded.take, settings=settings)
    try:
        yield recorded
    finally:
        capture.uninstall()
        if before is None:
            del os.environ["LLMOBSERVE_RAISE_INTERNAL"]
        else:
            os.environ["LLMOBSERVE_RAISE_INTERNAL"] = before
