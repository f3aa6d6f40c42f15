"""The entrance of the collector: takes a request body, answers after its events are durable."""

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from llmobserve.wire import BatchAnswer, FactRecord, ScoreRecord, now_us
from llmobserve_server.errors import BadRequest, Overloaded, ServerError, StoreError
from llmobserve_server.estimates import Estimator
from llmobserve_server.ingest.batch import BatchRows, attached_rows
from llmobserve_server.ingest.body import BodyLimits, read_body
from llmobserve_server.ingest.checks import MAX_QUANTITY
from llmobserve_server.ingest.commit import Committer, Submission
from llmobserve_server.ingest.entrance import Arriving, Entrance, name_of, native_batch
from llmobserve_server.ingest.feed import Feed, Subscription
from llmobserve_server.ingest.replay import Replayed, replayed_rows
from llmobserve_server.pricing import Books, Pricer, pricer_of
from llmobserve_server.settings import ServerSettings
from llmobserve_server.store.protocol import Store

__all__ = ["OUTCOMES", "IngestStats", "Ingestor"]

_MB = 1024 * 1024
_DECODERS = 2
_KEPT_LATENCIES = 512
_MAX_REASONS = 64
_ATTACHED_BYTES = 1024
OUTCOMES = ("accepted", "duplicates", "rejected")
"""What becomes of a record: names of the counts of an answer."""


@dataclass(slots=True)
class IngestStats:
    """Counts since the start."""

    batches: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    refused_overload: int = 0
    """Batches that were sent away because too much was waiting."""
    failed: int = 0
    """Batches that the store did not take; their senders were told to come back."""
    commits: int = 0
    committed_rows: int = 0
    commit_seconds: float = 0.0
    merged: int = 0
    """Records of calls that another record is charged for."""
    recent_commit_seconds: list[float] = field(default_factory=list[float])
    """Of the last transactions, oldest first."""
    waiting_batches: int = 0
    waiting_bytes: int = 0
    watchers: int = 0
    last_error: str | None = None
    """Why the last batch failed; `None` once one was stored again."""
    last_commit_us: int | None = None
    dropped_by_senders: Counter[str] = field(default_factory=Counter[str])
    """What senders say they lost before sending, by reason."""
    by_entrance: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """Records by the way they came in and what became of them: accepted, duplicates, rejected."""


