"""One batch as one PostgreSQL transaction: insert or ignore, and newer revisions of calls in place."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg import Connection, errors

from llmobserve_server.store.arrow import to_arrow
from llmobserve_server.store.kept_rows import REVISED, counted_receipts, newest_by_key
from llmobserve_server.store.merging import merge_records
from llmobserve_server.store.postgresql.call_records import PostgresqlCallRecords
from llmobserve_server.store.postgresql.copying import copy_text, csv_of, csv_of_arrow, stage
from llmobserve_server.store.postgresql.locks import lock_projects
from llmobserve_server.store.postgresql.partitions import Partitions
from llmobserve_server.store.postgresql.sums.marks import Touched, mark
from llmobserve_server.store.protocol import Key, Row, WriteBatch, WriteResult
from llmobserve_server.store.tables import metadata

__all__ = ["INSERT_EVENTS", "write_batch"]

_ID_COLUMNS = ("project_id", "event_id", "start_time")
_COLUMNS: dict[str, Sequence[str]] = {
    **{name: [column.name for column in table.columns] for name, table in metadata.tables.items()},
    "event_ids": _ID_COLUMNS,
}
_SAME = "{one}.project_id = {other}.project_id AND {one}.event_id = {other}.event_id"
INSERT_EVENTS = f"""
    WITH fresh AS (
        INSERT INTO event_ids (project_id, event_id, start_time)
        SELECT project_id, event_id, start_time FROM incoming_events ORDER BY project_id, event_id
        ON CONFLICT DO NOTHING RETURNING project_id, event_id
    )
    INSERT INTO events ({", ".join(_COLUMNS["events"])})
    SELECT {", ".join(f"new.{name}" for name in _COLUMNS["events"])}
    FROM incoming_events AS new JOIN fresh ON {_SAME.format(one="new", other="fresh")}
    RETURNING project_id, event_id
"""
"""Takes the events of the table `incoming_events` whose ids are new."""
_OLD_TIMES = f"""
    SELECT min(ids.start_time), max(ids.start_time) FROM event_ids AS ids
    JOIN incoming_events AS new ON {_SAME.format(one="new", other="ids")} WHERE new.revision > 0
"""
# Where the time has changed the row moves to the partition of the new one.
_REVISE = f"""
    WITH older AS (
        SELECT old.project_id, old.event_id, old.start_time, old.call_key FROM events AS old
        JOIN event_ids AS ids ON {_SAME.format(one="old", other="ids")} AND old.start_time = ids.start_time
        JOIN incoming_events AS new ON {_SAME.format(one="new", other="ids")}
        WHERE coalesce(old.revision, 0) < new.revision AND old.type = new.type
        AND old.start_time BETWEEN %(first)s AND %(last)s
    ), revised AS (
        UPDATE events SET {", ".join(f"{name} = new.{name}" for name in REVISED)},
        -- A revision that names no id of the call does not take back the one that was named.
        call_key = coalesce(new.call_key, events.call_key)
        FROM incoming_events AS new, older
        WHERE {_SAME.format(one="events", other="older")} AND events.start_time = older.start_time
        AND {_SAME.format(one="new", other="older")} AND events.start_time BETWEEN %(first)s AND %(last)s
        RETURNING events.project_id, events.event_id, events.start_time
    ), renewed AS (
        UPDATE event_ids SET start_time = revised.start_time FROM revised
        WHERE {_SAME.format(one="event_ids", other="revised")} AND event_ids.start_time <> revised.start_time
    )
    SELECT revised.project_id, revised.event_id, older.start_time, older.call_key
    FROM revised JOIN older ON {_SAME.format(one="revised", other="older")}
"""

_Keyed = Mapping[str, Mapping[Key, Row]]


def write_batch(connection: Connection[Any], batch: WriteBatch, partitions: Partitions) -> WriteResult:
    """Write and commit `batch`; on any error nothing of it is kept and the error is raised.

    Raises psycopg.Error, or ValueError, TypeError or OverflowError for a value that does not fit its column.
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
    # Before anything is locked: other collectors write meanwhile.
    texts = _texts(incoming)
    partitions.ensure(connection, (row["start_time"] for row in incoming["events"]))
    try:
        return _insert_all(connection, batch, keyed, texts)
    except errors.UniqueViolation:
        return _insert_new(connection, batch, keyed, texts)


