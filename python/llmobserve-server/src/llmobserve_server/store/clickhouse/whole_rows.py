"""Whole rows out of and into ClickHouse tables, what they take on disk, and the end of those that are old."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow

from llmobserve_server.store.arrow import arrow_schema
from llmobserve_server.store.clickhouse.blocks import versioned
from llmobserve_server.store.clickhouse.clock import Clock
from llmobserve_server.store.clickhouse.connections import Session
from llmobserve_server.store.clickhouse.dialect import literal_text
from llmobserve_server.store.clickhouse.layout import Layout
from llmobserve_server.store.clickhouse.stored import known_keys
from llmobserve_server.store.protocol import KEYED_TABLES, Slice
from llmobserve_server.store.tables import TIME_COLUMNS, metadata

__all__ = ["delete_older", "insert_rows", "read_slice", "table_bytes"]

_PIECE_ROWS = 20_000
_LEAST_SPAN = timedelta(milliseconds=1)
_WORTH_IT = 10
# pyarrow is a compiled module without stubs.
pa: Any = pyarrow


def read_slice(session: Session, chosen: Slice) -> Iterator[Any]:
    """Arrow tables of the rows in the order of their time. Raises ClickHouseError."""
    time = TIME_COLUMNS[chosen.table]
    limits = [
        *([f"{time} >= {literal_text(chosen.time_from)}"] if chosen.time_from is not None else []),
        *([f"{time} < {literal_text(chosen.time_to)}"] if chosen.time_to is not None else []),
        *([f"project_id = {literal_text(chosen.project_id)}"] if chosen.project_id is not None else []),
    ]
    where = " AND ".join(limits) or "true"
    ((count, first, last),) = session.rows(
        f"SELECT count(), min({time}), max({time}) FROM {chosen.table} WHERE {where}"
    )
    if count:
        yield from _pieces(session, chosen.table, where, first, last + timedelta(microseconds=1), int(count))


def _pieces(session: Session, table: str, where: str, first: datetime, end: datetime, count: int) -> Iterator[Any]:
    """The rows of a span of time, by halving it until its rows are few."""
    time = TIME_COLUMNS[table]
    if count <= _PIECE_ROWS or end - first <= _LEAST_SPAN:
        keys = ", ".join([time, *(column.name for column in metadata.tables[table].primary_key)])
        columns = ", ".join(column.name for column in metadata.tables[table].columns)
        found = session.arrow(
            f"SELECT {columns} FROM {table} WHERE {where} AND {_span(time, first, end)} ORDER BY {keys}"
        )
        yield _as_ours(table, found)
        return
    middle = first + (end - first) / 2
    ((early,),) = session.rows(f"SELECT count() FROM {table} WHERE {where} AND {_span(time, first, middle)}")
    if early:
        yield from _pieces(session, table, where, first, middle, int(early))
    if count > early:
        yield from _pieces(session, table, where, middle, end, count - int(early))


def _span(time: str, first: datetime, end: datetime) -> str:
    return f"{time} >= {literal_text(first)} AND {time} < {literal_text(end)}"


def _as_ours(table: str, found: Any) -> Any:
    """With the types of `store.arrow`: times without a zone, text without dictionaries."""
    schema = arrow_schema(table)
    arrays: list[Any] = []
    for field in schema:
        column = found.column(field.name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_timestamp(column.type):
            # The same number: both are microseconds of UTC.
            column = column.cast(pa.int64())
        arrays.append(column.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def insert_rows(session: Session, clock: Clock, table: str, rows: Any) -> int:
    """Insert rows as they are, but for ids that are stored; how many there were. Raises ClickHouseError."""
    if table in KEYED_TABLES:
        rows = _without_known(session, table, rows)
    if rows.num_rows:
        written_us = clock.next()
        session.insert(table, versioned(table, rows, written_us), f"{table}-{written_us}")
    return int(rows.num_rows)


def _without_known(session: Session, table: str, rows: Any) -> Any:
    keys = list(zip(rows.column("project_id").to_pylist(), rows.column("event_id").to_pylist(), strict=True))
    seen = known_keys(session, table, set(keys))
    kept: list[bool] = []
    for key in keys:
        kept.append(key not in seen)
        seen.add(key)
    return rows.filter(pa.array(kept, pa.bool_()))


def delete_older(session: Session, layout: Layout, table: str, before: datetime) -> int:
    """Delete rows of one month from before a time; how many there were. Raises ClickHouseError.

    A month of which all rows are older is dropped as a whole. Of another the old rows are marked as deleted, and left
    out by the next merge of their part: only where they are a tenth of it, because every part of it is touched.
    """
    time, held = TIME_COLUMNS[table], layout.rows_of(table)
    old = f"{time} < {literal_text(before)}"
    partitions = session.rows(
        f"SELECT _partition_id, count() AS n, countIf({old}) AS n_old FROM {held} GROUP BY _partition_id "
        f"HAVING n_old * {_WORTH_IT} >= n ORDER BY n_old = n DESC, _partition_id LIMIT 1 SETTINGS final = 0"
    )
    for partition, count, gone in partitions:
        name = literal_text(partition)
        if count == gone:
            session.run(f"ALTER TABLE {held} {layout.on_cluster} DROP PARTITION ID {name}")
        else:
            session.run(f"DELETE FROM {held} {layout.on_cluster} WHERE _partition_id = {name} AND {old}")
        return int(gone)
    return 0


def table_bytes(session: Session, layout: Layout) -> dict[str, int]:
    """Bytes on disk of the live parts of each table on this server, its indexes included. Raises ClickHouseError."""
    rows = session.rows(
        "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() "
        "GROUP BY table"
    )
    found = {str(table): int(size) for table, size in rows}
    return {table: found.get(layout.rows_of(table), 0) for table in TIME_COLUMNS}
