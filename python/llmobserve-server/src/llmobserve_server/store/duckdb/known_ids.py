"""Which ids of a batch are stored already, without an index.

An index of the ids of ten million events would take a gigabyte of memory. But ids begin with the time at which they
were made (UUID version 7), rows come in the order of their time, and DuckDB keeps the smallest and the largest value
of each block of a column: of the whole table only the blocks are read that were written about when the batch's events
happened. Ids of another kind are found as well, by a look at all blocks.
"""

import re
from collections.abc import Collection
from itertools import pairwise

import duckdb

from llmobserve_server.store.protocol import Key

__all__ = ["id_ranges", "known_keys"]

_TIMED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIMED_CHARACTERS = 8
"""Of an id so much is in the statistics of a block: 65 seconds."""
_GAP = 60
"""Ids further apart than so many of these units are looked up one after the other: what lies between is not read."""
_MOST_RANGES = 8

_FIND = """
    SELECT project_id, event_id FROM {table} AS old WHERE event_id BETWEEN $first AND $last
    AND EXISTS (SELECT 1 FROM incoming_{table} AS new
                WHERE new.event_id = old.event_id AND new.project_id = old.project_id)
"""


def known_keys(connection: duckdb.DuckDBPyConnection, table: str, keys: Collection[Key]) -> frozenset[Key]:
    """Those of the keys that have a row in a table; they are those of the view `incoming_<table>`."""
    found: set[Key] = set()
    sql = _FIND.format(table=table)
    for first, last in id_ranges([event_id for _, event_id in keys]):
        found.update(connection.execute(sql, {"first": first, "last": last}).fetchall())
    return frozenset(found)


def id_ranges(ids: Collection[str]) -> list[tuple[str, str]]:
    """At most nine ranges, bounds included, that hold all ids; few others lie in those of ids that tell a time."""
    if not ids:
        return []
    first, last = min(ids), max(ids)
    if _is_timed(first) and _is_timed(last) and _unit(last) - _unit(first) <= _GAP:
        # Whatever else is among them lies between these two as well.
        return [(first, last)]
    timed: list[str] = []
    others: list[str] = []
    for event_id in ids:
        (timed if _is_timed(event_id) else others).append(event_id)
    ranges = [(min(others), max(others))] if others else []
    if timed:
        timed.sort()
        ranges += _runs(timed)
    return ranges


def _runs(timed: list[str]) -> list[tuple[str, str]]:
    if _unit(timed[-1]) - _unit(timed[0]) <= _GAP:
        return [(timed[0], timed[-1])]
    gaps = [(_unit(after) - _unit(before), at) for at, (before, after) in enumerate(pairwise(timed), 1)]
    widest = sorted(gap for gap in gaps if gap[0] > _GAP)[1 - _MOST_RANGES :]
    starts = [0, *sorted(at for _, at in widest)]
    ends = [*starts[1:], len(timed)]
    return [(timed[start], timed[end - 1]) for start, end in zip(starts, ends, strict=True)]


def _is_timed(event_id: str) -> bool:
    return _TIMED.fullmatch(event_id) is not None


def _unit(event_id: str) -> int:
    return int(event_id[:_TIMED_CHARACTERS], 16)
