"""Moving rows out of the journal into Parquet files of their day, and many small files of a day into one.

A file is written beside its place, synchronised and renamed; it belongs to the store when the transaction commits that
takes its rows out of the journal. After an end in between the rows are in the journal, and the file is no one's.
"""

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from llmobserve_server.store.duckdb.writer import transaction
from llmobserve_server.store.parquet.manifest import FILED, File, Manifest, as_text, names_of
from llmobserve_server.store.tables import TIME_COLUMNS, metadata

__all__ = ["compact", "file_rows", "remove_strangers"]

_MANY_FILES = 8
_LARGE_ROWS = 500_000
"""A file with more rows is not written again to join it with others."""
_DEAD_SHARE = 10
_GROUP_ROWS = 30_000
_WRITTEN = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {rows}"
_FACTS = """
    SELECT count(*), min({time}), max({time}), min(event_id), max(event_id), {others} FROM read_parquet(['{path}'])
"""
_OTHERS = "coalesce(bool_or(type = 'call' AND NOT is_exchange), false)"
_SETTLED = """
    DELETE FROM filed.replaced AS r WHERE NOT EXISTS (
        SELECT 1 FROM filed.files AS f WHERE f.table_name = r.table_name AND f.number < r.version
        AND r.event_id BETWEEN f.first_id AND f.last_id)
"""
_WORN = """
    SELECT f.number, f.path FROM filed.files AS f JOIN filed.replaced AS r
    ON r.table_name = f.table_name AND r.version > f.number AND r.event_id BETWEEN f.first_id AND f.last_id
    WHERE f.table_name = ? GROUP BY f.number, f.path, f.n_rows HAVING count(*) * {share} >= f.n_rows
"""


def file_rows(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> int:
    """Move all rows of `FILED` into files, in one transaction; how many there were. Raises duckdb.Error or OSError."""
    moved = 0
    with transaction(connection):
        number = _next_number(connection)
        for table in FILED:
            time = TIME_COLUMNS[table]
            days = connection.execute(f"SELECT CAST({time} AS DATE), count(*) FROM {table} GROUP BY ALL").fetchall()
            for day, count in days:
                columns = ", ".join(as_text(metadata.tables[table], name) for name in names_of(table))
                rows = f"SELECT {columns}, CAST({number} AS BIGINT) AS version FROM {table} WHERE {_of_day(time, day)}"
                _write_file(connection, manifest, table, day, number, rows)
                moved += count
            if days:
                connection.execute(f"DELETE FROM {table}")
        manifest.read(connection)
        manifest.make_views(connection)
    return moved


def compact(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> list[str]:
    """Join the small files of one day, or leave replaced rows out of the files of one; in one transaction.

    Returns the paths that no longer belong to the store; empty when there is nothing to do. Raises duckdb.Error or
    OSError.
    """
    for table in FILED:
        chosen = _worth_it(connection, manifest, table)
        if chosen:
            return _join(connection, manifest, table, chosen)
    return []


def remove_strangers(manifest: Manifest) -> None:
    """Delete files of an end in the middle of a filing: those of our names that the manifest does not know."""
    known = set(manifest.paths(manifest.files))
    for table in FILED:
        for path in manifest.directory.glob(f"????-??-??/{table}_*.parquet*"):
            if str(path) not in known:
                path.unlink(missing_ok=True)


def _worth_it(connection: duckdb.DuckDBPyConnection, manifest: Manifest, table: str) -> list[File]:
    by_day: dict[Any, list[File]] = {}
    for file in manifest.of(table):
        if file.n_rows < _LARGE_ROWS:
            by_day.setdefault(file.day, []).append(file)
    for files in by_day.values():
        if len(files) >= _MANY_FILES:
            return files
    worn = {path for _, path in connection.execute(_WORN.format(share=_DEAD_SHARE), [table]).fetchall()}
    return [file for file in manifest.of(table) if file.path in worn][:1]


def _join(connection: duckdb.DuckDBPyConnection, manifest: Manifest, table: str, files: Sequence[File]) -> list[str]:
    day: Any = files[0].day
    with transaction(connection):
        number = _next_number(connection)
        _write_file(connection, manifest, table, day, number, manifest.as_filed(table, files))
        gone = [file.path for file in files]
        connection.execute("DELETE FROM filed.files WHERE path IN (SELECT unnest(?))", [gone])
        connection.execute(_SETTLED)
        manifest.read(connection)
        manifest.make_views(connection, [table])
    return manifest.paths(files)


def _write_file(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, table: str, day: date, number: int, rows: str
) -> None:
    """Write the rows of a query to a file of their own, and note it. None is written where there are no rows."""
    time = TIME_COLUMNS[table]
    relative = Path(f"{day:%Y-%m-%d}") / f"{table}_{number:08}.parquet"
    path = manifest.directory / relative
    path.parent.mkdir(mode=0o700, exist_ok=True)
    partial = path.with_suffix(".parquet.partial")
    keys = ", ".join([time, *(column.name for column in metadata.tables[table].primary_key)])
    written = _WRITTEN.format(rows=_GROUP_ROWS)
    try:
        connection.execute(f"COPY ({rows} ORDER BY {keys}) TO '{_quoted(partial)}' ({written})")
    except duckdb.Error:
        partial.unlink(missing_ok=True)
        raise
    others = _OTHERS if table == "events" else "false"
    facts = connection.execute(_FACTS.format(time=time, others=others, path=_quoted(partial))).fetchone()
    if facts is None or not facts[0]:
        partial.unlink()
        return
    _synchronise(partial)
    partial.rename(path)
    _synchronise(path.parent)
    _synchronise(manifest.directory)
    values = [number, table, str(relative), day, facts[0], path.stat().st_size, *facts[1:], names_of(table)]
    connection.execute(f"INSERT INTO filed.files VALUES ({', '.join('?' * len(values))})", values)


def _of_day(time: str, day: date) -> str:
    return f"CAST({time} AS DATE) = DATE '{day:%Y-%m-%d}'"


def _next_number(connection: duckdb.DuckDBPyConnection) -> int:
    ((number,),) = connection.execute("SELECT nextval('filed.numbers')").fetchall()
    return int(number)


def _synchronise(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
