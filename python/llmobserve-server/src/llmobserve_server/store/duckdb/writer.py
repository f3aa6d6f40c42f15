"""One batch as one DuckDB transaction: insert or ignore, and newer revisions of calls in place."""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import duckdb

from llmobserve_server.store.arrow import to_arrow
from llmobserve_server.store.duckdb.call_records import DuckDBCallRecords, stale_keys
from llmobserve_server.store.duckdb.known_ids import known_keys
from llmobserve_server.store.kept_rows import REVISED, counted_receipts, newest_by_key
from llmobserve_server.store.merging import CallRecords, merge_records
from llmobserve_server.store.protocol import Key, Row, WriteBatch, WriteResult
from llmobserve_server.store.tables import (
    contents,
    dead_letters,
    events,
    facts,
    losses,
    process_reports,
    receipts,
    scores,
    span_starts,
)

__all__ = ["VARIANT_COLUMNS", "transaction", "write_batch"]

VARIANT_COLUMNS = frozenset({"metadata", "attributes"})
"""JSON columns that are stored as VARIANT: the ones that queries filter by key."""
_TABLES = {
    table.name: table
    for table in (events, span_starts, contents, scores, facts, dead_letters, receipts, losses, process_reports)
}
# Of these only scalars and JSON text: DuckDB updates those in place, where a list or VARIANT would make it delete and
# insert the same key, which its log has failed to replay (duckdb issue 15836, 2025).
_REPLACED = ", ".join(f"{name} = new.{name}" for name in REVISED)


def _selection(table: str) -> str:
    return ", ".join(
        f"CAST(CAST({c.name} AS JSON) AS VARIANT)" if c.name in VARIANT_COLUMNS else c.name
        for c in _TABLES[table].columns
    )


def _insert(table: str) -> str:
    names = ", ".join(c.name for c in _TABLES[table].columns)
    return f"INTO {table} ({names}) SELECT {_selection(table)} FROM incoming_{table}"


_INTO = {name: _insert(name) for name in _TABLES}
_FEW = 16
_RECEIPT_NAMES = tuple(column.name for column in receipts.columns)
_ONE_RECEIPT = f"({', '.join('?' * len(_RECEIPT_NAMES))})"
_UPDATE = (
    f"UPDATE events SET {_REPLACED}, "
    # A revision that names no id of the call does not take back the one that was named.
    "call_key = coalesce(new.call_key, events.call_key) FROM incoming_events AS new "
    "WHERE events.project_id = new.project_id AND events.event_id = new.event_id "
    "AND coalesce(events.revision, 0) < new.revision AND events.type = new.type "
    "RETURNING events.project_id, events.event_id"
)


def write_batch(
    connection: duckdb.DuckDBPyConnection,
    batch: WriteBatch,
    records: Callable[[duckdb.DuckDBPyConnection], CallRecords] = DuckDBCallRecords,
) -> WriteResult:
    """Write and commit `batch`; on any error nothing of it is kept and the error is raised.

    `records`: makes what merging reads and changes.

    Raises duckdb.Error, or ValueError, TypeError or OverflowError for a value that does not fit its column.
    """
    keyed = {table: newest_by_key(rows) for table, rows in batch.keyed().items()}
    incoming: dict[str, Sequence[Row]] = {
        # As they came where all are kept: they may be columns already.
        table: rows if len(rows) == len(keyed[table]) else list(keyed[table].values())
        for table, rows in batch.keyed().items()
    }
    incoming["dead_letters"] = batch.dead_letters
    incoming["losses"] = batch.losses
    incoming["process_reports"] = batch.process_reports
    views: dict[str, Any] = {table: to_arrow(table, rows) for table, rows in incoming.items() if rows}
    for name, view in views.items():
        connection.register(f"incoming_{name}", view)
    try:
        with transaction(connection):
            return _write(connection, batch, keyed, views, records(connection))
    finally:
        for name in views:
            connection.unregister(f"incoming_{name}")


_Keyed = Mapping[str, Mapping[Key, Row]]


def _write(
    connection: duckdb.DuckDBPyConnection,
    batch: WriteBatch,
    keyed: _Keyed,
    views: Mapping[str, Any],
    records: CallRecords,
) -> WriteResult:
    """Ids that were stored before stay as they are, but for newer revisions."""
    known: dict[str, frozenset[Key]] = {}
    for table, view in views.items():
        if table in keyed:
            known[table] = known_keys(connection, table, keyed[table])
        if not known.get(table):
            connection.execute(f"INSERT {_INTO[table]}")
        elif len(known[table]) < len(keyed[table]):
            _insert_others(connection, table, view, keyed[table], known[table])
    stored = known.get("events", frozenset())
    stale: list[Key] = []
    if any(keyed["events"][key].get("revision") for key in stored):
        stale = stale_keys(connection)
        stored = stored.difference(connection.execute(_UPDATE).fetchall())
    rows = batch.events if len(batch.events) == len(keyed["events"]) else list(keyed["events"].values())
    merged = _merge(records, rows, keyed["events"].keys(), stale, known.get("events", frozenset()))
    result = WriteResult({**known, "events": stored}, merged)
    _insert_receipts(connection, batch, keyed, result)
    return result


def _merge(
    records: CallRecords, rows: Sequence[Row], own: Collection[Key], stale: Sequence[Key], known: frozenset[Key]
) -> Mapping[Key, str]:
    """Leave one charge to each provider call that the events of the batch are about.

    Returns those of the batch's own that another record is charged for, with its id.
    """
    changed = merge_records(records, rows, stale, known)
    return {key: winner for key, winner in changed.items() if winner is not None and key in own}


def _insert_others(
    connection: duckdb.DuckDBPyConnection, table: str, view: Any, keyed: Mapping[Key, Row], known: frozenset[Key]
) -> None:
    new = view.take([place for place, key in enumerate(keyed) if key not in known])
    connection.register("new_rows", new)
    try:
        connection.execute(f"INSERT {_INTO[table].replace(f'incoming_{table}', 'new_rows')}")
    finally:
        connection.unregister("new_rows")


def _insert_receipts(
    connection: duckdb.DuckDBPyConnection, batch: WriteBatch, keyed: _Keyed, result: WriteResult
) -> None:
    """The receipts, with the number of rows that were not new: only now it is known."""
    if not batch.receipts:
        return
    counted = counted_receipts(batch, keyed, result)
    if len(counted) <= _FEW:
        # A table of Arrow for a row or two would take longer than the row.
        places = ", ".join([_ONE_RECEIPT] * len(counted))
        values = [row.get(name) for row in counted for name in _RECEIPT_NAMES]
        connection.execute(f"INSERT INTO receipts ({', '.join(_RECEIPT_NAMES)}) VALUES {places}", values)
        return
    connection.register("incoming_receipts", to_arrow("receipts", counted))
    connection.execute(f"INSERT {_INTO['receipts']}")
    connection.unregister("incoming_receipts")


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Generator[None]:
    """Commit what the block does, or keep nothing of it where it raises."""
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # Where the failure ended the transaction already, it is the failure that is reported.
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise
