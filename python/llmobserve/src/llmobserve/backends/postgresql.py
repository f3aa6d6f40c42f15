"""A table of PostgreSQL: `postgresql://USER:PASSWORD@HOST/DATABASE` writes into `metric_events`.

An event that is there already is left as it is, unless what comes has a higher revision: so a batch that is written
again, after a kill or a lost answer, changes nothing.
"""

import os
import socket
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from llmobserve.backends.base import BackendError, EventRefused, StorageBackend
from llmobserve.backends.columns import COLUMNS, CONTENT_COLUMNS, postgresql_type

__all__ = ["PostgresqlBackend", "ddl"]

_CONNECT_S = 2
_ANSWER_MS = 10_000
_PATIENCE_S = 2.0
"""After which a server that should have given up by itself is given up."""
_LOCK = 4_747_132_590_017
"""Of the advisory lock under which the table is made: any number that others are unlikely to use."""
_REFUSALS = ("22", "23", "54")
"""Classes of errors that would come again: data exception, integrity constraint violation, program limit exceeded
(PostgreSQL 18, appendix A)."""
_INDEXES = {
    "start_time": "start_time",
    "run_id": "run_id",
    "customer": "customer_id, start_time",
    "model": "model, start_time",
    "session_id": "session_id",
    "target_id": "target_id",
}

_inherited: list[Any] = []
"""Connections of the parent process, kept for ever: the end of one would say goodbye in the parent's name."""


def ddl() -> list[str]:
    """The statements that make the table and its indexes where they are not there."""
    columns = [f"  {c.name} {postgresql_type(c)}{' NOT NULL' if c.required else ''}" for c in COLUMNS]
    table = ",\n".join([*columns, "  PRIMARY KEY (event_id, type)"])
    statements = [f"CREATE TABLE IF NOT EXISTS metric_events (\n{table}\n)"]
    always = {column.name for column in COLUMNS if column.required}
    for name, on in _INDEXES.items():
        first = on.partition(",")[0]
        where = "" if first in always else f" WHERE {first} IS NOT NULL"
        statements.append(f"CREATE INDEX IF NOT EXISTS metric_events_{name} ON metric_events ({on}){where}")
    return statements


class PostgresqlBackend(StorageBackend):
    """Writes each batch in one transaction."""

    def __init__(self, address: str) -> None:
        try:
            import psycopg
            import psycopg.conninfo
        except ImportError as error:
            raise ImportError(f"pip install 'llmobserve[postgresql]' ({error})") from None
        self._psycopg: Any = psycopg
        try:
            self._where: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(address)
        except psycopg.ProgrammingError:  # whose message quotes what may be a part of the password
            raise ValueError("an address as postgresql://USER:PASSWORD@HOST:PORT/DATABASE") from None
        self._where.setdefault("connect_timeout", _CONNECT_S)
        self._where.setdefault("tcp_user_timeout", _ANSWER_MS)
        self._where.setdefault("application_name", "llmobserve")
        self._connection: Any = None

    def initialize(self) -> None:
        """Connect; make the table, and columns that an older version did not have. Many processes may do so at once."""
        connection = self._connected()
        try:
            with connection.transaction():
                present = self._columns(connection)
                if all(column.name in present for column in COLUMNS):
                    return
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                for statement in ddl()[:1] if not present else ():
                    connection.execute(statement)
                present = self._columns(connection)
                for column in COLUMNS:
                    if column.name not in present:
                        kind = postgresql_type(column)
                        connection.execute(f"ALTER TABLE metric_events ADD COLUMN IF NOT EXISTS {column.name} {kind}")
                for statement in ddl()[1:]:
                    connection.execute(statement)
        except self._psycopg.Error as error:
            raise self._failed(error) from None

    def write_batch(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Insert the events, or put higher revisions in the place of lower ones."""
        connection = self._connected()
        # In one order, so that two processes that write the same events wait for each other only one way round.
        ordered = sorted(events, key=lambda event: (event["event_id"], event["type"], event["revision"]))
        values = [tuple(_plain(event[column.name]) for column in COLUMNS) for event in ordered]
        try:
            with _limited(connection), connection.transaction(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {_ANSWER_MS}")
                cursor.executemany(_INSERT, values)
        except self._psycopg.Error as error:
            if (error.sqlstate or "").startswith(_REFUSALS):
                raise EventRefused(str(error)) from None
            raise self._failed(error) from None

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def after_fork(self) -> None:
        """Close the child's copy of the socket, and nothing else of the parent's connection."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.closed:
            _inherited.append(connection)
            with suppress(OSError):
                os.close(connection.fileno())

    def _connected(self) -> Any:
        if self._connection is None or self._connection.closed:
            # Nothing is prepared: a pooler such as PgBouncer may give each transaction another server.
            try:
                self._connection = self._psycopg.connect(**self._where, autocommit=True, prepare_threshold=None)
            except self._psycopg.Error as error:
                raise self._failed(error) from None
        return self._connection

    def _columns(self, connection: Any) -> set[str]:
        """Those of the table that the search path leads to; none where there is no table."""
        found = connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass('metric_events') AND attnum > 0"
        )
        return {name for (name,) in found}

    def _failed(self, error: Exception) -> BackendError:
        with suppress(self._psycopg.Error):
            self.close()
        return BackendError(f"PostgreSQL: {error}")


@contextmanager
def _limited(connection: Any) -> Generator[None]:
    """Break the connection off where the server takes what is sent and never answers."""
    timer = threading.Timer(_ANSWER_MS / 1000 + _PATIENCE_S, _break_off, (connection,))
    timer.daemon = True
    with suppress(RuntimeError):  # the interpreter ends, and gives no thread: the exit is not waited for longer
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _break_off(connection: Any) -> None:
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as copy:
        copy.shutdown(socket.SHUT_RDWR)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _insert() -> str:
    names = ", ".join(column.name for column in COLUMNS)
    places = ", ".join(f"%s::{postgresql_type(column)}" for column in COLUMNS)
    newer = ", ".join(
        f"{c.name} = COALESCE(EXCLUDED.{c.name}, metric_events.{c.name})"
        if c.name in CONTENT_COLUMNS
        else f"{c.name} = EXCLUDED.{c.name}"
        for c in COLUMNS
        if c.name not in {"event_id", "type"}
    )
    return (
        f"INSERT INTO metric_events ({names}) VALUES ({places}) ON CONFLICT (event_id, type) DO UPDATE SET {newer} "
        "WHERE metric_events.revision < EXCLUDED.revision"
    )


_INSERT = _insert()
