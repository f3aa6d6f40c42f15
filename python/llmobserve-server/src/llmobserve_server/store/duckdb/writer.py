"""One batch as one DuckDB transaction: insert or ignore, and newer revisions of calls in place."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress

import duckdb

from llmobserve_server.store.arrow import to_arrow
from llmobserve_server.store.duckdb.twins import Suspects, merge_twins, revised_keys
from llmobserve_server.store.kept_rows import REVISED, counted_receipts, newest_by_key
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

__all__ = ["transaction", "write_batch"]

_VARIANT_COLUMNS = frozenset({"metadata", "attributes"})
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
        f"CAST(CAST({c.name} AS JSON) AS VARIANT)" if c.name in _VARIANT_COLUMNS else c.name
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


def write_batch(connection: duckdb.DuckDBPyConnection, batch: WriteBatch) -> WriteResult:
    """Write and commit `batch`; on any error nothing of it is kept and the error is raised.

    Raises duckdb.Error, or ValueError, TypeError or OverflowError for a value that does not fit its column.
    """
    keyed = {table: newest_by_key(rows) for table, rows in batch.keyed().items()}
    incoming: dict[str, Sequence[Row]] = {table: list(rows.values()) for table, rows in keyed.items()}
    incoming["dead_letters"] = batch.dead_letters
    incoming["losses"] = batch.losses
    incoming["process_reports"] = batch.process_reports
    views = {table: to_arrow(table, rows) for table, rows in incoming.items() if rows}
    for name, view in views.items():
        connection.register(f"incoming_{name}", view)
    try:
        try:
            return _insert_all(connection, batch, keyed, views)
        except duckdb.ConstraintException:
            return _insert_new(connection, batch, keyed, views)
    finally:
        for name in views:
            connection.unregister(f"incoming_{name}")


_Keyed = Mapping[str, Mapping[Key, Row]]


def _insert_all(
    connection: duckdb.DuckDBPyConnection, batch: WriteBatch, keyed: _Keyed, views: Iterable[str]
) -> WriteResult:
    """The usual case, in which every id is new: a plain insert takes half the time of one that ignores conflicts."""
    with transaction(connection):
        for table in views:
            connection.execute(f"INSERT {_INTO[table]}")
        result = WriteResult(merged=_merge(connection, keyed, {}))
        _insert_receipts(connection, batch, keyed, result)
    return result


def _merge(connection: duckdb.DuckDBPyConnection, keyed: _Keyed, revised: Suspects) -> Mapping[Key, str]:
    """Leave one charge to each provider call that the events of the batch are about."""
    return merge_twins(connection, list(keyed["events"].values()), revised) if keyed["events"] else {}


def _insert_new(
    connection: duckdb.DuckDBPyConnection, batch: WriteBatch, keyed: _Keyed, views: Iterable[str]
) -> WriteResult:
    """Some ids were stored before: those stay as they are, but for newer revisions."""
    known: dict[str, frozenset[Key]] = {}
    with transaction(connection):
        for table in views:
            if table not in keyed:
                connection.execute(f"INSERT {_INTO[table]}")
                continue
            inserted = _keys(connection, f"INSERT OR IGNORE {_INTO[table]} RETURNING project_id, event_id")
            known[table] = frozenset(keyed[table].keys() - set(inserted))
        stored = known.get("events", frozenset())
        revised: Suspects = {}
        if any(keyed["events"][key].get("revision") for key in stored):
            revised = revised_keys(connection)
            stored = stored.difference(_keys(connection, _UPDATE))
        result = WriteResult({**known, "events": stored}, _merge(connection, keyed, revised))
        _insert_receipts(connection, batch, keyed, result)
    return result


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


def _keys(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Key]:
    return connection.execute(sql).fetchall()
