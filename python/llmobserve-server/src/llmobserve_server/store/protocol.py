"""What a store engine offers to ingest (writing) and query (reading)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Executable

__all__ = ["CostBatch", "Key", "Row", "Store", "WriteBatch", "WriteResult"]

Row = Mapping[str, Any]
"""Column name → Python value; JSON columns as decoded objects (rows to be written may hold `msgspec.Raw`), decimals as
Decimal, times as naive UTC datetimes."""

Key = tuple[str, str]
"""(project_id, event_id)"""


@dataclass(frozen=True, slots=True)
class WriteBatch:
    """Rows of one transaction, by table; keys are the column names of `store.tables`.

    An id may come more than once: the first row of the highest revision is taken.
    """

    events: Sequence[Row] = ()
    span_starts: Sequence[Row] = ()
    contents: Sequence[Row] = ()
    dead_letters: Sequence[Row] = ()
    receipts: Sequence[Row] = ()
    """Their `duplicates` are counted by the store: rows of the project and `received_at` that were there before."""
    losses: Sequence[Row] = ()
    process_reports: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a committed transaction did."""

    duplicate_event_ids: frozenset[Key] = field(default_factory=frozenset[Key])
    """Events that were stored before and were left as they are."""
    duplicate_start_ids: frozenset[Key] = field(default_factory=frozenset[Key])
    """The same of announced spans."""
    duplicate_content_ids: frozenset[Key] = field(default_factory=frozenset[Key])
    """The same of contents."""
    merged: Mapping[Key, str] = field(default_factory=dict[Key, str])
    """Calls of the batch that another record of the same provider call is charged for, with the id of that record."""


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
