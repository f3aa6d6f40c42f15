"""A folder of Parquet files: `parquet:DIR` writes `DIR/YYYY-MM-DD/events_*.parquet`, by the day of the start in UTC.

A file appears whole or not at all: it is written elsewhere and renamed. Its name comes from the events in it, so that a
batch that is written again, after a kill or a failure, takes the place of the same file.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from llmobserve.backends.base import BackendError, EventRefused, StorageBackend
from llmobserve.backends.columns import COLUMNS, CONTENT_COLUMNS, SCHEMA_VERSION, Column, ColumnType
from llmobserve.wire import now_us

__all__ = ["ParquetBackend"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_GATHER_S = 60.0
_LONGEST_GATHER_S = 3600.0
_LEFT_S = 3600.0
"""After that a draft is one that a killed process has left."""


class ParquetBackend(StorageBackend):
    """Writes each batch as one file a day."""

    def __init__(self, address: str) -> None:
        """`parquet:DIR` or `parquet:DIR?gather_s=SECONDS`."""
        self._folder, self.gather_s = _parsed(address)
        try:
            import pyarrow
            import pyarrow.compute
            import pyarrow.parquet
        except ImportError as error:
            raise ImportError(f"pip install 'llmobserve[parquet]' ({error})") from None
        self._drafts = self._folder
        self._arrow: Any = pyarrow
        compute: Any = pyarrow.compute  # `Array.cast` would load it later, in the thread of the sender
        self._cast: Any = compute.cast
        self._parquet: Any = pyarrow.parquet
        fields: list[Any] = [
            self._arrow.field(column.name, _arrow_type(self._arrow, column.type)) for column in COLUMNS
        ]
        self._schema: Any = self._arrow.schema(fields, metadata={"llmobserve.schema": str(SCHEMA_VERSION)})

    def initialize(self) -> None:
        """Make the folder, and remove drafts that killed processes have left in it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._drafts = _drafts_of(self._folder)
            for draft in self._drafts.iterdir():
                with suppress(FileNotFoundError):
                    if now_us() / 1_000_000 - draft.stat().st_mtime > _LEFT_S:
                        draft.unlink()
        except OSError as error:
            raise BackendError(_said(error)) from None

    def write_batch(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Write the events that have ended. A span that is announced has no row: its end has one."""
        days: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for event in _newest(events):
            if event["status"] != "running":
                days[event["start_time"].date().isoformat()].append(event)
        # All are made before the first is written: where one is refused, none of the batch is there.
        files = [(day, _name(of_day), self._file(of_day)) for day, of_day in days.items()]
        try:
            for day, name, data in files:
                self._put(day, name, data)
        except OSError as error:
            raise BackendError(_said(error)) from None

    def _file(self, events: Sequence[Mapping[str, Any]]) -> bytes:
        arrow = self._arrow
        buffer = arrow.BufferOutputStream()
        try:
            columns = [
                self._array(column, [event[column.name] for event in events], self._schema.field(column.name).type)
                for column in COLUMNS
            ]
            table = arrow.Table.from_arrays(columns, schema=self._schema)
            self._parquet.write_table(table, buffer, compression="zstd")
        except (arrow.ArrowInvalid, arrow.ArrowTypeError, UnicodeError) as error:
            raise EventRefused(str(error)) from None
        return buffer.getvalue().to_pybytes()

    def _array(self, column: Column, values: list[Any], kind: Any) -> Any:
        """A column, by way of text: `pyarrow.array` imports pandas where it is installed, which takes a second.

        Seen in pyarrow 26.0.1, November 2026.
        """
        if column.type != "texts":
            texts = self._texts(None if value is None else _text(value) for value in values)
            return self._cast(self._cast(texts, self._arrow.int64()) if column.type == "time" else texts, kind)
        starts: list[str | None] = []
        words: list[str] = []
        for value in values:
            starts.append(None if value is None else str(len(words)))
            words += value or ()
        offsets = self._cast(self._texts([*starts, str(len(words))]), self._arrow.int32())
        return self._arrow.ListArray.from_arrays(offsets, self._texts(words))

    def _texts(self, values: Iterable[str | None]) -> Any:
        builder = self._arrow.lib.StringBuilder()
        for value in values:
            builder.append(value)
        return builder.finish()

    def _put(self, day: str, name: str, data: bytes) -> None:
        """Raises OSError."""
        place = self._folder / day
        place.mkdir(exist_ok=True)
        draft = self._drafts / f"{name}.{os.getpid()}.tmp"
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(place / name)
        _sync(place)


def _newest(events: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Of several revisions in one batch the last one."""
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for event in events:
        key = event["event_id"], event["type"]
        known = newest.get(key, event)
        later, earlier = (event, known) if event["revision"] >= known["revision"] else (known, event)
        said = {name: earlier[name] for name in CONTENT_COLUMNS if later[name] is None}
        newest[key] = {**later, **said}
    return newest.values()


def _parsed(address: str) -> tuple[Path, float]:
    expected = f"parquet:DIR, a folder of this machine; with ?gather_s=SECONDS from 0 to {_LONGEST_GATHER_S:.0f}"
    text = address.partition(":")[2]
    text, mark, query = text.partition("?")
    text = text.removeprefix("//")
    if not text or "://" in text:
        raise ValueError(expected)
    gather_s = _GATHER_S
    if mark:
        settings = dict(parse_qsl(query, keep_blank_values=True))
        try:
            gather_s = float(settings.pop("gather_s"))
        except (KeyError, ValueError):
            raise ValueError(expected) from None
        if settings or not 0 <= gather_s <= _LONGEST_GATHER_S:
            raise ValueError(expected)
    return Path(text), gather_s


def _drafts_of(folder: Path) -> Path:
    """A place for drafts from which a file can be renamed into the folder. Raises OSError.

    Beside the folder, or inside where that cannot be: polars reads folders with all that is hidden in them.
    """
    beside = folder.with_name(f".{folder.name}.writing")
    with suppress(OSError):
        beside.mkdir(exist_ok=True)
        if beside.stat().st_dev == folder.stat().st_dev and os.access(beside, os.W_OK | os.X_OK):
            return beside
    inside = folder / ".writing"
    inside.mkdir(exist_ok=True)
    return inside


def _arrow_type(arrow: Any, kind: ColumnType) -> Any:
    # Times without a zone: DuckDB turns those with one into Python only where pytz is installed (2.0, November 2026),
    # and takes their dates in the zone of the reader.
    return {
        "text": arrow.string(),
        "texts": arrow.list_(arrow.string()),
        "json": arrow.string(),
        "integer": arrow.int32(),
        "bigint": arrow.int64(),
        "double": arrow.float64(),
        "boolean": arrow.bool_(),
        "time": arrow.timestamp("us"),
        "usd": arrow.decimal128(18, 12),
        "decimal": arrow.decimal128(28, 12),
    }[kind]


def _text(value: Any) -> str:
    """As Arrow reads it again, exactly."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return str((value - _EPOCH) // timedelta(microseconds=1))
    return f"{value:f}" if isinstance(value, Decimal) else repr(value)


def _name(events: Sequence[Mapping[str, Any]]) -> str:
    """The same for the same events, in whichever process."""
    ids = sorted(f"{event['type']} {event['event_id']} {event['revision']}" for event in events)
    return f"events_{hashlib.sha256(chr(10).join(ids).encode()).hexdigest()[:32]}.parquet"


def _sync(folder: Path) -> None:
    """Have the new name on disk too, where the system can: the spool forgets the events after that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _said(error: OSError) -> str:
    return f"{error.filename or 'the folder'} cannot be written: {error.strerror or error}"
