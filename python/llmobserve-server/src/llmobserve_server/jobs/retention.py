"""Deletes what is older than it is to be kept: in small transactions, with rests between them, once an hour."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from llmobserve_server.errors import StoreError
from llmobserve_server.store.protocol import Store
from llmobserve_server.store.retention import KINDS, RetentionRules

__all__ = ["Retention", "RetentionState"]

PIECE_ROWS = 20_000
_FIRST_AFTER = timedelta(minutes=2)
_EVERY = timedelta(hours=1)
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class RetentionState:
    """What the job has done since the start of the process. Times are naive UTC."""

    last_start: datetime | None = None
    """`None`: it has not run yet."""
    last_end: datetime | None = None
    """Of the last run that did all it had to; `None`: there is none."""
    next_start: datetime | None = None
    """`None`: nothing is to be deleted, ever, or the server ends."""
    last_error: str | None = None
    """Why the last run ended early; `None`: it did not."""
    deleted: Counter[str] = field(default_factory=Counter[str])
    """Rows by table."""


class Retention:
    """The job of one server.

    Args:
        store: what to delete from.
        rules: what is kept for how long.
        clock: the time now, naive UTC.
        piece_rows: rows of one transaction.
        idle_share: rest after each transaction, as a part of the time that it took, so that ingest has room.
    """

    def __init__(
        self,
        store: Store,
        rules: RetentionRules,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC).replace(tzinfo=None),
        piece_rows: int = PIECE_ROWS,
        idle_share: float = 1.0,
    ) -> None:
        self.rules = rules
        self._store = store
        self._clock = clock
        self._piece_rows = piece_rows
        self._idle_share = idle_share
        self._lock = threading.Lock()
        self._state = RetentionState()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Run from now on, for the first time in two minutes; does nothing where all is kept for ever. Idempotent."""
        if self._thread is None and any(self.rules.kept_days(kind) is not None for kind in KINDS):
            self._thread = threading.Thread(target=self._work, name="llmobserve-retention", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End after the transaction that it is at. Blocks; idempotent."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def state(self) -> RetentionState:
        """A copy of the state."""
        with self._lock:
            return replace(self._state, deleted=Counter(self._state.deleted))

    def run_once(self) -> Counter[str]:
        """Delete all that may go now, unless the job is stopped meanwhile; rows by table. Raises StoreError."""
        now = self._clock()
        gone: Counter[str] = Counter()
        for kind, tables in KINDS.items():
            before = self.rules.before(kind, now)
            if before is not None:
                for table in tables:
                    gone[table] += self._empty(table, before)
        if gone.total():
            # Only then can the space of what was deleted be used again.
            self._store.checkpoint()
        return +gone

    def _empty(self, table: str, before: datetime) -> int:
        count = 0
        while not self._stopping.is_set():
            began = time.perf_counter()
            deleted = self._store.expire(table, before, most_rows=self._piece_rows)
            if not deleted:
                break
            count += deleted
            with self._lock:
                self._state.deleted[table] += deleted
            self._stopping.wait((time.perf_counter() - began) * self._idle_share)
        return count

    def _work(self) -> None:
        pause = _FIRST_AFTER
        while True:
            with self._lock:
                self._state.next_start = self._clock() + pause
            if self._stopping.wait(pause.total_seconds()):
                with self._lock:
                    self._state.next_start = None
                return
            self._run()
            pause = _EVERY

    def _run(self) -> None:
        error: str | None = None
        with self._lock:
            self._state.last_start = self._clock()
        try:
            gone = self.run_once()
            if gone.total():
                _logger.info("retention has deleted %s", dict(gone))
        except StoreError as failure:
            error = failure.message
            _logger.error("retention goes on in an hour: %s", error)
        except Exception as failure:  # outermost handler of the thread: the job goes on with the next run
            error = f"It failed: {type(failure).__name__}. The log of the server has the reason."
            _logger.exception("retention failed")
        with self._lock:
            self._state.last_error = error
            if error is None:
                self._state.last_end = self._clock()
