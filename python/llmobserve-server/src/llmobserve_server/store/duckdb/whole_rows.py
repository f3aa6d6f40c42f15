"""Whole rows out of and into a DuckDB file: for copies between stores, exports, retention, and figures of its size."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import pyarrow
import pyarrow.compute

from llmobserve_server.store.arrow import arrow_schema
from llmobserve_server.store.duckdb.writer import transaction
from llmobserve_server.store.protocol import KEYED_TABLES, Slice
from llmobserve_server.store.tables import TIME_COLUMNS, metadata

__all__ = ["delete_older", "insert_rows", "read_slice", "table_bytes"]

_PIECE_ROWS = 20_000
_NEW = """
    WHERE NOT EXISTS (SELECT 1 FROM {table} AS old
                      WHERE old.event_id BETWEEN $first AND $last
                      AND old.event_id = new.event_id AND old.project_id = new.project_id)
    QUALIFY row_number() OVER (PARTITION BY new.project_id, new.event_id) = 1
"""
_VARIANT_COLUMNS = frozenset({"metadata", "attributes"})
# pyarrow is a compiled module without stubs.
pa: Any = pyarrow
compute: Any = pyarrow.compute


def read_slice(cursor: duckdb.DuckDBPyConnection, chosen: Slice) -> Iterator[Any]:
    """Arrow tables of the rows in the order of their time. Raises duckdb.Error."""
    table, time = metadata.tables[chosen.table], TIME_COLUMNS[chosen.table]
    columns = ", ".join(
        f"CAST(CAST({c.name} AS JSON) AS VARCHAR) AS {c.name}" if c.name in _VARIANT_COLUMNS else c.name
        for c in table.columns
    )
    limits = (
        (f"{time} >= ?", chosen.time_from),
        (f"{time} < ?", chosen.time_to),
        ("project_id = ?", chosen.project_id),
    )
    where = " AND ".join(["true", *(condition for condition, value in limits if value is not None)])
    keys = ", ".join([time, *(column.name for column in table.primary_key)])
    sql = f"SELECT {columns} FROM {chosen.table} WHERE {where} ORDER BY {keys}"
    found: Any = cursor.sql(sql, params=[value for _, value in limits if value is not None])
    schema = arrow_schema(chosen.table)
    for batch in found.to_arrow_reader(_PIECE_ROWS):
        yield pa.Table.from_batches([batch]).cast(schema)


def insert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: Any) -> int:
    """Insert and commit rows as they are, but for ids that are stored; how many there were. Raises duckdb.Error."""
    names = [column.name for column in metadata.tables[table].columns]
    values = ", ".join(f"CAST(CAST({name} AS JSON) AS VARIANT)" if name in _VARIANT_COLUMNS else name for name in names)
    ignoring = "OR IGNORE " if table == "reprice_log" else ""
    new, limits = "", dict[str, str]()
    if table in KEYED_TABLES and rows.num_rows:
        new = _NEW.format(table=table)
        # Ids that tell a time are next to each other: of the stored ones only those blocks are read.
        found = compute.min_max(rows.column("event_id")).as_py()
        limits = {"first": found["min"], "last": found["max"]}
    connection.register("loaded_rows", rows)
    try:
        with transaction(connection):
            ((inserted,),) = connection.execute(
                f"INSERT {ignoring}INTO {table} ({', '.join(names)}) SELECT {values} FROM loaded_rows AS new {new}",
                limits,
            ).fetchall()
    finally:
        connection.unregister("loaded_rows")
    return int(inserted)


def delete_older(connection: duckdb.DuckDBPyConnection, table: str, before: datetime, most_rows: int) -> int:
    """Delete and commit at most so many rows from before a time; how many there were. Raises duckdb.Error."""
    old = f"SELECT rowid FROM {table} WHERE {TIME_COLUMNS[table]} < ? LIMIT {most_rows:d}"
    with transaction(connection):
        ((deleted,),) = connection.execute(f"DELETE FROM {table} WHERE rowid IN ({old})", [before]).fetchall()
    return int(deleted)


def table_bytes(cursor: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Bytes of the blocks of each table, without its index and without what is only in the log. Raises duckdb.Error."""
    # All rows of each result are fetched: one that is not would keep its transaction open, and with it a checkpoint
    # from being made.
    ((block_bytes,),) = cursor.execute("SELECT block_size FROM pragma_database_size()").fetchall()
    found: dict[str, int] = {}
    for table in TIME_COLUMNS:
        ((blocks,),) = cursor.execute(
            "SELECT count(DISTINCT block) FROM (SELECT unnest(list_prepend(block_id, additional_block_ids)) AS block "
            f"FROM pragma_storage_info('{table}')) WHERE block >= 0"
        ).fetchall()
        found[table] = blocks * block_bytes
    return found
