"""What a store engine offers: writing to ingest, reading to queries, and whole tables to those who keep the store."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import Executable, Subquery

__all__ = [
    "KEYED_TABLES",
    "CostBatch",
    "Key",
    "Row",
    "Slice",
    "Store",
    "StoreOptions",
    "StoreSizes",
    "SummingStore",
    "WriteBatch",
    "WriteResult",
]

Row = Mapping[str, Any]
"""Column name → Python value; JSON columns as decoded objects (rows to be written may hold `msgspec.Raw`), decimals as
Decimal, times as naive UTC datetimes."""

Key = tuple[str, str]
"""(project_id, event_id)"""

KEYED_TABLES = ("events", "span_starts", "contents", "scores", "facts")


@dataclass(frozen=True, slots=True)
class WriteBatch:
    """Rows of one transaction, by table; keys are the column names of `store.tables`.

    An id may come more than once: the first row of the highest revision is taken.
    """

    events: Sequence[Row] = ()
    span_starts: Sequence[Row] = ()
    contents: Sequence[Row] = ()
    scores: Sequence[Row] = ()
    facts: Sequence[Row] = ()
    dead_letters: Sequence[Row] = ()
    receipts: Sequence[Row] = ()
    """Their `duplicates` are counted by the store: rows of the project and `received_at` that were there before."""
    losses: Sequence[Row] = ()
    process_reports: Sequence[Row] = ()

    def keyed(self) -> dict[str, Sequence[Row]]:
        """The tables whose rows have an id of their own: of each id one row is kept."""
        return {table: getattr(self, table) for table in KEYED_TABLES}


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a committed transaction did."""

    duplicates: Mapping[str, frozenset[Key]] = field(default_factory=dict[str, frozenset[Key]])
    """By table of `KEYED_TABLES`: rows that were stored before and were left as they are."""
    merged: Mapping[Key, str] = field(default_factory=dict[Key, str])
    """Calls of the batch that another record of the same provider call is charged for, with the id of that record."""

    def duplicates_in(self, table: str) -> frozenset[Key]:
        """Rows of a table that were stored before."""
        return self.duplicates.get(table, frozenset())

    @property
    def duplicate_event_ids(self) -> frozenset[Key]:
        """Events that were stored before."""
        return self.duplicates_in("events")

    @property
    def duplicate_start_ids(self) -> frozenset[Key]:
        """Announced spans that were stored before."""
        return self.duplicates_in("span_starts")

    @property
    def duplicate_content_ids(self) -> frozenset[Key]:
        """Contents that were stored before."""
        return self.duplicates_in("contents")


@dataclass(frozen=True, slots=True)
class CostBatch:
    """Calls that were priced again, and the entry of `reprice_log` about them: one transaction."""

    log: Row
    """Its `project_id`, `job_id` and `logged_at` count for the rows as well."""
    rows: Sequence[Row] = ()
    """`project_id`, `event_id`, `start_time` and `revision` as they were read, and the new `COST_COLUMNS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """What of the settings an engine may need beside its URL."""

    memory_limit_bytes: int | None = None
    """What the engine may use in this process; `None` for its default."""
    threads: int | None = None
    """Threads of its queries; `None` for the number of cores."""
    disk_reserve_bytes: int = 0
    """Free space on a disk of this machine below which nothing more is written."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows of a table by the time in its column of `tables.TIME_COLUMNS`."""

    table: str
    time_from: datetime | None = None
    """Naive UTC; `None`: from the first row on."""
    time_to: datetime | None = None
    """Exclusive; `None`: to the last row."""
    project_id: str | None = None
    """`None`: of all projects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSizes:
    """Bytes on disk."""

    total_bytes: int
    """Of the whole store, with indexes, logs and what is free for new rows."""
    tables: Mapping[str, int]
    """By table of `tables`, about; without those that the engine cannot tell apart."""
    disk_free_bytes: int | None
    """On the disk of the store; `None` when that is another machine's."""


