"""The live feed: events of a project as server-sent events, from the moment they are durable."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from llmobserve_server.auth.access import ReadAccess
from llmobserve_server.errors import Overloaded
from llmobserve_server.ingest import Ingestor, Subscription
from llmobserve_server.query.events import event_row
from llmobserve_server.store.protocol import Row

__all__ = ["LiveResponse", "LiveStreams", "router"]

HEARTBEAT_S = 15.0
STREAMS_MAX = 200

router = APIRouter(tags=["events"])


class LiveStreams:
    """The open streams, so that a stopping server can end them: they never end by themselves."""

    def __init__(self) -> None:
        self._open: set[Subscription] = set()
        self._ending = False

    def add(self, subscription: Subscription) -> None:
        """Remember a stream. Raises Overloaded when there are too many, or the server stops."""
        if self._ending or len(self._open) >= STREAMS_MAX:
            subscription.close()
            raise Overloaded("Too many live streams are open. Close some pages of the dashboard.", retry_after_s=30)
        self._open.add(subscription)

    def remove(self, subscription: Subscription) -> None:
        """End a stream. Idempotent."""
        self._open.discard(subscription)
        subscription.close()

    def end(self) -> None:
        """End all streams and open no more."""
        self._ending = True
        for subscription in list(self._open):
            self.remove(subscription)


class LiveResponse(StreamingResponse):
    """Ends its subscription whatever happens: a client may leave before the first message is asked for."""

    def __init__(self, subscription: Subscription, streams: LiveStreams) -> None:
        super().__init__(
            _messages(subscription),
            media_type="text/event-stream",
            # Proxies of the nginx kind would hold a stream back until it ends.
            headers={"X-Accel-Buffering": "no"},
        )
        self._subscription = subscription
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one side ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.remove(self._subscription)


@router.get(
    "/live",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def live(request: Request, access: ReadAccess) -> StreamingResponse:
    """Stream of the project's events, from now on.

    `event: event` carries an event as the list of events shows it, `event: dropped` the number of events that were
    left out so far because the watcher was too slow. A comment every 15 seconds keeps the connection open.
    """
    ingestor: Ingestor = request.app.state.ingestor
    streams: LiveStreams = request.app.state.live_streams
    subscription = ingestor.subscribe(access.project_id)
    streams.add(subscription)
    return LiveResponse(subscription, streams)


async def _messages(subscription: Subscription) -> AsyncIterator[str]:
    dropped = 0
    yield "retry: 2000\n\n"
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                row = await anext(subscription)
        except TimeoutError:
            yield ": still here\n\n"
            continue
        except StopAsyncIteration:
            return
        if subscription.dropped > dropped:
            dropped = subscription.dropped
            yield f'event: dropped\ndata: {{"dropped":{dropped}}}\n\n'
        yield _message(row)


def _message(row: Row) -> str:
    # An announced span has fewer columns than an event.
    complete: defaultdict[str, Any] = defaultdict(lambda: None, row)
    return f"event: event\ndata: {event_row(complete).model_dump_json()}\n\n"
