"""One batch as a sequence of insertions, in an order in which an end between two of them loses and doubles nothing.

There are no transactions. Rows have versions, of which the newest is read; ids that are stored are left out. What a
batch says about its arrival is written last: where that is missing, the sender had no answer and sends again, and what
was stored then counts as stored before. See docs/decisions, "ClickHouse".
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from llmobserve_server.store.clickhouse.blocks import block_of
from llmobserve_server.store.clickhouse.clock import Clock
from llmobserve_server.store.clickhouse.connections import Session
from llmobserve_server.store.clickhouse.stored import known_keys, stored_rows
from llmobserve_server.store.kept_rows import REVISED, counted_receipts, newest_by_key
from llmobserve_server.store.protocol import Key, Row, WriteBatch, WriteResult

__all__ = ["write_batch"]

_ORDER = ("contents", "scores", "facts", "span_starts", "events")
"""Of the tables with ids: what is attached to an event is there when the event is."""


def write_batch(session: Session, clock: Clock, batch: WriteBatch) -> WriteResult:
    """Write `batch`.

    Raises ClickHouseError, and then a part may be stored; ValueError, TypeError or OverflowError for a value that does
    not fit its column, and then nothing is.
    """
    kept = {table: newest_by_key(rows) for table, rows in batch.keyed().items()}
    written_us = clock.next()
    blocks: dict[str, Any] = {}
    known: dict[str, frozenset[Key]] = {}
    for table in _ORDER:
        stored, rows = _new_rows(session, table, kept[table])
        known[table] = frozenset(stored)
        if rows:
            blocks[table] = block_of(table, rows, written_us)
    for table in ("dead_letters", "losses", "process_reports"):
        if rows := getattr(batch, table):
            blocks[table] = block_of(table, rows, written_us)
    result = WriteResult(known)
    receipts = counted_receipts(batch, kept, result)
    if receipts:
        blocks["receipts"] = block_of("receipts", receipts, written_us)
    for table in _ORDER:
        _insert(session, table, blocks, written_us)
    merged = _merge(session, clock, list(kept["events"].values()))
    for table in ("dead_letters", "losses", "process_reports", "receipts"):
        _insert(session, table, blocks, written_us)
    return WriteResult(known, merged)


def _insert(session: Session, table: str, blocks: Mapping[str, Any], written_us: int) -> None:
    if table in blocks:
        session.insert(table, blocks[table], f"{table}-{written_us}")


def _new_rows(session: Session, table: str, kept: Mapping[Key, Row]) -> tuple[Collection[Key], Sequence[Row]]:
    """Ids that are stored and stay as they are, and the rows to be written: new ones, and revised ones as a whole."""
    if not kept:
        return (), ()
    stored = known_keys(session, table, kept.keys())
    rows = [row for key, row in kept.items() if key not in stored]
    if table != "events":
        return stored, rows
    newer = [key for key in stored if kept[key].get("revision")]
    revised = 0
    for key, old in stored_rows(session, table, newer).items():
        new = kept[key]
        if (old["revision"] or 0) < new["revision"] and old["type"] == new["type"]:
            rows.append(_revised(old, new))
            stored.discard(key)
            revised += 1
    return stored, rows


def _revised(old: Mapping[str, Any], new: Row) -> dict[str, Any]:
    # A revision that names no id of the call does not take back the one that was named.
    return {**old, **{name: new.get(name) for name in REVISED}, "call_key": new.get("call_key") or old["call_key"]}


def _merge(session: Session, clock: Clock, rows: Sequence[Row]) -> Mapping[Key, str]:
    return {}