class Store(Protocol):
    """One engine. Thread-safe: one writer at a time, any number of readers.

    Made by a factory of `store.open` from a URL and `StoreOptions`; nothing is opened before `initialize`.
    """

    name: str
    """`duckdb`, `postgresql`, …"""
    is_embedded: bool
    """True where one process owns the files, so that no second collector can use them."""

    def pending_migrations(self) -> list[str]:
        """Names of the migrations that `initialize` would apply, the first one first; nothing is changed.

        Only before `initialize`. Raises StoreError when the store cannot be read, or a newer version has written it.
        """
        ...

    def initialize(self) -> None:
        """Open the store, creating or migrating it. Raises StoreError with the remedy in its message."""
        ...

    def write(self, batch: WriteBatch) -> WriteResult:
        """Store a batch in one durable transaction; ids that exist are ignored. Blocks; call from the writer thread.

        A newer `revision` of a stored call replaces its facts. Of the records of one provider call one is left
        billable (`store.merging`).

        Raises StoreError when nothing was stored; UnstorableRows when a row is the cause and always would be.
        """
        ...

    def replace_costs(self, batch: CostBatch) -> bool:
        """Give calls a new cost in one durable transaction, the old one kept in `cost_versions`. Blocks.

        False, and nothing is stored, when a call has another revision than the one that was read. Raises StoreError
        when nothing was stored.
        """
        ...

    def fetch(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Rows of a SQLAlchemy Core select. Blocks; call from a reader thread."""
        ...

    def checkpoint(self) -> None:
        """Do the upkeep that is better done when nothing else is going on. Blocks; call from the writer thread."""
        ...

    def check_writable(self) -> None:
        """Raise StoreError with the reason when a batch could not be stored now: disk reserve, read-only, no server."""
        ...

    def expire(self, table: str, before: datetime, *, most_rows: int) -> int:
        """Delete rows older than `before` by the column of `tables.TIME_COLUMNS`; the number of rows that are gone.

        One short durable transaction of about `most_rows` rows; 0: nothing is left to delete. Never deletes a row at
        or after `before`; an engine with partitions drops whole ones and may keep the rest of the last one for
        longer. Works below the disk reserve. Blocks; call from any thread. Raises StoreError.
        """
        ...

    def sizes(self) -> StoreSizes:
        """What the store takes on disk. Raises StoreError."""
        ...

    def back_up(self, file: Path) -> datetime:
        """Write a copy of the whole store to a new file, while batches are written.

        Returns the point (naive UTC) that it is of: what was stored before is in it, what was written after is not.
        Raises StoreError; an engine whose own tools do this says which.
        """
        ...

    def read_rows(self, chosen: Slice) -> Iterator[Any]:
        """The rows as they are stored, in pieces that fit into memory: Arrow tables of the schema of `store.arrow`.

        In the order of their time. JSON is text. The pieces are of one state of the store as far as the engine can.
        Raises StoreError.
        """
        ...

    def load_rows(self, table: str, rows: Any) -> int:
        """Store the rows of one such Arrow table as they are; the number of those that are new.

        Nothing is merged or priced again. Of `KEYED_TABLES` a row whose id is stored is left out; of the others all
        are added. One durable transaction. Raises StoreError when nothing was stored.
        """
        ...

    def after_load(self) -> None:
        """What the engine derives from rows, as sums by hour, is up to date with all loaded ones when this returns."""
        ...

    def close(self) -> None:
        """Checkpoint and release the files. Idempotent."""
        ...


@runtime_checkable
class SummingStore(Protocol):
    """A store that adds up events ahead of questions, because to read all of a long window would take it too long."""

    def summed_events(
        self, project_id: str, start: datetime, end: datetime, columns: Collection[str], *, by_hour: bool
    ) -> Subquery | None:
        """The events of a project and a window, those that are alike in `columns` added up.

        Has these columns of `events`, `start_time` (rounded down to the hour, or to the day in UTC where not
        `by_hour`), `n_records`, and the sums of `cost_usd`, `input_tokens`, `output_tokens` and `cache_read_tokens`;
        events with and without a cost are apart. `duration_shape` and `ttft_shape`: see `store.latency_shape`. All
        sums are exactly those of the events at the moment of the statement.

        `None` when there are no sums for these columns or times: then the events themselves have to be read.
        """
        ...
