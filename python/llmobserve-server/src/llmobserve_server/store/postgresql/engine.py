"""The PostgreSQL store: one connection that writes, a few that read; other collectors may use the same database."""

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg import Connection, errors
from sqlalchemy import Executable, Subquery

from llmobserve_server.errors import StoreError, UnstorableRows
from llmobserve_server.store.postgresql.connection import Address, Readers, connect, explain, is_lost
from llmobserve_server.store.postgresql.dialect import compile_statement
from llmobserve_server.store.postgresql.migrate import migrate, pending
from llmobserve_server.store.postgresql.partitions import Partitions
from llmobserve_server.store.postgresql.sums.keeper import SumsKeeper
from llmobserve_server.store.postgresql.sums.source import summed_events
from llmobserve_server.store.protocol import CostBatch, Row, Slice, StoreSizes, WriteBatch, WriteResult

__all__ = ["PostgresqlStore"]

T = TypeVar("T")

_UPKEEP_EVERY_S = 3600.0
_FORKED = "The store was opened by the parent of this process; a fork must not use it."
_UNSTORABLE = (
    psycopg.DataError,
    psycopg.IntegrityError,
    errors.ProgramLimitExceeded,
    ValueError,
    TypeError,
    OverflowError,
)


class PostgresqlStore:
    """Events in a PostgreSQL database. A lost connection is made anew at the next use.

    Args:
        address: where it is.
    """

    name = "postgresql"
    is_embedded = False

    def __init__(self, address: Address) -> None:
        self._address = address
        self._readers = Readers(address)
        self._write_lock = threading.Lock()
        self._connection: Connection[Any] | None = None
        self._partitions = Partitions()
        self._owner_pid = 0
        self._kept_up_s: float | None = None
        self._sums: SumsKeeper | None = None

    def pending_migrations(self) -> list[str]:
        """Names of the migrations that `initialize` would apply. Raises StoreError."""
        try:
            with connect(self._address, reading=True) as connection:
                return pending(connection, str(self._address))
        except psycopg.Error as error:
            raise StoreError(f"Cannot look at {self._address}: {explain(error)}") from error

    def initialize(self) -> None:
        """Connect, creating or migrating the tables. Raises StoreError with the remedy in its message."""
        with self._write_lock:
            if self._connection is not None:
                return
            try:
                connection = connect(self._address)
                try:
                    migrate(connection, str(self._address))
                    self._partitions.make_ahead(connection)
                except BaseException:
                    connection.close()
                    raise
            except psycopg.Error as error:
                raise StoreError(f"Cannot open {self._address}: {explain(error)}") from error
            self._connection = connection
            self._owner_pid = os.getpid()
            if self._address.with_rollups:
                self._sums = SumsKeeper(self._address)

    def write(self, batch: WriteBatch) -> WriteResult:
        """Store a batch in one durable transaction; ids that exist are ignored. Blocks; call from the writer thread.

        Raises StoreError when nothing was stored, or when the connection was lost while it was: what is sent again is
        known then.
        """
        # Imported by the first write, because pyarrow takes a fifth of a second that a start need not wait for.
        from llmobserve_server.store.postgresql.writer import write_batch

        return self._transact(lambda connection: write_batch(connection, batch, self._partitions))

    def replace_costs(self, batch: CostBatch) -> bool:
        """Give calls a new cost in one durable transaction, the old one kept in `cost_versions`. Blocks.

        False, and nothing is stored, when a call has another revision than the one that was read. Raises StoreError
        when nothing was stored.
        """
        from llmobserve_server.store.postgresql.costs import replace_costs

        return self._transact(lambda connection: replace_costs(connection, batch))

    def _transact(self, work: Callable[[Connection[Any]], T]) -> T:
        with self._write_lock:
            try:
                try:
                    return work(self._writer())
                except psycopg.OperationalError:
                    # An idle connection may have been cut long ago, which only its next use tells. Work that was done
                    # and not answered is done again: every id is then known.
                    if self._connection is None or not is_lost(self._connection):
                        raise
                    self._connection = None
                    return work(self._writer())
            except _UNSTORABLE as error:
                raise UnstorableRows(f"A row does not fit the store: {explain(error)}") from error
            except (psycopg.Error, OSError, MemoryError) as error:
                raise StoreError(f"The store did not take the batch: {explain(error)}") from error

    def _writer(self) -> Connection[Any]:
        if self._owner_pid != os.getpid():
            raise StoreError(_FORKED if self._owner_pid else "The store is not open.")
        connection = self._connection
        if connection is None or is_lost(connection):
            connection = self._connection = connect(self._address)
        return connection

    def fetch(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Rows of a SQLAlchemy Core select. Blocks; call from a reader thread.

        Raises StoreError when the statement fails, and sqlalchemy.exc.CompileError when it cannot be written.
        """
        compiled = compile_statement(statement, parameters)

        def ask(connection: Connection[Any]) -> list[Row]:
            cursor = connection.execute(compiled.sql, compiled.parameters)
            names = compiled.columns or [column.name for column in cursor.description or ()]
            return [dict(zip(names, values, strict=True)) for values in cursor]

        return self._read(ask)

    def summed_events(
        self, project_id: str, start: datetime, end: datetime, columns: Collection[str], *, by_hour: bool
    ) -> Subquery | None:
        """Events added up; see `SummingStore`. None with `llmobserve_rollups=off`."""
        if not self._address.with_rollups:
            return None
        return summed_events(project_id, start, end, columns, by_hour=by_hour)

    def _read(self, ask: Callable[[Connection[Any]], T]) -> T:
        try:
            try:
                with self._readers.one() as connection:
                    return ask(connection)
            except psycopg.OperationalError as error:
                if isinstance(error, errors.QueryCanceled):
                    raise
                with self._readers.one(fresh=True) as connection:
                    return ask(connection)
        except psycopg.Error as error:
            raise StoreError(f"The store did not answer: {explain(error)}") from error

    def checkpoint(self) -> None:
        """Forget old states of senders and make partitions ahead, once an hour. Raises StoreError."""
        if self._kept_up_s is not None and time.monotonic() - self._kept_up_s < _UPKEEP_EVERY_S:
            return
        from llmobserve_server.store.postgresql.upkeep import keep_up

        self._transact(lambda connection: keep_up(connection, self._partitions))
        self._kept_up_s = time.monotonic()

    def check_writable(self) -> None:
        """Raise StoreError when a batch could not be stored now."""

        def ask(connection: Connection[Any]) -> bool:
            return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)

        if self._read(ask):
            raise StoreError(f"{self._address} is a standby, which can only be read.")

    def expire(self, table: str, before: datetime, *, most_rows: int) -> int:
        """Delete rows from before a time: whole weeks of events at once, of other tables so many. Raises StoreError."""
        from llmobserve_server.store.postgresql.whole_rows import delete_older

        return self._transact(lambda connection: delete_older(connection, table, before, most_rows))

    def sizes(self) -> StoreSizes:
        """What the tables and their indexes take. Raises StoreError."""
        from llmobserve_server.store.postgresql.whole_rows import sizes

        return self._read(sizes)

    def back_up(self, file: Path) -> datetime:
        """Not ours to do: raises StoreError with the command."""
        raise StoreError(
            f"A PostgreSQL store is backed up by PostgreSQL: pg_dump --format=custom --file={file} "
            f"--dbname={self._address.options.get('dbname') or '…'} (docs/stores.md)."
        )

    def read_rows(self, chosen: Slice) -> Iterator[Any]:
        """The rows as they are stored, as Arrow tables in the order of their time. Raises StoreError."""
        from llmobserve_server.store.postgresql.whole_rows import read_slice

        try:
            with connect(self._address) as connection:
                yield from read_slice(connection, chosen)
        except psycopg.Error as error:
            raise StoreError(f"The store did not answer: {explain(error)}") from error

    def load_rows(self, table: str, rows: Any) -> int:
        """Store the rows of an Arrow table as they are; the number of those that are new. Raises StoreError."""
        from llmobserve_server.store.postgresql.whole_rows import insert_rows

        return self._transact(lambda connection: insert_rows(connection, table, rows, self._partitions))

    def after_load(self) -> None:
        """Bring the sums up to date. Raises StoreError."""
        if self._sums is not None:
            self._sums.renew_now()

    def close(self) -> None:
        """Close the connections. Idempotent."""
        sums, self._sums = self._sums, None
        if sums is not None:
            sums.close()
        self._readers.close()
        with self._write_lock:
            connection, self._connection, self._owner_pid = self._connection, None, 0
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()
