"""The writer thread: batches that wait together are stored in one transaction, and answered after it.

Nothing waits for company: the thread takes what is there as soon as the transaction before is done, so a lone batch
is stored at once and a crowd shares the price of a commit.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from llmobserve.wire import BatchAnswer, Verdict
from llmobserve_server.errors import ServerError, StoreError, UnstorableRows
from llmobserve_server.ingest.batch import BatchRows
from llmobserve_server.ingest.parts import store_in_parts
from llmobserve_server.store.blocks import RowChain, keys_of, revisions_of
from llmobserve_server.store.protocol import KEYED_TABLES, Key, Row, Store, WriteBatch, WriteResult

__all__ = ["MAX_GROUP_ROWS", "Committer", "Submission"]

MAX_GROUP_ROWS = 5000
_IDLE_S = 5.0
_logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Submission:
    """A batch on its way into the store."""

    rows: BatchRows
    done: Future[BatchAnswer] = field(default_factory=Future[BatchAnswer])

    def __post_init__(self) -> None:
        # From here on it cannot be cancelled: a client that hangs up does not undo what is about to be stored.
        self.done.set_running_or_notify_cancel()


Published = Callable[[Sequence[Row]], None]
"""Takes the rows that were new in a transaction."""
Measured = Callable[[float, int, int], None]
"""Takes the seconds and the rows of a transaction, and how many calls of it another record is charged for."""


class Committer:
    """Owns the writer thread of a store."""

    def __init__(
        self, store: Store, published: Published, measured: Measured, is_watched: Callable[[], bool] = lambda: True
    ) -> None:
        self._store = store
        self._published = published
        self._is_watched = is_watched
        self._measured = measured
        self._waiting: deque[Submission] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. Idempotent."""
        with self._changed:
            if self._thread is None:
                self._stopping = False
                self._thread = threading.Thread(target=self._work, name="llmobserve-writer", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Store what waits, then end the thread."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._stopping = True
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def put(self, submission: Submission) -> None:
        """Queue a batch; its future is done after the commit. Raises StoreError when the thread does not run."""
        with self._changed:
            if self._thread is None:
                raise StoreError("The collector is shutting down.")
            self._waiting.append(submission)
            self._changed.notify()

    def _work(self) -> None:
        while True:
            group = self._next_group()
            if group is None:
                return
            try:
                if group:
                    self._store_group(group)
                else:
                    self._when_idle()
            except Exception as error:  # noqa: BLE001 - outermost handler of the thread: the senders get the error
                _fail(group, error)

    def _next_group(self) -> list[Submission] | None:
        """What to store next; empty after a while without work, `None` at the end."""
        with self._changed:
            if not self._waiting and not self._stopping:
                self._changed.wait(_IDLE_S)
            if not self._waiting:
                return None if self._stopping else []
            group = [self._waiting.popleft()]
            count = len(group[0].rows)
            while self._waiting and count + len(self._waiting[0].rows) <= MAX_GROUP_ROWS:
                group.append(self._waiting.popleft())
                count += len(group[-1].rows)
            return group

    def _when_idle(self) -> None:
        try:
            self._store.checkpoint()
        except StoreError:
            # The next write meets the same trouble and reports it to its sender.
            return

    def _store_group(self, group: list[Submission]) -> None:
        started = time.perf_counter()
        try:
            result = self._store.write(_joined([each.rows for each in group]))
        except UnstorableRows:
            if len(group) > 1:
                for each in group:
                    self._store_group([each])
                return
            result = store_in_parts(self._store, group[0].rows)
        rows = sum(len(each.rows) for each in group)
        self._measured(time.perf_counter() - started, rows, len(result.merged))
        self._finish(group, result)

    def _finish(self, group: list[Submission], result: WriteResult) -> None:
        seen = _Seen(result)
        fresh: list[Row] | None = [] if self._is_watched() else None
        answers = [seen.answer(each.rows, fresh) for each in group]
        if fresh:
            self._published(fresh)
        for each, answer in zip(group, answers, strict=True):
            each.done.set_result(answer)


def _joined(parts: Sequence[BatchRows]) -> WriteBatch:
    if len(parts) == 1:
        return parts[0].to_write()
    batches = [part.to_write() for part in parts]
    return WriteBatch(
        **{table: RowChain([getattr(batch, table) for batch in batches]) for table in KEYED_TABLES},
        dead_letters=[row for batch in batches for row in batch.dead_letters],
        receipts=[row for batch in batches for row in batch.receipts],
        losses=[row for batch in batches for row in batch.losses],
        process_reports=[row for batch in batches for row in batch.process_reports],
    )


def _fail(group: Sequence[Submission], error: Exception) -> None:
    known = error if isinstance(error, ServerError) else StoreError(f"Storing failed: {type(error).__name__}: {error}")
    if known is not error:
        _logger.error("storing a batch failed", exc_info=error)
    for each in group:
        if not each.done.done():
            each.done.set_exception(known)


class _Seen:
    """Verdicts of the batches of one transaction, in their order: of the same id the later one is the duplicate."""

    def __init__(self, result: WriteResult) -> None:
        self._merged = result.merged
        self._seen = {table: dict.fromkeys(result.duplicates_in(table), _STORED) for table in KEYED_TABLES}

    def answer(self, rows: BatchRows, fresh: list[Row] | None) -> BatchAnswer:
        """The answer to one batch; its new events and span starts are added to `fresh`, where somebody wants them."""
        verdicts = list(rows.rejected)
        accepted = sum(
            self._judge(positions, group, seen, verdicts, fresh if table in _WATCHED else None)
            for table, seen in self._seen.items()
            for positions, group in rows.placed(table)
        )
        return BatchAnswer(
            accepted=accepted,
            duplicates=len(verdicts) - len(rows.rejected),
            rejected=len(rows.rejected),
            verdicts=tuple(sorted(verdicts, key=_by_index)),
        )

    def _judge(
        self,
        positions: Sequence[int],
        rows: Sequence[Row],
        seen: dict[Key, int],
        verdicts: list[Verdict],
        fresh: list[Row] | None,
    ) -> int:
        keys = keys_of(rows)
        accepted = len(rows)
        for place, (key, revision) in enumerate(zip(keys, revisions_of(rows), strict=True)):
            if revision <= seen.get(key, -1):
                verdicts.append(Verdict(index=positions[place], event_id=key[1], status="duplicate"))
                accepted -= 1
                continue
            seen[key] = revision
            if fresh is not None:
                fresh.append(self._as_stored(rows[place], key))
        return accepted

    def _as_stored(self, row: Row, key: Key) -> Row:
        """The row, with another record in charge where the store found one."""
        winner = self._merged.get(key)
        return row if winner is None else {**row, "billable": False, "merged_into": winner}


_WATCHED = frozenset({"events", "span_starts"})
_STORED = 2**31
"""Above every revision: the store kept what it had."""


def _by_index(verdict: Verdict) -> int:
    return verdict.index
