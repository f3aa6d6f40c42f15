"""The live feed: rows that were just stored, handed to whoever watches, never holding up the writer."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any

from llmobserve_server.store.protocol import Row

__all__ = ["Feed", "Subscription"]

_MAX_WAITING = 1000


class Subscription(AsyncIterator[Row]):
    """Rows of one project from now on, in the order of their commits. Belongs to the event loop it was made in."""

    def __init__(self, feed: "Feed", project_id: str) -> None:
        self.project_id = project_id
        self.dropped = 0
        """Rows that were lost because the watcher did not keep up."""
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Row | None] = asyncio.Queue(_MAX_WAITING + 1)

    async def __anext__(self) -> Row:
        """The next row; ends after `close` and when the collector stops."""
        row = await self._queue.get()
        if row is None:
            raise StopAsyncIteration
        return row

    def close(self) -> None:
        """Stop watching. Idempotent; call in the loop of the subscription."""
        self._feed.remove(self)
        self._put_end()

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hand_over(self, rows: Sequence[Row]) -> None:
        """Take rows from the writer thread."""
        self._call(self._put, rows)

    def end(self) -> None:
        """Tell the watcher from any thread that nothing more comes."""
        self._call(self._put_end)

    def _call(self, function: Any, *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            # The loop is closed: its watcher is gone.
            self._feed.remove(self)

    def _put(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if self._queue.qsize() >= _MAX_WAITING:
                self.dropped += 1
            else:
                self._queue.put_nowait(row)

    def _put_end(self) -> None:
        if not self._queue.full():
            self._queue.put_nowait(None)


class Feed:
    """All subscriptions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watching: list[Subscription] = []

    def subscribe(self, project_id: str) -> Subscription:
        """A new subscription in the running event loop."""
        subscription = Subscription(self, project_id)
        with self._lock:
            self._watching.append(subscription)
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """Forget a subscription. Idempotent."""
        with self._lock:
            self._watching = [each for each in self._watching if each is not subscription]

    def publish(self, rows: Sequence[Row]) -> None:
        """Hand the rows to the watchers of their projects."""
        with self._lock:
            watching = self._watching
        if not watching:
            return
        by_project: dict[str, list[Row]] = {}
        for row in rows:
            by_project.setdefault(row["project_id"], []).append(row)
        for each in watching:
            own = by_project.get(each.project_id)
            if own:
                each.hand_over(own)

    def close(self) -> None:
        """End all subscriptions."""
        with self._lock:
            watching, self._watching = self._watching, []
        for each in watching:
            each.end()

    def __len__(self) -> int:
        return len(self._watching)
