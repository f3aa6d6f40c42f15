"""How many rows each table and project has, from when to when, and about how many bytes they take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from llmobserve_server.store.protocol import Store
from llmobserve_server.store.tables import TIME_COLUMNS, metadata

__all__ = ["ProjectRows", "TableFigures", "rows_before", "table_figures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRows:
    """The rows of one project in a table."""

    project_id: str
    rows: int
    bytes: int | None
    """Its share of the table's, by the number of rows; `None` when the engine cannot tell."""
    oldest: datetime
    """Naive UTC."""
    newest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFigures:
    """One table."""

    table: str
    rows: int
    bytes: int | None
    projects: Sequence[ProjectRows]
    """Those that have rows, the largest first."""


def table_figures(store: Store, table_bytes: Mapping[str, int], project_id: str | None = None) -> list[TableFigures]:
    """Figures of all tables, of one project or of all. Raises StoreError.

    `table_bytes`: as `Store.sizes` gives them.
    """
    return [_figures(store, table, table_bytes.get(table), project_id) for table in TIME_COLUMNS]


def _figures(store: Store, name: str, size: int | None, project_id: str | None) -> TableFigures:
    table = metadata.tables[name]
    time = table.c[TIME_COLUMNS[name]]
    counted = select(
        table.c.project_id,
        func.count().label("row_count"),
        func.min(time).label("oldest"),
        func.max(time).label("newest"),
    ).group_by(table.c.project_id)
    found = store.fetch(counted)
    total = sum(row["row_count"] for row in found)
    projects = [
        ProjectRows(
            project_id=row["project_id"],
            rows=row["row_count"],
            bytes=None if size is None else size * row["row_count"] // total,
            oldest=row["oldest"],
            newest=row["newest"],
        )
        for row in found
        if project_id in (None, row["project_id"])
    ]
    projects.sort(key=lambda project: (-project.rows, project.project_id))
    if project_id is None:
        return TableFigures(table=name, rows=total, bytes=size, projects=projects)
    own = projects[0] if projects else None
    rows, own_bytes = (0, None if size is None else 0) if own is None else (own.rows, own.bytes)
    return TableFigures(table=name, rows=rows, bytes=own_bytes, projects=projects)


def rows_before(store: Store, tables: Sequence[str], before: datetime, project_id: str | None = None) -> int:
    """How many rows of these tables are from before a time. Raises StoreError."""
    count = 0
    for name in tables:
        table = metadata.tables[name]
        old = select(func.count().label("row_count")).where(table.c[TIME_COLUMNS[name]] < before)
        if project_id is not None:
            old = old.where(table.c.project_id == project_id)
        count += store.fetch(old)[0]["row_count"]
    return count
