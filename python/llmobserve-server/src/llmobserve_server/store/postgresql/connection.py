"""Connections to the server: settings, a small pool of readers, and errors that say what to do."""

import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import msgspec
import psycopg
from psycopg import Connection, errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_loads

from llmobserve_server.errors import StoreError

__all__ = ["Address", "Readers", "connect", "explain", "is_lost"]

OLDEST_VERSION = 15
_DEFAULTS: dict[str, str] = {
    "application_name": "llmobserve",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_EVERY = ("SET TIME ZONE 'UTC'", "SET client_encoding = 'UTF8'", "SET standard_conforming_strings = on")
_READER = (
    "SET default_transaction_read_only = on",
    # A compiled plan pays from seconds of work on; most questions are answered before it is ready.
    "SET jit = off",
    # An aggregate of some hundred thousand groups that does not fit is written to disk.
    "SET work_mem = '64MB'",
)
_READ_TIMEOUT_S = 60
_MAX_READERS = 8
_WAIT_FOR_READER_S = 30
_decode_json = msgspec.json.Decoder().decode


class Address:
    """The URL of a store: what libpq reads of it, and what we do.

    Our own option is `llmobserve_rollups=off`: every question is answered from the events themselves.
    """

    def __init__(self, url: str) -> None:
        """Raises StoreError for a URL that libpq does not understand."""
        parts = urlsplit(url)
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.with_rollups = given.pop("llmobserve_rollups", "on") != "off"
        plain = urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(given, quote_via=quote), ""))
        try:
            self.options: dict[str, Any] = {**_DEFAULTS, **conninfo_to_dict(plain)}
        except psycopg.Error as error:
            raise StoreError(f"LLMOBSERVE_DB is no address of a PostgreSQL database: {error}") from None

    def __str__(self) -> str:
        """The place without a password."""
        host = self.options.get("host") or "the local socket"
        return f"the PostgreSQL database {self.options.get('dbname') or 'of the user'!s} at {host}"


def connect(address: Address, *, reading: bool = False) -> Connection[Any]:
    """A new connection that commits each statement. Raises psycopg.Error."""
    # Statements are planned for their values, so that partitions outside of a window are left out.
    connection: Connection[Any] = psycopg.connect(**address.options, autocommit=True, prepare_threshold=None)
    try:
        for statement in (*_EVERY, *(_READER if reading else ())):
            connection.execute(statement)
        if reading:
            connection.execute(f"SET statement_timeout = '{_READ_TIMEOUT_S}s'".encode())
        set_json_loads(_decode_json, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def is_lost(connection: Connection[Any]) -> bool:
    """Is the connection of no use any more?"""
    return connection.closed or connection.broken


def explain(error: Exception) -> str:
    """What happened and what helps, in one line."""
    first = str(error).strip().partition("\n")[0]
    match error:
        case errors.DiskFull():
            return f"The disk of the PostgreSQL server is full ({first}). Free space there or shorten the retention."
        case errors.ReadOnlySqlTransaction():
            return (
                f"The PostgreSQL server is read-only, a standby perhaps ({first}). LLMOBSERVE_DB must name the primary."
            )
        case errors.InsufficientPrivilege():
            return f"The PostgreSQL user may not do that ({first}). It needs to own the tables: see docs/stores.md."
        case errors.QueryCanceled():
            return f"The question took longer than {_READ_TIMEOUT_S} s ({first}). Ask for a shorter time range."
        case errors.TooManyConnections():
            return f"The PostgreSQL server takes no more connections ({first}). Raise max_connections."
        case _:
            return first or type(error).__name__


class Readers:
    """Idle connections for statements that only read; at most eight are open."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._free = threading.BoundedSemaphore(_MAX_READERS)
        self._lock = threading.Lock()
        self._idle: list[Connection[Any]] = []
        self._is_open = True

    @contextmanager
    def one(self, *, fresh: bool = False) -> Generator[Connection[Any]]:
        """A connection for one statement. `fresh`: not one that has been idle, which may have been cut meanwhile.

        Raises StoreError when none becomes free, and psycopg.Error when the server is not reached.
        """
        if not self._free.acquire(timeout=_WAIT_FOR_READER_S):
            raise StoreError("All readers of the store are at work; ask again later.")
        try:
            connection = self._take(fresh=fresh) or connect(self._address, reading=True)
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def _take(self, *, fresh: bool) -> Connection[Any] | None:
        with self._lock:
            if not self._is_open:
                raise StoreError("The store is not open.")
            if fresh:
                gone, self._idle = self._idle, []
            else:
                return self._idle.pop() if self._idle else None
        _close_all(gone)
        return None

    def _give_back(self, connection: Connection[Any]) -> None:
        with self._lock:
            if self._is_open and not is_lost(connection):
                self._idle.append(connection)
                return
        _close_all([connection])

    def close(self) -> None:
        """Close the idle ones now and the others when they are done. Idempotent."""
        with self._lock:
            self._is_open = False
            idle, self._idle = self._idle, []
        _close_all(idle)


def _close_all(connections: list[Connection[Any]]) -> None:
    for connection in connections:
        with suppress(psycopg.Error):
            connection.close()
