"""The one background thread: wakes up when something was recorded, gathers for a moment, then sends.

The way to it is a `SimpleQueue`, whose `put` may be called from a finaliser at any moment without a deadlock. Thread
and queue are made together with the first record and looked up only then: `gevent.monkey.patch_all()` may have replaced
both meanwhile, and a greenlet that waits on a queue of the interpreter would stop all others for ever.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from typing import TYPE_CHECKING

from llmobserve.guard import guarded

if TYPE_CHECKING:
    from queue import SimpleQueue

__all__ = ["Worker"]


class _Request:
    """Someone waits for everything to be sent."""

    __slots__ = ("complete", "done", "stop")

    def __init__(self, *, stop: bool) -> None:
        self.stop = stop
        self.complete = False
        self.done = threading.Event()


class Worker:
    """Runs `tick` in the background. The thread starts with the first `wake`."""

    def __init__(self, tick: Callable[[bool], bool], wait_s: Callable[[], float], interval_s: float) -> None:
        """`tick(now)` sends and says whether all was sent; `wait_s` is how long to leave it alone after a failure."""
        self._tick = tick
        self._wait_s = wait_s
        self._interval_s = interval_s
        self._queue: SimpleQueue[_Request | None] | None = None
        self._signalled = False
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._abandoned = False

    def wake(self) -> None:
        """Something was recorded. Costs a comparison while the thread knows already."""
        if self._signalled:
            return
        self._signalled = True
        if self._thread is None:
            self._start()
        self._put(None)

    def remind(self) -> None:
        """As `wake`, where a thread cannot be started: in a finaliser."""
        if self._thread is not None and not self._signalled:
            self._signalled = True
            self._put(None)

    def flush(self, timeout_s: float, *, stop: bool = False) -> bool | None:
        """Have everything sent; True when that was done within the time. With `stop` the thread ends afterwards.

        `None` where the interpreter is shutting down and refuses a thread: nothing was tried.
        """
        if self._thread is None or not self._thread.is_alive():
            self._thread = None
            self._start()
        if self._thread is None:
            return None
        request = _Request(stop=stop)
        self._put(request)
        request.done.wait(timeout_s)
        return request.complete

    def abandon(self) -> None:
        """Ask the thread to end, without waiting and without sending."""
        self._abandoned = True
        self._put(None)

    def _put(self, request: _Request | None) -> None:
        if self._queue is not None:
            self._queue.put(request)

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return
        try:
            if self._thread is None:
                if self._queue is None:
                    self._queue = queue.SimpleQueue()
                thread = threading.Thread(target=self._run, name="llmobserve-sender", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError:
            # The interpreter is shutting down: what was recorded is on disk and is sent by the exit hook or adopted.
            self._signalled = False
        finally:
            self._starting.release()

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._release()

    def _work(self) -> None:
        rest_s: float | None = None
        while not self._abandoned:
            request = self._next(rest_s)
            if request is None and not self._abandoned:
                # Also during a back-off: or each record of a busy application would wake this thread for nothing.
                request = self._next(self._interval_s)
            if self._abandoned:
                return
            self._signalled = False
            complete = False
            with guarded("worker"):
                complete = self._tick(request is not None)
            rest_s = None if complete else max(self._wait_s(), self._interval_s)
            if request is not None:
                request.complete = complete
                request.done.set()
                if request.stop:
                    return

    def _release(self) -> None:
        """Let go of those who wait for a flush that will not come any more."""
        with suppress(Empty):
            while (waiting := self._queue) is not None:
                request = waiting.get_nowait()
                if request is not None:
                    request.done.set()

    def _next(self, timeout_s: float | None) -> _Request | None:
        waiting = self._queue
        try:
            return None if waiting is None else waiting.get(timeout=timeout_s)
        except Empty:
            return None
