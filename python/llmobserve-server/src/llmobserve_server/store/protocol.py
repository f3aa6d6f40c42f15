"""What a store engine offers to ingest (writing) and query (reading)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Executable

__all__ = ["KEYED_TABLES", "CostBatch", "Key", "Row", "Store", "WriteBatch", "WriteResult"]

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


class Store(Protocol):
    """One engine. Thread-safe: one writer at a time, any number of readers."""

    name: str
    """`duckdb`, `postgresql`, …"""

    def initialize(self) -> None:
        """Open the store, creating or migrating it. Raises StoreError with the remedy in its message."""
        ...

    def write(self, batch: WriteBatch) -> WriteResult:
        """Store a batch in one durable transaction; ids that exist are ignored. Blocks; call from the writer thread.

        A newer `revision` of a stored call replaces its facts. Of the records of one provider call, by `call_key`, one
        is left billable (`store.one_charge`).

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

    def close(self) -> None:
        """Checkpoint and release the files. Idempotent."""
        ...
