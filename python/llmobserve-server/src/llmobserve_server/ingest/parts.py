"""Storing a batch that the store refuses as a whole: the rows at fault become dead letters, the others are stored."""

from collections.abc import Sequence

from llmobserve_server.errors import UnstorableRows
from llmobserve_server.ingest.batch import BatchRows, PlacedRow
from llmobserve_server.store.protocol import KEYED_TABLES, Key, Store, WriteBatch, WriteResult

__all__ = ["store_in_parts"]


def store_in_parts(store: Store, rows: BatchRows) -> WriteResult:
    """Store what can be stored; the rest leaves `rows` for its dead letters. Raises StoreError.

    A step for a value that the checks let through and an engine does not take: sent again it would fail again, and
    hold up everything behind it in its sender's queue.
    """
    duplicates: dict[str, set[Key]] = {table: set() for table in KEYED_TABLES}
    merged: dict[Key, str] = {}
    rows.spread()
    for table in KEYED_TABLES:
        placed: list[PlacedRow] = getattr(rows, table)
        bad = _store(store, table, placed, duplicates[table], merged)
        if bad:
            setattr(rows, table, [each for each in placed if each[0] not in bad])
            for position, row in placed:
                if position in bad:
                    rows.reject(position, row["event_id"], bad[position], repr(row).encode())
    repeated = sum(_is_in(duplicates[table], getattr(rows, table)) for table in KEYED_TABLES)
    store.write(WriteBatch(dead_letters=rows.dead_letters, **rows.health_to_write(repeated)))
    return WriteResult({table: frozenset(keys) for table, keys in duplicates.items()}, merged)


def _is_in(keys: set[Key], placed: Sequence[PlacedRow]) -> int:
    return sum((row["project_id"], row["event_id"]) in keys for _, row in placed)


def _store(
    store: Store, table: str, placed: Sequence[PlacedRow], duplicates: set[Key], merged: dict[Key, str]
) -> dict[int, str]:
    """Positions of the rows that the store refuses, with the reason; by halving."""
    if not placed:
        return {}
    try:
        result = store.write(WriteBatch(**{table: [row for _, row in placed]}))
    except UnstorableRows as error:
        if len(placed) == 1:
            return {placed[0][0]: error.message}
        middle = len(placed) // 2
        return {
            **_store(store, table, placed[:middle], duplicates, merged),
            **_store(store, table, placed[middle:], duplicates, merged),
        }
    merged.update(result.merged)
    duplicates |= result.duplicates_in(table)
    return {}
