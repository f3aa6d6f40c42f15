"""Whole rows out of and into PostgreSQL: for copies between stores, exports, retention, and figures of its size."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow
from psycopg import Connection, sql
from sqlalchemy.types import JSON

from llmobserve_server.store.arrow import arrow_schema
from llmobserve_server.store.postgresql.copying import copy_text, csv_of_arrow, stage
from llmobserve_server.store.postgresql.locks import lock_projects
from llmobserve_server.store.postgresql.partitions import Partitions, weeks_before
from llmobserve_server.store.postgresql.sums.marks import Touched, mark
from llmobserve_server.store.postgresql.sums.renew import keep_sums_of
from llmobserve_server.store.postgresql.writer import INSERT_EVENTS
from llmobserve_server.store.protocol import KEYED_TABLES, Slice, StoreSizes
from llmobserve_server.store.tables import TIME_COLUMNS, metadata

__all__ = ["delete_older", "insert_rows", "read_slice", "sizes"]

_PIECE_ROWS = 20_000
# pyarrow is a compiled module without stubs.
pa: Any = pyarrow
_SIZES = """
    SELECT coalesce(parent.relname, own.relname), sum(pg_total_relation_size(own.oid))::bigint
    FROM pg_class AS own LEFT JOIN pg_inherits ON inhrelid = own.oid
    LEFT JOIN pg_class AS parent ON parent.oid = inhparent
    WHERE own.relkind = 'r' AND own.relnamespace = to_regnamespace(current_schema()) GROUP BY 1
"""


def read_slice(connection: Connection[Any], chosen: Slice) -> Iterator[Any]:
    """Arrow tables of the rows in the order of their time, of one moment. Raises psycopg.Error."""
    table, time = metadata.tables[chosen.table], TIME_COLUMNS[chosen.table]
    schema = arrow_schema(chosen.table)
    documents = {column.name for column in table.columns if isinstance(column.type, JSON)}
    columns = ", ".join(f"{name}::text" if name in documents else name for name in schema.names)
    limits = (
        (f"{time} >= %s", chosen.time_from),
        (f"{time} < %s", chosen.time_to),
        ("project_id = %s", chosen.project_id),
    )
    where = " AND ".join(["true", *(condition for condition, value in limits if value is not None)])
    keys = ", ".join([time, *(column.name for column in table.primary_key)])
    statement = f"SELECT {columns} FROM {chosen.table} WHERE {where} ORDER BY {keys}".encode()
    with connection.transaction(), connection.cursor("llmobserve_rows") as cursor:
        cursor.execute(statement, [value for _, value in limits if value is not None])
        while rows := cursor.fetchmany(_PIECE_ROWS):
            arrays = [
                pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            yield pa.Table.from_arrays(arrays, schema=schema)


def insert_rows(connection: Connection[Any], table: str, rows: Any, partitions: Partitions) -> int:
    """Insert and commit rows as they are, but for ids that are stored; how many there were. Raises psycopg.Error."""
    names = rows.schema.names
    text = csv_of_arrow(rows)
    if table not in (*KEYED_TABLES, "reprice_log"):
        with connection.transaction():
            copy_text(connection, table, names, text)
        return int(rows.num_rows)
    times: list[datetime] = rows.column("start_time").to_pylist() if table == "events" else []
    partitions.ensure(connection, times)
    with connection.transaction():
        lock_projects(connection, set(rows.column("project_id").to_pylist()))
        stage(connection, table, names, text)
        if table == "events":
            inserted = connection.execute(INSERT_EVENTS.encode()).rowcount
            touched = Touched()
            for project_id, moment in zip(rows.column("project_id").to_pylist(), times, strict=True):
                touched.add(project_id, moment)
            mark(connection, touched)
            return inserted
        columns = ", ".join(names)
        insert = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM incoming_{table} ON CONFLICT DO NOTHING"
        return connection.execute(insert.encode()).rowcount


def delete_older(connection: Connection[Any], table: str, before: datetime, most_rows: int) -> int:
    """Delete and commit rows from before a time; how many there were. Raises psycopg.Error.

    Of events the oldest whole week that has ended before; what is at odd times a row at a time.
    """
    if table == "events":
        for week in weeks_before(connection, before):
            # A week may be empty, which is not the end.
            if gone := _drop_week(connection, *week):
                return gone
        table = "events_at_odd_times"
    time = TIME_COLUMNS.get(table, "start_time")
    old = f"SELECT ctid FROM {table} WHERE {time} < %s LIMIT {most_rows:d}"
    with connection.transaction():
        if table != "events_at_odd_times":
            return connection.execute(
                f"DELETE FROM {table} WHERE ctid = ANY (ARRAY({old}))".encode(), [before]
            ).rowcount
        deleted = connection.execute(
            f"DELETE FROM {table} WHERE ctid = ANY (ARRAY({old})) RETURNING project_id, event_id".encode(), [before]
        ).fetchall()
        _forget_ids(connection, deleted)
        return len(deleted)


def _drop_week(connection: Connection[Any], name: str, start: datetime, end: datetime) -> int:
    partition = sql.Identifier(name)
    with connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '15s'")
        keep_sums_of(connection, start, end)
        counted = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(partition)).fetchone()
        connection.execute(
            sql.SQL(
                "DELETE FROM event_ids USING {0} AS gone "
                "WHERE event_ids.project_id = gone.project_id AND event_ids.event_id = gone.event_id"
            ).format(partition)
        )
        connection.execute(sql.SQL("DROP TABLE {}").format(partition))
    return counted[0] if counted else 0


def _forget_ids(connection: Connection[Any], keys: list[tuple[str, str]]) -> None:
    connection.execute(
        "DELETE FROM event_ids USING unnest(%s::text[], %s::text[]) AS gone (project_id, event_id) "
        "WHERE event_ids.project_id = gone.project_id AND event_ids.event_id = gone.event_id",
        ([project_id for project_id, _ in keys], [event_id for _, event_id in keys]),
    )


def sizes(connection: Connection[Any]) -> StoreSizes:
    """Bytes of the tables with their indexes, of `events` those of all its partitions. Raises psycopg.Error."""
    found = dict(connection.execute(_SIZES.encode()).fetchall())
    tables = {name: int(found.get(name, 0)) for name in TIME_COLUMNS}
    return StoreSizes(total_bytes=int(sum(found.values())), tables=tables, disk_free_bytes=None)
