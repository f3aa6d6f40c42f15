"""Rows into a table by COPY: Arrow writes the text, so that no value passes through Python twice."""

import io
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow
import pyarrow.csv
from psycopg import Connection

from llmobserve_server.store.arrow import to_arrow
from llmobserve_server.store.protocol import Row

__all__ = ["copy_text", "csv_of", "csv_of_arrow", "stage"]

# pyarrow is a compiled module without stubs.
pa: Any = pyarrow
_CSV: Any = pyarrow.csv
_OPTIONS = _CSV.WriteOptions(include_header=False)
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"'})


def csv_of(table: str, rows: Sequence[Row]) -> bytes:
    """At least one row as CSV with the columns of `table`: NULL is nothing, an empty text is a pair of quotes.

    Raises ValueError, TypeError or OverflowError for a value that does not fit its column.
    """
    return csv_of_arrow(to_arrow(table, rows))


def csv_of_arrow(rows: Any) -> bytes:
    """The same of an Arrow table."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_list(field.type):
            arrays = pa.array([_array_text(value) for value in rows.column(index).to_pylist()], pa.string())
            rows = rows.set_column(index, field.name, arrays)
    out = io.BytesIO()
    _CSV.write_csv(rows, out, _OPTIONS)
    return out.getvalue()


def copy_text(connection: Connection[Any], target: str, columns: Iterable[str], text: bytes) -> None:
    """Add CSV rows with these columns to a table. Raises psycopg.Error."""
    statement = f"COPY {target} ({', '.join(columns)}) FROM STDIN (FORMAT csv)"
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.write(text)


def stage(connection: Connection[Any], table: str, columns: Sequence[str], text: bytes) -> str:
    """A table of this transaction alone with CSV rows, its columns as those of `table`; returns its name."""
    name = f"incoming_{table}"
    connection.execute(f"CREATE TEMP TABLE {name} ON COMMIT DROP AS SELECT * FROM {table} WITH NO DATA".encode())
    copy_text(connection, name, columns, text)
    connection.execute(f"ANALYZE {name}".encode())
    return name


def _array_text(values: Sequence[str | None] | None) -> str | None:
    if values is None:
        return None
    quoted = ("NULL" if value is None else f'"{value.translate(_ESCAPES)}"' for value in values)
    return f"{{{','.join(quoted)}}}"
