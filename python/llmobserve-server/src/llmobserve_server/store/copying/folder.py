"""A folder of Parquet files, one folder a table: what `llmobserve db export` writes and `import` reads.

`export.json` beside the folders says of which version it is, what was asked for, and the figures of each table. It is
written last: a folder without it is not complete, and may be written again.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from llmobserve_server.errors import StoreError
from llmobserve_server.store.arrow import arrow_schema
from llmobserve_server.store.copying.copy import Progress, unheard
from llmobserve_server.store.copying.figures import TableSums
from llmobserve_server.store.copying.source import Piece, Source
from llmobserve_server.store.protocol import Slice
from llmobserve_server.store.tables import TIME_COLUMNS

__all__ = ["EXPORT_VERSION", "FolderExport", "FolderSource"]

EXPORT_VERSION = 1
"""Goes up when a column changes its meaning or goes away; columns that are added leave it as it is."""
_ABOUT = "export.json"
_PART = ".part"
_COMPRESSION_LEVEL = 3

# pyarrow is a compiled module without stubs.
pa: Any = pyarrow
parquet: Any = pyarrow.parquet


class FolderExport:
    """Writes a folder."""

    def __init__(self, folder: Path, chosen: Slice) -> None:
        """Raises StoreError when the folder holds something else."""
        self._folder = folder
        self._asked = {
            "project": chosen.project_id,
            "from": None if chosen.time_from is None else chosen.time_from.isoformat(),
            "to": None if chosen.time_to is None else chosen.time_to.isoformat(),
        }
        if folder.exists() and any(entry.name not in TIME_COLUMNS for entry in folder.iterdir()):
            raise StoreError(f"{folder} is not empty. An export needs a folder of its own.")

    def write(self, source: Source, progress: Progress = unheard) -> dict[str, TableSums]:
        """Write all tables of the source; their figures. Raises StoreError."""
        try:
            figures = {table: self._write_table(source, table, progress) for table in TIME_COLUMNS}
            about = {
                "format": "llmobserve-export",
                "version": EXPORT_VERSION,
                "written_by": f"llmobserve-server {version('llmobserve-server')}",
                **self._asked,
                "tables": {table: sums.as_json() for table, sums in figures.items()},
            }
            part = self._folder / f"{_ABOUT}{_PART}"
            part.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
            part.replace(self._folder / _ABOUT)
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"The export cannot be written: {error}") from error
        return figures

    def _write_table(self, source: Source, table: str, progress: Progress) -> TableSums:
        folder = self._folder / table
        folder.mkdir(parents=True, exist_ok=True)
        pieces = source.pieces(table)
        total, done = sum(piece.rows for piece in pieces), 0
        for left in folder.iterdir():
            left.unlink()
        for piece in pieces:
            done += _write_file(folder / _name(piece), table, source.read(piece))
            progress(table, done, total)
        figures = source.sums(table)
        if figures.rows != done:
            raise StoreError(f"{table} has changed while it was written. Give a time (--to) that is over.")
        return figures


class FolderSource:
    """Reads such a folder. `chosen` is what was exported of each table; its `table` does not count."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError when it is none, is not complete, or was written by a newer version."""
        self._folder = folder
        try:
            about: dict[str, Any] = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
            written = int(about["version"])
            self.chosen = Slice("", _given(about["from"]), _given(about["to"]), about["project"])
            self._sums = {table: TableSums.of_json(sums) for table, sums in about["tables"].items()}
        except FileNotFoundError:
            raise StoreError(f"{folder} holds no complete export: it has no {_ABOUT}.") from None
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise StoreError(f"{folder / _ABOUT} cannot be read: {error!r}") from error
        unknown = self._sums.keys() - TIME_COLUMNS.keys()
        if written > EXPORT_VERSION or unknown:
            raise StoreError(
                f"{folder} was written by a newer version ({about.get('written_by')}). Upgrade llmobserve-server."
            )

    def pieces(self, table: str) -> list[Piece]:
        """One a file. Raises StoreError when files are missing or have other rows than was said."""
        if table not in self._sums:
            return []
        pieces = [self._piece(table, file) for file in sorted((self._folder / table).glob("*.parquet"))]
        rows = sum(piece.rows for piece in pieces)
        if rows != self._sums[table].rows:
            raise StoreError(f"{self._folder / table} has {rows:,} rows, but {_ABOUT} says {self._sums[table].rows:,}.")
        return pieces

    def read(self, piece: Piece) -> Iterator[Any]:
        """The row groups of a file. Raises StoreError."""
        table, schema = piece.where.table, arrow_schema(piece.where.table)
        try:
            with parquet.ParquetFile(self._folder / table / _name(piece)) as file:
                unknown = set(file.schema_arrow.names) - set(schema.names)
                if unknown:
                    raise StoreError(f"{table} of the export has columns that this version does not know: {unknown}")
                for number in range(file.num_row_groups):
                    yield _as_now(file.read_row_group(number), schema)
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"The export cannot be read: {error}") from error

    def sums(self, table: str) -> TableSums:
        """As they were said when it was written."""
        return self._sums.get(table, TableSums(0, {}, {}, None, None))

    def sums_of(self, piece: Piece) -> TableSums | None:
        """Not known."""
        return None

    def _piece(self, table: str, file: Path) -> Piece:
        try:
            start, _, end = file.stem.partition("_")
            where = Slice(table, _time(start), _time(end), self.chosen.project_id)
            return Piece(where, parquet.read_metadata(file).num_rows)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise StoreError(f"{file} is no part of an export: {error}") from error


def _write_file(file: Path, table: str, parts: Iterator[Any]) -> int:
    """Write a file; its rows."""
    rows = 0
    with parquet.ParquetWriter(
        file, arrow_schema(table), compression="zstd", compression_level=_COMPRESSION_LEVEL
    ) as writer:
        for part in parts:
            writer.write_table(part)
            rows += part.num_rows
    return rows


def _as_now(part: Any, schema: Any) -> Any:
    """With the columns of now; those that were not there yet are empty."""
    columns = [
        part.column(name).cast(kind) if name in part.column_names else pa.nulls(part.num_rows, kind)
        for name, kind in zip(schema.names, schema.types, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _name(piece: Piece) -> str:
    start, end = piece.where.time_from, piece.where.time_to
    if start is None or end is None:
        raise ValueError("a piece has both times")
    return f"{_text(start)}_{_text(end)}.parquet"


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H%M%S.%f")


def _given(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _time(text: str) -> datetime:
    # Naive UTC, as the tables hold it.
    return datetime.strptime(f"{text}+0000", "%Y-%m-%dT%H%M%S.%f%z").replace(tzinfo=None)