class Ingestor:
    """Takes batches from any number of tasks of one event loop.

    Args:
        store: an initialised store, which this object writes to alone.
        price: gives the cost of a call; `None`: by the shipped price book.
        settings: sizes and limits.
    """

    def __init__(self, store: Store, price: Pricer | None = None, settings: ServerSettings | None = None) -> None:
        chosen = settings or ServerSettings()
        self._price = price or pricer_of(Books())
        self._limits = BodyLimits(chosen.max_body_mb * _MB, chosen.max_decoded_mb * _MB)
        self._max_waiting_bytes = max(chosen.ingest_queue_mb * _MB, self._limits.decoded_bytes)
        self._max_waiting_batches = chosen.ingest_queue_batches
        self._store = store
        self._estimator = Estimator(store)
        self._feed = Feed()
        self._committer = Committer(store, self._feed.publish, self._measured, lambda: len(self._feed) > 0)
        self._decoders: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._stats = IngestStats()

    def start(self) -> None:
        """Start the threads. Idempotent."""
        if self._decoders is None:
            self._decoders = ThreadPoolExecutor(_DECODERS, thread_name_prefix="llmobserve-decode")
        self._committer.start()

    def stop(self) -> None:
        """Store what was taken in, end the live feed and the threads. The store stays open. Blocks; idempotent."""
        decoders, self._decoders = self._decoders, None
        if decoders is not None:
            decoders.shutdown(wait=True)
        self._committer.stop()
        self._feed.close()

    async def submit(
        self, body: bytes, *, content_encoding: str | None, project_id: str, entrance: Entrance = native_batch
    ) -> BatchAnswer:
        """Store a batch; returns after the commit.

        Args:
            body: the request body as it was sent.
            content_encoding: value of that header; `None` when there is none.
            project_id: the project of the credential; the batch cannot name another.
            entrance: what reads the decompressed body.

        Raises:
            BadRequest: the body is not a batch.
            PayloadTooLarge: above a limit of the settings.
            Overloaded: too much is waiting; nothing was taken.
            StoreError: the store failed; nothing was taken.
        """
        decoders = self._decoders
        if decoders is None:
            raise StoreError("The collector is not running.")
        held = _Held(self, len(body))
        try:
            loop = asyncio.get_running_loop()
            rows = await loop.run_in_executor(
                decoders, self._decode, body, content_encoding, project_id, entrance, held
            )
            submission = Submission(rows)
            submission.done.add_done_callback(held.release_after)
            self._committer.put(submission)
        except BaseException:
            held.release()
            raise
        try:
            answer = await asyncio.wrap_future(submission.done)
        except ServerError as error:
            self._failed(error)
            raise
        self._counted(answer, name_of(entrance))
        return answer

    async def attach(self, record: ScoreRecord | FactRecord, *, project_id: str) -> BatchAnswer:
        """Store a score or fact that came without a batch; returns after the commit.

        Raises:
            BadRequest: it says nothing that can be kept.
            Overloaded: too much is waiting; nothing was taken.
            StoreError: the store failed; nothing was taken.
        """
        held = _Held(self, _ATTACHED_BYTES)
        try:
            submission = Submission(attached_rows(record, project_id, now_us()))
            submission.done.add_done_callback(held.release_after)
            self._committer.put(submission)
        except BaseException:
            held.release()
            raise
        answer = await asyncio.wrap_future(submission.done)
        if answer.rejected:
            raise BadRequest(answer.verdicts[0].message or "It cannot be stored.")
        self._counted(answer, "score")
        return answer

    async def replay(self, project_id: str, after: datetime | None = None) -> Replayed:
        """Decide again about refused records of a project, at most a thousand, the oldest first.

        Args:
            project_id: whose records.
            after: only those that arrived at this time (naive UTC) or later: `next_after` of the replay before.

        Raises:
            Overloaded: too much is waiting; nothing was taken.
            StoreError: the store failed; what is stored of them is a duplicate the next time.
        """
        decoders = self._decoders
        if decoders is None:
            raise StoreError("The collector is not running.")
        work = partial(replayed_rows, self._store, project_id, self._price, after)
        replayed, batches = await asyncio.get_running_loop().run_in_executor(decoders, work)
        for rows in batches:
            held = _Held(self, _ATTACHED_BYTES * len(rows))
            try:
                submission = Submission(rows)
                submission.done.add_done_callback(held.release_after)
                self._committer.put(submission)
            except BaseException:
                held.release()
                raise
            answer = await asyncio.wrap_future(submission.done)
            self._counted(answer, "replay")
            replayed.stored += answer.accepted
            replayed.duplicates += answer.duplicates
        return replayed

    def subscribe(self, project_id: str) -> Subscription:
        """Rows of the tables `events` and `span_starts` from now on; use it in a `with` statement."""
        return self._feed.subscribe(project_id)

    def stats(self) -> IngestStats:
        """A copy of the counts."""
        with self._lock:
            return replace(
                self._stats,
                recent_commit_seconds=list(self._stats.recent_commit_seconds),
                dropped_by_senders=Counter(self._stats.dropped_by_senders),
                by_entrance=Counter(self._stats.by_entrance),
                watchers=len(self._feed),
            )

    def check_room(self) -> None:
        """Raise Overloaded when the next batch would be sent away, without counting it as such."""
        with self._lock:
            if (
                self._stats.waiting_batches >= self._max_waiting_batches
                or self._stats.waiting_bytes >= self._max_waiting_bytes
            ):
                raise Overloaded("Too many batches are waiting to be stored.", retry_after_s=2)

    def hold(self, size_bytes: int, *, batches: int) -> None:
        """Count what waits. Raises Overloaded when that would be too much."""
        with self._lock:
            stats = self._stats
            if (
                stats.waiting_batches + batches > self._max_waiting_batches
                or stats.waiting_bytes + size_bytes > self._max_waiting_bytes
            ):
                stats.refused_overload += 1
                raise Overloaded("Too many batches are waiting to be stored; send this one again.", retry_after_s=2)
            stats.waiting_batches += batches
            stats.waiting_bytes += size_bytes

    def let_go(self, size_bytes: int) -> None:
        """The opposite of `hold` for one batch."""
        with self._lock:
            self._stats.waiting_batches -= 1
            self._stats.waiting_bytes -= size_bytes

    def _decode(
        self, body: bytes, content_encoding: str | None, project_id: str, entrance: Entrance, held: "_Held"
    ) -> BatchRows:
        text = read_body(body, content_encoding, self._limits)
        held.grow(len(text) - len(body))
        rows = entrance(text, Arriving(project_id, now_us(), self._price, self._estimator))
        rows.complete()
        with self._lock:
            self._stats.batches += 1
            _add_dropped(self._stats.dropped_by_senders, {row["reason"]: row["records"] for row in rows.losses})
        return rows

    def _measured(self, seconds: float, rows: int, merged: int) -> None:
        with self._lock:
            stats = self._stats
            stats.commits += 1
            stats.committed_rows += rows
            stats.merged += merged
            stats.commit_seconds += seconds
            stats.recent_commit_seconds.append(seconds)
            del stats.recent_commit_seconds[:-_KEPT_LATENCIES]
            stats.last_commit_us = now_us()
            stats.last_error = None

    def _counted(self, answer: BatchAnswer, entrance: str) -> None:
        with self._lock:
            for outcome in OUTCOMES:
                records: int = getattr(answer, outcome)
                setattr(self._stats, outcome, getattr(self._stats, outcome) + records)
                self._stats.by_entrance[entrance, outcome] += records

    def _failed(self, error: ServerError) -> None:
        with self._lock:
            self._stats.failed += 1
            self._stats.last_error = error.message


def _add_dropped(counts: Counter[str], dropped: Mapping[str, int]) -> None:
    """Add what a sender says it lost; what cannot be a count is left out, and reasons beyond 64 share one name."""
    for reason, count in dropped.items():
        if 0 < count <= MAX_QUANTITY:
            counts[reason if reason in counts or len(counts) < _MAX_REASONS else "other"] += count


class _Held:
    """What one batch holds of the queue's size, from admission until it is stored."""

    def __init__(self, ingestor: Ingestor, size_bytes: int) -> None:
        ingestor.hold(size_bytes, batches=1)
        self._ingestor = ingestor
        self._size_bytes = size_bytes
        self._released = False

    def grow(self, more_bytes: int) -> None:
        """Hold more, now that the body is decompressed. Raises Overloaded."""
        if more_bytes > 0:
            try:
                self._ingestor.hold(more_bytes, batches=0)
            except Overloaded:
                # At once, so that of several batches that are too much together at least one is taken.
                self.release()
                raise
            self._size_bytes += more_bytes

    def release(self) -> None:
        """Give everything back. Idempotent."""
        if not self._released:
            self._released = True
            self._ingestor.let_go(self._size_bytes)

    def release_after(self, _: Future[BatchAnswer]) -> None:
        """`release` as the callback of a future."""
        self.release()
