"""What two copies of a table must agree in: rows, values that are set, exact sums, first and last time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Unpack

from sqlalchemy import ColumnElement, Select, cast, func, select
from sqlalchemy.types import ARRAY, Double, Integer, Numeric

from llmobserve_server.store.protocol import Slice, Store
from llmobserve_server.store.tables import TIME_COLUMNS, metadata

__all__ = ["Selection", "TableSums", "differences", "limited", "sums_of"]

Selection = Select[Unpack[tuple[Any, ...]]]
"""A select of any columns."""


@dataclass(frozen=True, slots=True)
class TableSums:
    """Figures of the rows of one table."""

    rows: int
    filled: Mapping[str, int]
    """By column, rows that have a value there; without lists, which some engines cannot leave empty."""
    sums: Mapping[str, Decimal]
    """By column of whole or decimal numbers, the exact sum; without columns that have no value."""
    first: datetime | None
    """Earliest time, naive UTC; `None` without rows."""
    last: datetime | None

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {
            "rows": self.rows,
            "filled": dict(self.filled),
            "sums": {name: f"{value:f}" for name, value in self.sums.items()},
            "first": None if self.first is None else self.first.isoformat(),
            "last": None if self.last is None else self.last.isoformat(),
        }

    @staticmethod
    def of_json(written: Mapping[str, Any]) -> "TableSums":
        """From such a file. Raises KeyError, ValueError or ArithmeticError for anything else."""
        first, last = written["first"], written["last"]
        return TableSums(
            rows=int(written["rows"]),
            filled={name: int(count) for name, count in written["filled"].items()},
            sums={name: Decimal(value) for name, value in written["sums"].items()},
            first=None if first is None else datetime.fromisoformat(first),
            last=None if last is None else datetime.fromisoformat(last),
        )


def sums_of(store: Store, chosen: Slice) -> TableSums:
    """Figures of the rows that a store has in a slice. Raises StoreError."""
    table = metadata.tables[chosen.table]
    time = table.c[TIME_COLUMNS[chosen.table]]
    # Labels that no column has: ClickHouse would take an alias for the column of its name.
    asked: list[ColumnElement[Any]] = [
        func.count().label("row_count"),
        func.min(time).label("first_time"),
        func.max(time).label("last_time"),
    ]
    for column in table.columns:
        kind: Any = column.type
        if not isinstance(kind, ARRAY):
            asked.append(func.count(column).label(f"filled_{column.name}"))
        if isinstance(kind, Integer | Numeric) and not isinstance(kind, Double):
            scale = kind.scale if isinstance(kind, Numeric) else 0
            asked.append(func.sum(cast(column, Numeric(38, scale))).label(f"sum_{column.name}"))
    (row,) = store.fetch(limited(select(*asked).select_from(table), chosen))
    rows = int(row["row_count"])
    return TableSums(
        rows=rows,
        filled={name.removeprefix("filled_"): int(value) for name, value in row.items() if name.startswith("filled_")},
        sums={
            name.removeprefix("sum_"): Decimal(value)
            for name, value in row.items()
            # An engine may give 0 for the sum of nothing.
            if name.startswith("sum_") and value is not None and row[f"filled_{name.removeprefix('sum_')}"]
        },
        first=row["first_time"] if rows else None,
        last=row["last_time"] if rows else None,
    )


def differences(ours: TableSums, theirs: TableSums) -> list[str]:
    """In what two tables do not agree, as sentences; empty when they do. Columns that `ours` has not do not count."""
    found: list[str] = []
    if ours.rows != theirs.rows:
        found.append(f"{ours.rows:,} rows and {theirs.rows:,}")
    found += [
        f"{name} is set in {ours.filled[name]:,} rows and in {theirs.filled.get(name, 0):,}"
        for name in ours.filled
        if ours.filled[name] != theirs.filled.get(name, 0)
    ]
    found += [
        f"the sum of {name} is {ours.sums.get(name, Decimal(0)):f} and {theirs.sums.get(name, Decimal(0)):f}"
        for name in ours.filled
        if ours.sums.get(name, Decimal(0)) != theirs.sums.get(name, Decimal(0))
    ]
    if (ours.first, ours.last) != (theirs.first, theirs.last):
        found.append(f"the times are from {ours.first} to {ours.last} and from {theirs.first} to {theirs.last}")
    return found


def limited(statement: Selection, chosen: Slice) -> Selection:
    """The statement, about the rows of the slice only."""
    table = metadata.tables[chosen.table]
    time = table.c[TIME_COLUMNS[chosen.table]]
    if chosen.time_from is not None:
        statement = statement.where(time >= chosen.time_from)
    if chosen.time_to is not None:
        statement = statement.where(time < chosen.time_to)
    if chosen.project_id is not None:
        statement = statement.where(table.c.project_id == chosen.project_id)
    return statement
