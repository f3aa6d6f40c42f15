"""Where a copy comes from: slices of about equal size, read one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import func, select

from llmobserve_server.store.constructs import Bucket, time_bucket
from llmobserve_server.store.copying.figures import Selection, TableSums, limited, sums_of
from llmobserve_server.store.protocol import Slice, Store
from llmobserve_server.store.tables import TIME_COLUMNS, metadata

__all__ = ["SLICE_ROWS", "Piece", "Source", "StoreSource"]

SLICE_ROWS = 50_000
_LENGTHS: tuple[tuple[Bucket, timedelta], ...] = (
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A slice that has both times, and how many rows it has."""

    where: Slice
    rows: int


class Source(Protocol):
    """Rows of all tables, limited to what was asked for."""

    def pieces(self, table: str) -> list[Piece]:
        """What to read, in the order of time; together all rows of the table. Raises StoreError."""
        ...

    def read(self, piece: Piece) -> Iterator[Any]:
        """Arrow tables of the rows of a piece, as `Store.read_rows` gives them. Raises StoreError."""
        ...

    def sums(self, table: str) -> TableSums:
        """Figures of all rows of the table. Raises StoreError."""
        ...

    def sums_of(self, piece: Piece) -> TableSums | None:
        """Figures of a piece; `None` where they are not known without reading it. Raises StoreError."""
        ...


class StoreSource:
    """An open store as a source.

    Args:
        store: what to read.
        chosen: what of each table; its `table` does not count.
        slice_rows: rows of one piece, unless more are of one minute.
    """

    def __init__(self, store: Store, chosen: Slice | None = None, *, slice_rows: int = SLICE_ROWS) -> None:
        self._store = store
        self._chosen = chosen or Slice("")
        self._slice_rows = slice_rows

    def pieces(self, table: str) -> list[Piece]:
        """See `Source`."""
        whole = replace(self._chosen, table=table)
        return _joined(self._cut(whole, 0), self._slice_rows)

    def read(self, piece: Piece) -> Iterator[Any]:
        """See `Source`."""
        return self._store.read_rows(piece.where)

    def sums(self, table: str) -> TableSums:
        """See `Source`."""
        return sums_of(self._store, replace(self._chosen, table=table))

    def sums_of(self, piece: Piece) -> TableSums | None:
        """See `Source`."""
        return sums_of(self._store, piece.where)

    def _cut(self, whole: Slice, level: int) -> list[Piece]:
        """By day; a day that is too large by hour, an hour by minute."""
        bucket, length = _LENGTHS[level]
        pieces: list[Piece] = []
        for start, rows in self._counts(whole, bucket):
            inside = replace(
                whole,
                time_from=start if whole.time_from is None else max(start, whole.time_from),
                time_to=start + length if whole.time_to is None else min(start + length, whole.time_to),
            )
            if rows > self._slice_rows and level + 1 < len(_LENGTHS):
                pieces += self._cut(inside, level + 1)
            else:
                pieces.append(Piece(inside, rows))
        return pieces

    def _counts(self, whole: Slice, bucket: Bucket) -> list[tuple[datetime, int]]:
        table = metadata.tables[whole.table]
        start = time_bucket(table.c[TIME_COLUMNS[whole.table]], bucket).label("bucket_start")
        counted: Selection = select(start, func.count().label("row_count")).group_by(start).order_by(start)
        return [(row["bucket_start"], int(row["row_count"])) for row in self._store.fetch(limited(counted, whole))]


def _joined(pieces: list[Piece], most_rows: int) -> list[Piece]:
    """Neighbours that together are not too large, as one."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and joined[-1].rows + piece.rows <= most_rows:
            before = joined[-1]
            joined[-1] = Piece(replace(before.where, time_to=piece.where.time_to), before.rows + piece.rows)
        else:
            joined.append(piece)
    return joined
