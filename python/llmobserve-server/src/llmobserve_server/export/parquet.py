"""Parquet files, one row group a page, written to whoever takes the bytes."""

import io
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow
import pyarrow.parquet

from llmobserve_server.export.columns import Column, Record

__all__ = ["ParquetWriter"]

# pyarrow is a compiled module without stubs.
pa: Any = pyarrow
pq: Any = pyarrow.parquet

_encode = msgspec.json.Encoder(decimal_format="string").encode
_TYPES = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
    "money": pa.decimal128(27, 12),
    "json": pa.string(),
}


class _Taken(io.RawIOBase):
    """A file that forgets what was taken from it; only its length stays."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._length

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._length += len(part)
        return len(part)

    def take(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


class ParquetWriter:
    """`formats.Writer` of a Parquet file: money is DECIMAL(27, 12), times are UTC, documents are JSON text."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._schema = pa.schema([(column.name, _TYPES[column.kind]) for column in columns])
        self._file = _Taken()
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")

    def write(self, records: Sequence[Record]) -> bytes:
        """The next row group."""
        if records:
            arrays = [pa.array([_value(r.get(c.name), c.kind) for r in records], _TYPES[c.kind]) for c in self._columns]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        return self._file.take()

    def end(self) -> bytes:
        """The footer, without which the file cannot be read."""
        self._writer.close()
        return self._file.take()


def _value(value: Any, kind: str) -> Any:
    if kind == "json" and value is not None and not isinstance(value, str):
        return _encode(value).decode()
    return value
