"""What a batch means in every engine: which row of an id is kept, what a revision replaces, what receipts count."""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Any

from llmobserve_server.store.blocks import keys_of
from llmobserve_server.store.protocol import Key, Row, WriteBatch, WriteResult

__all__ = ["REVISED", "counted_receipts", "key_of", "newest_by_key"]

REVISED = (
    *("status", "start_time", "duration_ms", "time_to_first_token_ms", "response_model", "model"),
    *("error_type", "error_message", "http_status", "response_id", "request_id"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("units", "usage_details", "usage_source", "usage_flags", "usage_raw", "dimensions"),
    *("cost_usd", "cost_state", "cost_reason", "cost_lines", "price_book", "priced_model", "table_usd"),
    *("reported_cost_usd", "revision", "notes", "stream", "host", "transport", "is_exchange"),
)
"""Columns of `events` that a newer revision replaces; `call_key` too where the revision has one."""


def key_of(row: Row) -> Key:
    """Project and id of a row of a keyed table."""
    return row["project_id"], row["event_id"]


def newest_by_key(rows: Sequence[Row]) -> dict[Key, Row]:
    """One row a key: the first one of the highest revision."""
    keys = keys_of(rows)
    kept: dict[Key, Row] = dict(zip(keys, rows, strict=True))
    if len(kept) == len(keys):
        return kept
    kept.clear()
    for key, row in zip(keys, rows, strict=True):
        other = kept.get(key)
        if other is None or (row.get("revision") or 0) > (other.get("revision") or 0):
            kept[key] = row
    return kept


def counted_receipts(batch: WriteBatch, kept: Mapping[str, Mapping[Key, Row]], result: WriteResult) -> list[Row]:
    """The batch's receipts with the number of rows that were not new.

    `kept`: by table what `newest_by_key` left of the batch.
    """
    repeated: Counter[tuple[str, datetime]] = Counter()
    for table, rows in batch.keyed().items():
        known = result.duplicates_in(table)
        if known or len(kept[table]) != len(rows):
            repeated.update(_repeated(rows, known))
    # Two batches may have arrived in the same microsecond: the first receipt takes the count of both.
    return [_counted(row, repeated.pop((row["project_id"], row["received_at"]), 0)) for row in batch.receipts]


def _counted(row: Row, repeated: int) -> dict[str, Any]:
    return {**row, "duplicates": (row.get("duplicates") or 0) + repeated}


def _repeated(rows: Sequence[Row], known: frozenset[Key]) -> Generator[tuple[str, datetime]]:
    """Project and arrival of each duplicate, as senders are told: a revision above all before of its id is new."""
    highest: dict[Key, int] = {}
    for row in rows:
        key = key_of(row)
        revision = row.get("revision") or 0
        if key in known or revision <= highest.get(key, -1):
            yield key[0], row["received_at"]
        else:
            highest[key] = revision