def _insert_all(
    connection: Connection[Any], batch: WriteBatch, keyed: _Keyed, texts: Mapping[str, bytes]
) -> WriteResult:
    """The usual case, in which every id is new."""
    touched = Touched.of(keyed["events"].values())
    with connection.transaction():
        lock_projects(connection, _projects(keyed))
        for table, text in texts.items():
            copy_text(connection, table, _COLUMNS[table], text)
        result = WriteResult(merged=_merge(connection, keyed, touched, (), frozenset()))
        _insert_receipts(connection, batch, keyed, result)
        mark(connection, touched)
    return result


def _insert_new(
    connection: Connection[Any], batch: WriteBatch, keyed: _Keyed, texts: Mapping[str, bytes]
) -> WriteResult:
    """Some ids were stored before: those stay as they are, but for newer revisions."""
    known: dict[str, frozenset[Key]] = {}
    with connection.transaction():
        lock_projects(connection, _projects(keyed))
        for table, text in texts.items():
            if table == "event_ids":
                continue
            if table not in keyed:
                copy_text(connection, table, _COLUMNS[table], text)
                continue
            stage(connection, table, _COLUMNS[table], text)
            inserted = connection.execute(_insert(table)).fetchall()
            known[table] = frozenset(keyed[table].keys() - set(inserted))
        stored = known.get("events", frozenset())
        touched = Touched.of(row for key, row in keyed["events"].items() if key not in stored)
        stale: set[Key] = set()
        if any(keyed["events"][key].get("revision") for key in stored):
            stored = stored - _revise(connection, keyed["events"], touched, stale)
        merged = _merge(connection, keyed, touched, stale, known.get("events", frozenset()))
        result = WriteResult({**known, "events": stored}, merged)
        _insert_receipts(connection, batch, keyed, result)
        mark(connection, touched)
    return result


def _insert(table: str) -> bytes:
    if table == "events":
        return INSERT_EVENTS.encode()
    names = ", ".join(_COLUMNS[table])
    insert = f"INSERT INTO {table} ({names}) SELECT {names} FROM incoming_{table} ORDER BY project_id, event_id"
    return f"{insert} ON CONFLICT DO NOTHING RETURNING project_id, event_id".encode()


def _merge(
    connection: Connection[Any], keyed: _Keyed, touched: Touched, stale: Collection[Key], known: frozenset[Key]
) -> Mapping[Key, str]:
    """Leave one charge to each provider call that the events of the batch are about."""
    events = keyed["events"]
    if not events:
        return {}
    changed = merge_records(PostgresqlCallRecords(connection, touched), list(events.values()), stale, known)
    return {key: into for key, into in changed.items() if into is not None and key in events}


def _revise(connection: Connection[Any], incoming: Mapping[Key, Row], touched: Touched, stale: set[Key]) -> set[Key]:
    """Replace the facts of stored calls by newer ones; which there were. Keys that calls lose are added to `stale`."""
    (times,) = connection.execute(_OLD_TIMES.encode()).fetchall()
    if times[0] is None:
        return set()
    revised = connection.execute(_REVISE.encode(), {"first": times[0], "last": times[1]}).fetchall()
    for project_id, event_id, old_time, old_key in revised:
        row = incoming[project_id, event_id]
        touched.add(project_id, old_time)
        touched.add(project_id, row["start_time"])
        if old_key is not None and row.get("call_key") not in (None, old_key):
            stale.add((project_id, old_key))
    return {(project_id, event_id) for project_id, event_id, *_ in revised}


def _insert_receipts(connection: Connection[Any], batch: WriteBatch, keyed: _Keyed, result: WriteResult) -> None:
    """The receipts, with the number of rows that were not new: only now it is known."""
    if not batch.receipts:
        return
    counted = counted_receipts(batch, keyed, result)
    copy_text(connection, "receipts", _COLUMNS["receipts"], csv_of("receipts", counted))


def _projects(keyed: _Keyed) -> set[str]:
    return {project_id for rows in keyed.values() for project_id, _ in rows}


def _texts(incoming: Mapping[str, Sequence[Row]]) -> dict[str, bytes]:
    """The rows as CSV, by table; the ids of events first, so that known ones are met before anything is copied."""
    arrows: dict[str, Any] = {table: to_arrow(table, rows) for table, rows in incoming.items() if rows}
    ids = {"event_ids": csv_of_arrow(arrows["events"].select(list(_ID_COLUMNS)))} if "events" in arrows else {}
    return {**ids, **{table: csv_of_arrow(arrow) for table, arrow in arrows.items()}}
