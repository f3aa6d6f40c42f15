"""Rows that are columns already, as ingest makes them of many records at once; rows still for whoever asks for them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, cast, overload

import msgspec
from sqlalchemy.types import JSON

from llmobserve_server.store.protocol import Key, Row
from llmobserve_server.store.tables import metadata

__all__ = ["RowBlock", "RowChain", "keys_of", "revisions_of", "values_of"]

_decode = msgspec.json.Decoder().decode


class RowBlock(Sequence[Row]):
    """Rows of one table as an Arrow table with all of its columns; all are of revision 0.

    Its rows are views: they cost nothing until a column is asked for, which is then made into Python values once.

    Args:
        table: name of the table.
        arrow: a `pyarrow.Table` of the schema of `store.arrow`.
        keys: the keys of its rows, in order.
    """

    def __init__(self, table: str, arrow: Any, keys: Sequence[Key]) -> None:
        self.table = table
        self.arrow = arrow
        self.keys = keys
        self._columns: dict[str, list[Any]] = {}

    def column(self, name: str) -> list[Any]:
        """Python values of a column, JSON decoded. Raises KeyError for a column that the table does not have."""
        values = self._columns.get(name)
        if values is None:
            column = metadata.tables[self.table].columns[name]
            values = cast("list[Any]", self.arrow[name].to_pylist())
            if isinstance(column.type, JSON):
                values = [None if text is None else _decode(text) for text in values]
            self._columns[name] = values
        return values

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> "RowBlock": ...
    def __getitem__(self, index: int | slice) -> "Row | RowBlock":
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError("a block is cut into runs of rows only")
            return RowBlock(self.table, self.arrow.slice(start, max(0, stop - start)), self.keys[index])
        return _RowView(self, range(len(self))[index])

    def __iter__(self) -> Iterator[Row]:
        return (_RowView(self, place) for place in range(len(self)))


class _RowView(Mapping[str, Any]):
    """One row of a block."""

    __slots__ = ("_block", "_place")

    def __init__(self, block: RowBlock, place: int) -> None:
        self._block = block
        self._place = place

    def __getitem__(self, name: str) -> Any:
        return self._block.column(name)[self._place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._block.arrow.column_names)

    def __len__(self) -> int:
        return self._block.arrow.num_columns


class RowChain(Sequence[Row]):
    """Several sequences of rows as one."""

    def __init__(self, parts: Sequence[Sequence[Row]]) -> None:
        self.parts = [part for part in parts if part]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        place = range(len(self))[index]
        for part in self.parts:
            if place < len(part):
                return part[place]
            place -= len(part)
        raise IndexError(index)

    def __iter__(self) -> Iterator[Row]:
        return chain.from_iterable(self.parts)


def keys_of(rows: Sequence[Row]) -> Sequence[Key]:
    """The keys of rows, in order."""
    if isinstance(rows, RowBlock):
        return rows.keys
    if isinstance(rows, RowChain):
        return [key for part in rows.parts for key in keys_of(part)]
    return [(row["project_id"], row["event_id"]) for row in rows]


def revisions_of(rows: Sequence[Row]) -> Sequence[int]:
    """The revisions of rows, in order."""
    if isinstance(rows, RowBlock):
        return [0] * len(rows)
    if isinstance(rows, RowChain):
        return [revision for part in rows.parts for revision in revisions_of(part)]
    return [row.get("revision") or 0 for row in rows]


def values_of(rows: Sequence[Row], name: str) -> Sequence[Any]:
    """The values of a column of rows, in order; `None` where a row does not have it."""
    if isinstance(rows, RowBlock):
        return rows.column(name)
    if isinstance(rows, RowChain):
        return [value for part in rows.parts for value in values_of(part, name)]
    return [row.get(name) for row in rows]
