"""Bringing rows out of Parquet files back into the journal, where they can be found by their ids and changed."""

from collections.abc import Collection
from typing import Any

import duckdb
import pyarrow

from llmobserve_server.store.duckdb.known_ids import id_ranges
from llmobserve_server.store.parquet.manifest import File, Manifest, names_of
from llmobserve_server.store.protocol import Key

__all__ = ["bring_back"]

# pyarrow is a compiled module without stubs.
pa: Any = pyarrow

_FIND = """
    CREATE OR REPLACE TEMP TABLE brought_back AS
    SELECT filed.* FROM ({rows}) AS filed SEMI JOIN wanted_keys USING (project_id, event_id)
"""
_FORGET = """
    DELETE FROM filed.replaced AS r WHERE r.table_name = ?
    AND EXISTS (SELECT 1 FROM brought_back AS b WHERE b.project_id = r.project_id AND b.event_id = r.event_id)
"""


def bring_back(connection: duckdb.DuckDBPyConnection, manifest: Manifest, table: str, keys: Collection[Key]) -> int:
    """Move those of the rows that are in files into the journal, in the open transaction; how many there were.

    Raises duckdb.Error.
    """
    files = _candidates(manifest.of(table), keys)
    if not files:
        return 0
    wanted = pa.table({"project_id": [project for project, _ in keys], "event_id": [event_id for _, event_id in keys]})
    connection.register("wanted_keys", wanted)
    try:
        connection.execute(_FIND.format(rows=f"{manifest.select(table, files)} AND {_within(keys)}"))
    finally:
        connection.unregister("wanted_keys")
    ((count,),) = connection.execute("SELECT count(*) FROM brought_back").fetchall()
    if count:
        names = ", ".join(names_of(table))
        connection.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM brought_back")
        connection.execute(_FORGET, [table])
        connection.execute(
            "INSERT INTO filed.replaced SELECT ?, project_id, event_id, "
            "(SELECT coalesce(max(number), 0) + 1 FROM filed.files) FROM brought_back",
            [table],
        )
        manifest.make_views(connection, [table])
    connection.execute("DROP TABLE brought_back")
    return int(count)


def _candidates(files: Collection[File], keys: Collection[Key]) -> list[File]:
    """Files among whose ids one of these may be."""
    ranges = id_ranges([event_id for _, event_id in keys]) if files else []
    return [file for file in files if any(first <= file.last_id and last >= file.first_id for first, last in ranges)]


def _within(keys: Collection[Key]) -> str:
    """The ids as bounds, by which parts of files are passed over unread."""
    ids = [event_id.replace("'", "''") for _, event_id in keys]
    return f"file.event_id BETWEEN '{min(ids)}' AND '{max(ids)}'"
