"""The ClickHouse store: a server, a cluster, or chDB in this process."""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Executable

from llmobserve_server.errors import StoreError, UnstorableRows
from llmobserve_server.store.clickhouse.address import Address
from llmobserve_server.store.clickhouse.clock import Clock
from llmobserve_server.store.clickhouse.connections import ClickHouseError, Connections, Session, explained
from llmobserve_server.store.clickhouse.dialect import compile_statement
from llmobserve_server.store.clickhouse.layout import Layout
from llmobserve_server.store.clickhouse.migrate import migrate, pending
from llmobserve_server.store.clickhouse.ownership import Ownership
from llmobserve_server.store.protocol import CostBatch, Row, Slice, StoreOptions, StoreSizes, WriteBatch, WriteResult

__all__ = ["ClickHouseStore"]

T = TypeVar("T")

_FORGET_EVERY_S = 3600.0


class ClickHouseStore:
    """Events in ClickHouse tables. One writer at a time in a process; a server may have several collectors.

    Args:
        address: where the tables are.
        options: see `StoreOptions`; the disk reserve is that of chDB's directory.
    """

    name = "clickhouse"

    def __init__(self, address: Address, options: StoreOptions) -> None:
        self.is_embedded = address.directory is not None
        self._address = address
        self._options = options
        self._layout = Layout(address.cluster)
        self._connections = Connections(address, options)
        self._write_lock = threading.Lock()
        self._ownership: Ownership | None = None
        self._is_open = False
        self._owner_pid = 0
        self._clock = Clock()
        self._forgot_s: float | None = None

    def pending_migrations(self) -> list[str]:
        """Names of the migrations that `initialize` would apply. Raises StoreError."""
        with self._owned(), self._session() as session:
            return pending(session, self._address.shown)

    def initialize(self) -> None:
        """Open the tables, creating or migrating them. Raises StoreError with the remedy in its message."""
        with self._write_lock:
            if self._is_open:
                return
            self._own()
            try:
                self._connections.prepare()
                with self._session() as session:
                    migrate(session, self._layout, self._address.shown)
                    self._finish(session)
            except StoreError:
                self._release()
                raise
            self._is_open = True
            self._owner_pid = os.getpid()

    def _finish(self, session: Session) -> None:
        """What the last writer may have left undone; an empty store spares the import of what does it."""
        if session.rows("SELECT 1 FROM events LIMIT 1 SETTINGS final = 0"):
            from llmobserve_server.store.clickhouse.writer import finish_merging

            finish_merging(session, self._clock)

    def write(self, batch: WriteBatch) -> WriteResult:
        """Store a batch; ids that exist are ignored. Blocks; call from the writer thread.

        Returns when all of it is on disk. Raises StoreError when it may not be: sent again, what is stored is ignored.
        """
        from llmobserve_server.store.clickhouse.writer import write_batch

        return self._writing(lambda session: write_batch(session, self._clock, batch))

    def replace_costs(self, batch: CostBatch) -> bool:
        """Give calls a new cost, the old one kept in `cost_versions`. Blocks.

        False, and nothing is stored, when a call has another revision than the one that was read. Raises StoreError;
        the same batch may then be given again.
        """
        from llmobserve_server.store.clickhouse.costs import replace_costs

        return self._writing(lambda session: replace_costs(session, self._clock, batch))

    def fetch(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Rows of a SQLAlchemy Core select. Blocks; call from a reader thread.

        Raises StoreError when the statement fails, and sqlalchemy.exc.CompileError when it cannot be ClickHouse SQL.
        """
        compiled = compile_statement(statement, parameters)
        with self._session("did not answer") as session:
            described, found = session.answer(compiled.sql)
        names = compiled.columns or list(described)
        convert = [(names[i], change) for i, change in enumerate(compiled.converters) if change is not None]
        rows: list[Row] = []
        for values in found:
            row: dict[str, Any] = dict(zip(names, values, strict=True))
            for name, change in convert:
                row[name] = change(row[name])
            rows.append(row)
        return rows

    def checkpoint(self) -> None:
        """Forget what senders said of themselves long ago, once an hour. Raises StoreError."""
        now_s = time.monotonic()
        if not self._is_open or (self._forgot_s is not None and now_s - self._forgot_s < _FORGET_EVERY_S):
            return
        from llmobserve_server.store.clickhouse.upkeep import forget_old_health

        self._forgot_s = now_s
        with self._write_lock, self._session() as session:
            forget_old_health(session, self._layout)

    def check_writable(self) -> None:
        """Raise StoreError when a batch could not be stored now."""
        self._check_open()
        self._check_disk()
        with self._session("cannot be written") as session:
            if session.rows("SELECT 1 FROM system.tables WHERE database = currentDatabase() AND is_readonly LIMIT 1"):
                raise StoreError(f"{self._address.shown}: a table can only be read; ClickHouse's log says why.")

    def expire(self, table: str, before: datetime, *, most_rows: int) -> int:
        """Delete rows of one month from before a time, however many; how many there were. Raises StoreError."""
        from llmobserve_server.store.clickhouse.whole_rows import delete_older

        with self._session() as session:
            return delete_older(session, self._layout, table, before)

    def sizes(self) -> StoreSizes:
        """What the tables take on disk. Raises StoreError."""
        from llmobserve_server.store.clickhouse.whole_rows import table_bytes

        with self._session() as session:
            tables = table_bytes(session, self._layout)
        directory = self._address.directory
        if directory is None:
            return StoreSizes(total_bytes=sum(tables.values()), tables=tables, disk_free_bytes=None)
        try:
            total = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
        except OSError:
            # A part was merged away while we looked.
            total = sum(tables.values())
        return StoreSizes(total_bytes=total, tables=tables, disk_free_bytes=shutil.disk_usage(directory).free)

    def back_up(self, file: Path) -> datetime:
        """Not by us. Raises StoreError, which says how."""
        if self.is_embedded:
            raise StoreError(
                "A chDB store is backed up by `llmobserve db export DIR`, or by copying its directory while no "
                "collector runs."
            )
        raise StoreError(
            f"ClickHouse makes its own backups: BACKUP DATABASE {self._address.database} TO Disk('backups', 'NAME') "
            "(https://clickhouse.com/docs/operations/backup)."
        )

    def read_rows(self, chosen: Slice) -> Iterator[Any]:
        """The rows as they are stored, as Arrow tables in the order of their time. Raises StoreError.

        Each piece is of its own state of the store: a row that is written meanwhile may be in it or not.
        """
        from llmobserve_server.store.clickhouse.whole_rows import read_slice

        with self._session() as session:
            yield from read_slice(session, chosen)

    def load_rows(self, table: str, rows: Any) -> int:
        """Store the rows of an Arrow table as they are; the number of those that are new. Raises StoreError."""
        from llmobserve_server.store.clickhouse.whole_rows import insert_rows

        return self._writing(lambda session: insert_rows(session, self._clock, table, rows))

    def after_load(self) -> None:
        """Nothing is derived from rows."""
        return

    def close(self) -> None:
        """End the connections, and give up chDB's directory. Idempotent."""
        with self._write_lock:
            self._is_open = False
            self._release()

    def _writing(self, work: Callable[[Session], T]) -> T:
        with self._write_lock:
            self._check_open()
            self._check_disk()
            try:
                with self._session("did not take the batch") as session:
                    return work(session)
            except (ValueError, TypeError, OverflowError) as error:
                raise UnstorableRows(f"A row does not fit the store: {error}") from error

    @contextlib.contextmanager
    def _session(self, doing: str = "did not do it") -> Generator[Session]:
        try:
            with self._connections.session() as session:
                yield session
        except ClickHouseError as error:
            raise explained(error, doing) from error
        except (OSError, MemoryError) as error:
            raise StoreError(f"The store {doing}: {error}") from error

    def _check_open(self) -> None:
        if self._owner_pid not in (0, os.getpid()):
            raise StoreError("The store was opened by the parent of this process; a fork must not use it.")
        if not self._is_open:
            raise StoreError(f"The store {self._address.shown} is not open.")

    def _check_disk(self) -> None:
        directory, reserve = self._address.directory, self._options.disk_reserve_bytes
        if directory is None or reserve <= 0:
            return
        free = shutil.disk_usage(directory).free
        if free < reserve:
            raise StoreError(
                f"Only {free // 1024**2} MB are free on the disk of {directory}; at least "
                f"{reserve // 1024**2} MB are kept. Free some space; senders keep their events."
            )

    def _own(self) -> None:
        if self._address.directory is not None and self._ownership is None:
            self._ownership = Ownership(self._address.directory)

    def _release(self) -> None:
        self._connections.close()
        if self._ownership is not None:
            self._ownership.release()
            self._ownership = None

    @contextlib.contextmanager
    def _owned(self) -> Generator[None]:
        """The directory for a look at it before it is opened."""
        self._own()
        try:
            yield
        finally:
            if not self._is_open:
                self._release()
