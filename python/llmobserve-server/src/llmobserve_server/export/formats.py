"""From records to the bytes of a file, part by part, so that a file of any size takes little memory."""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol, get_args

import msgspec

from llmobserve_server.export.columns import Column, Record

__all__ = ["FORMATS", "MEDIA_TYPES", "FileFormat", "Writer", "new_writer"]

FileFormat = Literal["csv", "json", "jsonl", "parquet"]
FORMATS: tuple[str, ...] = get_args(FileFormat)
MEDIA_TYPES: dict[FileFormat, str] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}
_encode = msgspec.json.Encoder(decimal_format="string").encode


class Writer(Protocol):
    """One file in the making. Each method returns the bytes that come next."""

    def write(self, records: Sequence[Record]) -> bytes:
        """The next records."""
        ...

    def end(self) -> bytes:
        """What comes after the last record."""
        ...


def new_writer(file_format: FileFormat, columns: Sequence[Column]) -> Writer:
    """A writer of a new file with these columns."""
    match file_format:
        case "csv":
            return _Csv(columns)
        case "json":
            return _Json(columns, "[\n", ",\n", "\n]\n")
        case "jsonl":
            return _Json(columns, "", "\n", "\n")
        case "parquet":
            from llmobserve_server.export.parquet import ParquetWriter

            return ParquetWriter(columns)


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
"""First characters that make a spreadsheet take a text for a formula, full-width forms included (OWASP ASVS 5.0,
1.2.10; CSV Injection page, 2026-11)."""


class _Csv:
    """RFC 4180 with a header line. A text that would be a formula is led by an apostrophe; numbers are left alone."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = [(column.name, _CSV_TEXT[column.kind]) for column in columns]
        self._begun = False

    def write(self, records: Sequence[Record]) -> bytes:
        buffer = io.StringIO(newline="")
        lines = csv.writer(buffer, lineterminator="\r\n")
        if not self._begun:
            self._begun = True
            lines.writerow(name for name, _ in self._columns)
        for record in records:
            lines.writerow("" if (value := record.get(name)) is None else text(value) for name, text in self._columns)
        return buffer.getvalue().encode()

    def end(self) -> bytes:
        return b"" if self._begun else self.write(())


def _safe(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _time_text(value: datetime) -> str:
    return value.isoformat(timespec="microseconds") + "Z"


def _money_text(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _flag_text(value: object) -> str:
    return "true" if value else "false"


def _document_text(value: object) -> str:
    return _safe(value) if isinstance(value, str) else _encode(value).decode()


_CSV_TEXT: dict[str, Callable[[Any], str]] = {
    "text": _safe,
    "integer": str,
    "number": repr,
    "flag": _flag_text,
    "time": _time_text,
    "money": _money_text,
    "json": _document_text,
}


class _Json:
    """Objects with all columns; money as decimal strings, times in UTC."""

    def __init__(self, columns: Sequence[Column], begin: str, between: str, end: str) -> None:
        self._columns = columns
        self._before = begin.encode()
        self._begin, self._between, self._end = begin.encode(), between.encode(), end.encode()
        self._begun = False

    def write(self, records: Sequence[Record]) -> bytes:
        parts: list[bytes] = []
        for record in records:
            parts += (self._before, _encode({c.name: _plain(record.get(c.name), c.kind) for c in self._columns}))
            self._before, self._begun = self._between, True
        return b"".join(parts)

    def end(self) -> bytes:
        if self._begun:
            return self._end
        return self._begin + self._end if self._begin else b""


def _plain(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "time":
        return _time_text(value)
    if kind == "money":
        return _money_text(value)
    return value
