"""Which attempts belong to one call: by the client's headers where it says so, else by what failed just before."""

import time
from collections.abc import Hashable, Mapping
from contextvars import ContextVar

from llmobserve.wire import new_event_id

__all__ = ["Attempt", "next_attempt"]

_RETRY_COUNT = "x-stainless-retry-count"
_IDEMPOTENCY = "idempotency-key"
_LONGEST_PAUSE_NS = 120 * 1_000_000_000


class Attempt:
    """One try of a call. The first failed try gives its event id to the call as a whole."""

    __slots__ = ("_ended_ns", "_failed", "_group", "_key", "_stated", "event_id", "number")

    def __init__(self, number: int, group: str | None, key: tuple[str, str, Hashable], stated: str | None) -> None:
        self.number = number
        self.event_id = new_event_id()
        self._group = group
        self._key = key
        self._stated = stated
        self._failed = False
        self._ended_ns = 0

    def ended(self, *, failed: bool) -> None:
        """Note how it ended: only a failed one can have a retry, by the same task or thread."""
        if failed:
            self._failed = True
            self._ended_ns = time.perf_counter_ns()
            host, path, content = self._key
            # What a retry is compared with must not keep a large body in memory.
            self._key = (host, path, hash(content))
            _failed_last.set(self)

    def logical_call_id(self) -> str | None:
        """Common id of all attempts, `None` for a call that succeeded at once."""
        if self._stated is not None:
            return self._stated
        return self._group or (self.event_id if self._failed else None)

    @staticmethod
    def further_event_id() -> str:
        """An id for a second event of the same attempt."""
        return new_event_id()

    def is_retried_by(self, key: tuple[str, str, Hashable]) -> bool:
        """True if a request with this host, path and body, sent now, is another try of this one."""
        recent = time.perf_counter_ns() - self._ended_ns < _LONGEST_PAUSE_NS
        return recent and self._key == (key[0], key[1], hash(key[2]))

    def retry(self, number: int, key: tuple[str, str, Hashable], stated: str | None) -> "Attempt":
        """The next try of the same call."""
        return Attempt(number, self._group or self.event_id, key, stated)


_failed_last: ContextVar[Attempt | None] = ContextVar("llmobserve_attempt", default=None)
"""The attempt that failed just before; `None` where no attempt was made yet, or the last one did not fail."""


def next_attempt(headers: Mapping[str, str], host: str, path: str, content: Hashable) -> Attempt:
    """The attempt that a request is, given the one before in the same task or thread. `content`: see `SentRequest`."""
    key = (host, path, content)
    stated = headers.get(_IDEMPOTENCY)
    count = headers.get(_RETRY_COUNT, "")
    number = int(count) if count.isascii() and count.isdigit() and len(count) < 4 else None
    before = _failed_last.get()
    if before is not None:
        _failed_last.set(None)
        if count != "0" and before.is_retried_by(key):
            return before.retry(before.number + 1 if number is None else number, key, stated)
    return Attempt(number or 0, None, key, stated)
