"""Times of writing, by which the newest version of a row is known."""

import threading

from llmobserve.wire import now_us

__all__ = ["Clock"]


class Clock:
    """Microseconds of the machine's clock, each later than the last one. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_us = 0

    def next(self) -> int:
        """A time of writing that is after all that this process has written before."""
        with self._lock:
            self._last_us = max(self._last_us + 1, now_us())
            return self._last_us
