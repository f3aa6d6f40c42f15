"""Rows as ClickHouse takes and gives them: Arrow tables with a version, and stored rows to be written again."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pyarrow
from sqlalchemy.types import ARRAY, JSON

from llmobserve_server.store.arrow import to_arrow
from llmobserve_server.store.protocol import Row
from llmobserve_server.store.tables import metadata

__all__ = ["PLAIN_TABLES", "as_stored", "block_of", "versioned"]

# pyarrow is a compiled module without stubs.
pa: Any = pyarrow

PLAIN_TABLES = frozenset({"dead_letters", "receipts", "losses", "process_reports"})
"""Tables whose rows have no id and so no versions."""
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "events": ("project_id", "event_id", "type", "kind", "status", "start_time", "received_at"),
    "span_starts": ("project_id", "event_id", "type", "kind", "status", "start_time", "received_at"),
    "contents": ("project_id", "event_id", "received_at"),
    "scores": (
        *("project_id", "event_id", "said_at", "received_at", "target_type", "target_id", "name"),
        *("data_type", "source"),
    ),
    "facts": ("project_id", "event_id", "said_at", "received_at", "target_event_id", "kind"),
    "dead_letters": ("project_id", "received_at", "reason"),
    "cost_versions": ("project_id", "event_id", "start_time", "replaced_at", "job_id"),
    "reprice_log": ("project_id", "job_id", "number", "logged_at", "done"),
    "receipts": (
        *("project_id", "received_at", "batch_id", "process_id", "records", "rejected", "duplicates"),
        "numbered",
    ),
    "losses": ("project_id", "received_at", "batch_id", "process_id", "reason", "records"),
    "process_reports": ("project_id", "received_at", "process_id", "ended"),
}
"""Columns that are never NULL."""
_LISTS = {
    name: [column.name for column in table.columns if isinstance(column.type, ARRAY)]
    for name, table in metadata.tables.items()
}
_JSON_AT = {
    name: frozenset(column.name for column in table.columns if isinstance(column.type, JSON))
    for name, table in metadata.tables.items()
}


def block_of(table: str, rows: Sequence[Row], written_us: int) -> Any:
    """At least one row as an Arrow table that can be inserted.

    Raises ValueError, TypeError or OverflowError for a value that does not fit its column.
    """
    return versioned(table, to_arrow(table, rows), written_us)


def versioned(table: str, block: Any, written_us: int) -> Any:
    """An Arrow table of `store.arrow` as it is inserted. Raises ValueError for a NULL where there must be a value."""
    for name in _REQUIRED[table]:
        if block.column(name).null_count:
            raise ValueError(f"{table}.{name} has no value")
    for name in _LISTS[table]:
        # A list cannot be NULL here: none is an empty one.
        at = block.schema.get_field_index(name)
        lists: list[list[str] | None] = block.column(name).to_pylist()
        block = block.set_column(at, name, pa.array([each or [] for each in lists], pa.list_(pa.string())))
    if table in PLAIN_TABLES:
        return block
    return block.append_column("written_us", pa.array([written_us] * block.num_rows, pa.uint64()))


def as_stored(table: str, names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """A stored row that can be written again as it is: JSON stays the text that it was."""
    row: dict[str, Any] = dict(zip(names, values, strict=True))
    for name in _JSON_AT[table]:
        if row.get(name) is not None:
            row[name] = msgspec.Raw(row[name].encode())
    return row
