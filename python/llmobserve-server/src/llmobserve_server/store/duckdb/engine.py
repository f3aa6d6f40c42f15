"""The DuckDB store: one read-write connection, one writer at a time, a pool of reader cursors."""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb
from sqlalchemy import Executable

from llmobserve_server.errors import StoreError, UnstorableRows
from llmobserve_server.store.duckdb.connection import open_database, open_to_look
from llmobserve_server.store.duckdb.dialect import compile_statement
from llmobserve_server.store.duckdb.migrate import migrate, pending
from llmobserve_server.store.protocol import CostBatch, Row, Slice, StoreSizes, WriteBatch, WriteResult

__all__ = ["DuckDBStore"]

T = TypeVar("T")

_FORGET_EVERY_S = 3600.0
_FORKED = "The store was opened by the parent of this process; a fork must not use it."
_UNSTORABLE = (
    duckdb.DataError,
    duckdb.IntegrityError,
    duckdb.InvalidInputException,
    ValueError,
    TypeError,
    OverflowError,
)


class DuckDBStore:
    """Events in one DuckDB file, owned by this process alone.

    Args:
        path: the file; created with its directory on `initialize`.
        memory_limit_bytes: see `open_database`.
        threads: see `open_database`.
        disk_reserve_bytes: writing stops with StoreError when less is free on the disk, so that the file can still
            be opened, read and compacted.
    """

    name = "duckdb"
    is_embedded = True
    _directory: Path | None = None
    """Of further files that statements may read and write."""

    def __init__(
        self,
        path: Path,
        *,
        memory_limit_bytes: int | None = None,
        threads: int | None = None,
        disk_reserve_bytes: int = 0,
    ) -> None:
        self._path = path
        self._memory_limit_bytes = memory_limit_bytes
        self._threads = threads
        self._disk_reserve_bytes = disk_reserve_bytes
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._write_lock = threading.Lock()
        self._pool_lock = threading.Lock()
        self._idle_readers: list[duckdb.DuckDBPyConnection] = []
        self._generation = 0
        self._owner_pid = 0
        self._dirty = False
        self._forgot_s: float | None = None

    def pending_migrations(self) -> list[str]:
        """Names of the migrations that `initialize` would apply. Raises StoreError."""
        connection = open_to_look(self._path)
        try:
            return pending(connection, str(self._path))
        finally:
            if connection is not None:
                connection.close()

    def initialize(self) -> None:
        """Open the file, creating or migrating it. Raises StoreError with the remedy in its message."""
        with self._write_lock:
            if self._connection is None:
                self._open()

    def _open(self) -> duckdb.DuckDBPyConnection:
        connection = open_database(
            self._path,
            memory_limit_bytes=self._memory_limit_bytes,
            threads=self._threads,
            directory=self._directory,
        )
        try:
            migrate(connection, str(self._path))
            self._prepare(connection)
        except duckdb.Error as error:
            connection.close()
            raise StoreError(f"Cannot prepare the store {self._path}: {error}") from error
        except StoreError:
            connection.close()
            raise
        self._connection = connection
        self._owner_pid = os.getpid()
        return connection

    def _prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """What else is to be done at an opening. Raises duckdb.Error or StoreError."""

    def write(self, batch: WriteBatch) -> WriteResult:
        """Store a batch in one durable transaction; ids that exist are ignored. Blocks; call from the writer thread.

        Raises StoreError when nothing was stored.
        """
        # Imported by the first write, because pyarrow takes a fifth of a second that a start need not wait for.
        from llmobserve_server.store.duckdb.writer import write_batch

        return self._transact(lambda connection: write_batch(connection, batch))

    def replace_costs(self, batch: CostBatch) -> bool:
        """Give calls a new cost in one durable transaction, the old one kept in `cost_versions`. Blocks.

        False, and nothing is stored, when a call has another revision than the one that was read. Raises StoreError
        when nothing was stored.
        """
        from llmobserve_server.store.duckdb.costs import replace_costs

        return self._transact(lambda connection: replace_costs(connection, batch))

    def _transact(self, work: Callable[[duckdb.DuckDBPyConnection], T], *, below_reserve: bool = False) -> T:
        with self._write_lock:
            connection = self._writer()
            if not below_reserve:
                self._check_disk()
            try:
                result = work(connection)
            except duckdb.FatalException as error:
                self._discard()
                raise StoreError(f"The store failed and is opened again at the next write: {error}") from error
            except _UNSTORABLE as error:
                raise UnstorableRows(f"A row does not fit the store: {error}") from error
            except (duckdb.Error, OSError, MemoryError) as error:
                raise StoreError(f"The store did not take the batch: {error}") from error
            self._dirty = True
            return result

    def fetch(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Rows of a SQLAlchemy Core select. Blocks; call from a reader thread.

        Raises StoreError when the statement fails, and sqlalchemy.exc.CompileError when it cannot be DuckDB SQL.
        """
        compiled = compile_statement(statement, parameters)
        with self._reader() as cursor:
            try:
                found = cursor.execute(compiled.sql, compiled.parameters).fetchall()
                described = cursor.description or []
            except duckdb.Error as error:
                raise StoreError(f"The store did not answer: {error}") from error
        names = compiled.columns or [str(column[0]) for column in described]
        convert = [(names[i], change) for i, change in enumerate(compiled.converters) if change is not None]
        rows: list[Row] = []
        for values in found:
            row: dict[str, Any] = dict(zip(names, values, strict=True))
            for name, change in convert:
                row[name] = change(row[name])
            rows.append(row)
        return rows

    def checkpoint(self) -> None:
        """Move what was written from the log into the file, if anything was. Raises StoreError."""
        with self._write_lock:
            if self._connection is None or not self._dirty:
                return
            try:
                self._forget(self._connection)
                self._connection.execute("CHECKPOINT")
            except duckdb.TransactionException:
                # A reader is at work; the next idle moment will do.
                return
            except duckdb.Error as error:
                raise StoreError(f"The store cannot be checkpointed: {error}") from error
            self._dirty = False

    def _forget(self, connection: duckdb.DuckDBPyConnection) -> None:
        if self._forgot_s is not None and time.monotonic() - self._forgot_s < _FORGET_EVERY_S:
            return
        from llmobserve_server.store.duckdb.upkeep import forget_old_health

        self._forgot_s = time.monotonic()
        forget_old_health(connection)

    def check_writable(self) -> None:
        """Raise StoreError when a batch could not be stored now."""
        if self._owner_pid not in (0, os.getpid()):
            raise StoreError(_FORKED)
        if not os.access(self._path, os.W_OK) or os.statvfs(self._path.parent).f_flag & os.ST_RDONLY:
            raise StoreError(f"{self._path} can only be read.")
        self._check_disk()

    def expire(self, table: str, before: datetime, *, most_rows: int) -> int:
        """Delete the rows of a table from before a time, at most so many; how many there were. Raises StoreError."""
        from llmobserve_server.store.duckdb.whole_rows import delete_older

        return self._transact(lambda connection: delete_older(connection, table, before, most_rows), below_reserve=True)

    def sizes(self) -> StoreSizes:
        """Bytes of the file and its log; of a table those of its blocks, without its index. Raises StoreError."""
        from llmobserve_server.store.duckdb.whole_rows import table_bytes

        with self._reader() as cursor, _answering():
            tables = table_bytes(cursor)
            files = (self._path, self._path.with_name(f"{self._path.name}.wal"))
            total = sum(file.stat().st_size for file in files if file.exists())
            free = shutil.disk_usage(self._path.parent).free
        return StoreSizes(total_bytes=total, tables=tables, disk_free_bytes=free)

    def back_up(self, file: Path) -> datetime:
        """Write a copy of the file as it is now, while batches are written; the moment of it. Raises StoreError."""
        from llmobserve_server.store.duckdb.backup import copy_to, snapshot

        with _answering(), contextlib.closing(self._own_cursor()) as cursor:
            with self._write_lock:
                point = snapshot(cursor)
            copy_to(cursor, self._path, file, reserve_bytes=self._disk_reserve_bytes)
        return point

    def read_rows(self, chosen: Slice) -> Iterator[Any]:
        """The rows as they are stored, as Arrow tables in the order of their time. Raises StoreError."""
        from llmobserve_server.store.duckdb.whole_rows import read_slice

        with _answering(), contextlib.closing(self._own_cursor()) as cursor:
            yield from read_slice(cursor, chosen)

    def load_rows(self, table: str, rows: Any) -> int:
        """Store the rows of an Arrow table as they are; the number of those that are new. Raises StoreError."""
        from llmobserve_server.store.duckdb.whole_rows import insert_rows

        return self._transact(lambda connection: insert_rows(connection, table, rows))

    def after_load(self) -> None:
        """Nothing is derived from rows."""
        return

    def close(self) -> None:
        """Checkpoint and release the file. Idempotent."""
        with contextlib.suppress(StoreError):
            self.checkpoint()
        with self._write_lock:
            self._discard()

    def _writer(self) -> duckdb.DuckDBPyConnection:
        if self._owner_pid not in (0, os.getpid()):
            raise StoreError(_FORKED)
        return self._connection or self._open()

    def _check_disk(self) -> None:
        if self._disk_reserve_bytes <= 0:
            return
        free = shutil.disk_usage(self._path.parent).free
        if free < self._disk_reserve_bytes:
            raise StoreError(
                f"Only {free // 1024**2} MB are free on the disk of {self._path}; at least "
                f"{self._disk_reserve_bytes // 1024**2} MB are kept. Free some space; senders keep their events."
            )

    def _discard(self) -> None:
        with self._pool_lock:
            readers, self._idle_readers = self._idle_readers, []
            self._generation += 1
        connection, self._connection = self._connection, None
        for each in (*readers, connection):
            if each is not None:
                with contextlib.suppress(duckdb.Error):
                    each.close()

    def _own_cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor outside of the pool, for what takes long or is a transaction of its own."""
        connection = self._connection
        if connection is None:
            raise StoreError(f"The store {self._path} is not open.")
        return connection.cursor()

    @contextlib.contextmanager
    def _reader(self) -> Generator[duckdb.DuckDBPyConnection]:
        """A cursor of its own for one statement: cursors share the file but not results or transactions."""
        with self._pool_lock:
            connection = self._connection
            generation = self._generation
            cursor = self._idle_readers.pop() if self._idle_readers else None
        if cursor is None:
            if connection is None:
                raise StoreError(f"The store {self._path} is not open.")
            try:
                cursor = connection.cursor()
            except duckdb.Error as error:
                raise StoreError(f"The store {self._path} was just closed.") from error
        healthy = False
        try:
            yield cursor
            healthy = True
        finally:
            with self._pool_lock:
                keep = healthy and generation == self._generation
                if keep:
                    self._idle_readers.append(cursor)
            if not keep:
                with contextlib.suppress(duckdb.Error):
                    cursor.close()


@contextlib.contextmanager
def _answering() -> Generator[None]:
    """Errors of the engine and of the disk become a StoreError."""
    try:
        yield
    except (duckdb.Error, OSError, MemoryError) as error:
        raise StoreError(f"The store did not do it: {error}") from error
