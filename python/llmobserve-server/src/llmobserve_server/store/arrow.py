"""From rows to Arrow: the column types of each table and how Python values become arrays."""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

import msgspec
import pyarrow
from sqlalchemy import Table
from sqlalchemy.types import ARRAY, JSON, BigInteger, Boolean, DateTime, Double, Integer, Numeric, String, TypeEngine

from llmobserve_server.store.blocks import RowBlock, RowChain
from llmobserve_server.store.protocol import Row
from llmobserve_server.store.tables import (
    contents,
    cost_versions,
    dead_letters,
    events,
    facts,
    losses,
    process_reports,
    receipts,
    reprice_log,
    scores,
    span_starts,
)

__all__ = ["arrow_schema", "to_arrow"]

# pyarrow is a compiled module without stubs.
pa: Any = pyarrow

_encode = msgspec.json.Encoder(decimal_format="string").encode


def _arrow_type(kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, ARRAY):
        return pa.list_(pa.string())
    if isinstance(kind, Double):
        return pa.float64()
    if isinstance(kind, Numeric):
        return pa.decimal128(kind.precision, kind.scale)
    if isinstance(kind, BigInteger):
        return pa.int64()
    if isinstance(kind, Integer):
        return pa.int32()
    if isinstance(kind, Boolean):
        return pa.bool_()
    if isinstance(kind, DateTime):
        return pa.timestamp("us")
    if isinstance(kind, (String, JSON)):
        return pa.string()
    raise TypeError(f"no Arrow type for {kind!r}")


def _plan(table: Table) -> tuple[tuple[str, Any, bool], ...]:
    return tuple((c.name, _arrow_type(c.type), isinstance(c.type, JSON)) for c in table.columns)


_PLANS = {
    table.name: _plan(table)
    for table in (
        *(events, span_starts, contents, scores, facts),
        *(dead_letters, receipts, losses, process_reports, reprice_log, cost_versions),
    )
}
_SCHEMAS = {name: pa.schema([(column, kind) for column, kind, _ in plan]) for name, plan in _PLANS.items()}
_BLANKS = {name: dict.fromkeys(schema.names) for name, schema in _SCHEMAS.items()}
_PICKS = {name: itemgetter(*schema.names) for name, schema in _SCHEMAS.items()}


def arrow_schema(table: str) -> Any:
    """The `pyarrow.Schema` of a table: its columns in order, JSON as text, decimals exact, times in microseconds."""
    return _SCHEMAS[table]


def to_arrow(table: str, rows: Sequence[Row]) -> object:
    """At least one row as an Arrow table with exactly the columns of `table`; absent keys become NULL.

    Raises ValueError, TypeError or OverflowError for a value that does not fit its column.
    """
    if isinstance(rows, RowBlock):
        return rows.arrow
    if isinstance(rows, RowChain):
        return pa.concat_tables([to_arrow(table, part) for part in rows.parts])
    blank, pick = _BLANKS[table], _PICKS[table]
    columns: Iterable[tuple[Any, ...]] = zip(*[pick({**blank, **row}) for row in rows], strict=True)
    arrays = [_array(values, kind, is_json) for values, (_, kind, is_json) in zip(columns, _PLANS[table], strict=True)]
    return pa.Table.from_arrays(arrays, schema=_SCHEMAS[table])


def _array(values: tuple[Any, ...], kind: Any, is_json: bool) -> Any:
    if values.count(None) == len(values):
        return pa.nulls(len(values), kind)
    if not is_json:
        return pa.array(values, kind)
    return pa.array([None if value is None else _encode(value) for value in values], pa.binary()).cast(pa.string())
