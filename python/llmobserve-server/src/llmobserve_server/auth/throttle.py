"""Slows down guessing: failures per address in a window of time."""

import time
from collections import OrderedDict, deque

from llmobserve_server.errors import Overloaded

__all__ = ["Throttle", "TooManyAttempts"]

_ADDRESSES_MAX = 10_000


class TooManyAttempts(Overloaded):
    """Too many failures from one address."""

    status = 429
    code = "too_many_attempts"


class Throttle:
    """Counts failures; after `limit` of them within `window_s` seconds an address must wait."""

    def __init__(self, *, limit: int = 10, window_s: int = 60) -> None:
        self._limit = limit
        self._window_s = window_s
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, address: str | None) -> None:
        """Raise TooManyAttempts where the address has failed too often lately."""
        failures = self._failures.get(address or "", deque())
        now = time.monotonic()
        while failures and now - failures[0] > self._window_s:
            failures.popleft()
        if len(failures) >= self._limit:
            wait_s = int(self._window_s - (now - failures[0])) + 1
            raise TooManyAttempts(f"Too many attempts. Try again in {wait_s} seconds.", retry_after_s=wait_s)

    def note_failure(self, address: str | None) -> None:
        """Count one failure."""
        failures = self._failures.setdefault(address or "", deque(maxlen=self._limit))
        failures.append(time.monotonic())
        self._failures.move_to_end(address or "")
        if len(self._failures) > _ADDRESSES_MAX:
            self._failures.popitem(last=False)
