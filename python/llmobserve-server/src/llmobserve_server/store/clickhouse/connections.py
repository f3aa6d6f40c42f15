"""Clients of one address: how they are made, the settings they have, and what their errors mean."""

import contextlib
import threading
from collections.abc import Generator, Sequence
from typing import Any

from llmobserve_server.errors import StoreError, UnstorableRows
from llmobserve_server.store.clickhouse.address import Address
from llmobserve_server.store.protocol import StoreOptions

try:
    import clickhouse_connect
    from clickhouse_connect.driver.client import Client
    from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
except ImportError as error:
    raise StoreError(
        f"ClickHouse needs a library that is not installed: pip install 'llmobserve-server[clickhouse]' ({error})."
    ) from error

__all__ = ["CLUSTER_SETTINGS", "SETTINGS", "ClickHouseError", "Connections", "Session", "explained"]

SETTINGS: dict[str, Any] = {
    # A row that was written again is read once, as it is now. All versions of a row are in one partition.
    "final": 1,
    "do_not_merge_across_partitions_select_final": 1,
    "use_skip_indexes_if_final": 1,
    "use_skip_indexes_if_final_exact_mode": 1,
    # NULL as in the other engines.
    "join_use_nulls": 1,
    "aggregate_functions_null_for_empty": 1,
    "cast_keep_nullable": 1,
    "input_format_null_as_default": 0,
    # Times after 2106 are as good as others.
    "enable_extended_results_for_datetime_functions": 1,
    # Lists of ids are part of the text.
    "max_query_size": 256 * 1024**2,
    "max_ast_elements": 10_000_000,
    "max_expanded_ast_elements": 10_000_000,
    # An answer to a write means that it is on disk. Ids of any month may come in one batch.
    "async_insert": 0,
    "max_partitions_per_insert_block": 0,
    "mutations_sync": 2,
    "alter_sync": 2,
    "lightweight_deletes_sync": 2,
}
CLUSTER_SETTINGS: dict[str, Any] = {
    # A write is answered by the shards, and read by whoever asks next, on whichever replica.
    "distributed_foreground_insert": 1,
    "insert_quorum": "auto",
    "insert_quorum_parallel": 0,
    "select_sequential_consistency": 1,
    # Tables are spread by project, and every statement is about the rows of projects that it names.
    "optimize_skip_unused_shards": 1,
    "distributed_product_mode": "local",
}
_UNKNOWN_DATABASE = 81
_UNSTORABLE = frozenset({6, 27, 53, 69, 70, 72, 117, 131, 321, 349, 407, 636})
"""Codes of values that a column does not take: text that cannot be parsed, type mismatch, out of bounds, overflow, too
large a string, NULL where there is none."""
_CONNECT_S = 10
_ANSWER_S = 300
_CACHE_SHARE = 8


def explained(error: ClickHouseError, doing: str) -> StoreError:
    """The error for callers: UnstorableRows where a row is at fault, else StoreError."""
    code = getattr(error, "code", None)
    text = str(error).strip().splitlines()[0][:400] if str(error).strip() else type(error).__name__
    if code in _UNSTORABLE:
        return UnstorableRows(f"A row does not fit the store: {text}")
    return StoreError(f"The store {doing}: {text}")


class Session:
    """One client, used by one thread at a time."""

    def __init__(self, client: Client) -> None:
        # Its methods have no complete types.
        self._client: Any = client

    def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        """The rows of a query. Raises ClickHouseError."""
        return self._client.query(sql).result_rows

    def answer(self, sql: str) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        """Column names and rows of a query. Raises ClickHouseError."""
        found = self._client.query(sql)
        return found.column_names, found.result_rows

    def arrow(self, sql: str) -> Any:
        """The answer to a query as an Arrow table. Raises ClickHouseError."""
        return self._client.query_arrow(sql, use_strings=True)

    def run(self, sql: str) -> None:
        """Run a statement that has no answer. Raises ClickHouseError."""
        self._client.command(sql)

    def insert(self, table: str, block: Any, token: str) -> None:
        """Insert an Arrow table; the same token a second time does nothing. Raises ClickHouseError."""
        self._client.insert_arrow(table, block, settings={"insert_deduplication_token": token})

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(ClickHouseError):
            self._client.close()


def _client(**options: Any) -> Client:
    make: Any = vars(clickhouse_connect)["get_client"]
    return make(**options)


class Connections:
    """A pool of sessions of one address."""

    def __init__(self, address: Address, options: StoreOptions) -> None:
        self._address = address
        self._options = options
        self._lock = threading.Lock()
        self._idle: list[Session] = []
        self._generation = 0

    def prepare(self) -> None:
        """Make the database if it is not there. Raises StoreError where the address cannot be reached."""
        with _reaching(self._address):
            try:
                session = self._connect(self._address.database)
            except ClickHouseError as error:
                if getattr(error, "code", None) != _UNKNOWN_DATABASE:
                    raise
                made = self._connect(None)
                where = f" ON CLUSTER `{self._address.cluster}`" if self._address.cluster else ""
                try:
                    made.run(f"CREATE DATABASE IF NOT EXISTS `{self._address.database}`{where}")
                finally:
                    made.close()
                session = self._connect(self._address.database)
            with self._lock:
                self._idle.append(session)

    @contextlib.contextmanager
    def session(self) -> Generator[Session]:
        """A session of one's own for a while. Raises StoreError where none can be had."""
        with self._lock:
            session = self._idle.pop() if self._idle else None
            generation = self._generation
        if session is None:
            with _reaching(self._address):
                session = self._connect(self._address.database)
        is_sound = True
        try:
            yield session
        except OperationalError:
            is_sound = False
            raise
        finally:
            with self._lock:
                kept = is_sound and generation == self._generation
                if kept:
                    self._idle.append(session)
            if not kept:
                session.close()

    def close(self) -> None:
        """End all sessions that are not in use, and the others when they are given back."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._generation += 1
        for session in idle:
            session.close()

    def _connect(self, database: str | None) -> Session:
        address, options = self._address, self._options
        settings = dict(SETTINGS)
        if options.threads is not None:
            settings["max_threads"] = options.threads
        if address.directory is not None:
            limits = _engine_limits(options.memory_limit_bytes)
            return Session(
                _client(interface="chdb", path=str(address.directory), settings=settings, chdb_options=limits)
            )
        if options.memory_limit_bytes is not None:
            settings["max_memory_usage"] = options.memory_limit_bytes
        if address.cluster is not None:
            settings |= CLUSTER_SETTINGS
        client = _client(
            host=address.host,
            port=address.port,
            username=address.username,
            password=address.password,
            database=database,
            secure=address.is_secure,
            verify=address.verify,
            settings=settings,
            autogenerate_session_id=False,
            connect_timeout=_CONNECT_S,
            send_receive_timeout=_ANSWER_S,
            client_name="llmobserve-server",
        )
        return Session(client)


def _engine_limits(memory_limit_bytes: int | None) -> dict[str, Any]:
    """Limits of the engine in this process; its own are 90 % of the machine, and gigabytes of caches."""
    from llmobserve_server.store.duckdb.connection import default_memory_limit_bytes

    limit = memory_limit_bytes or default_memory_limit_bytes()
    cache = limit // _CACHE_SHARE
    return {
        # What it takes before the first row is not in its account.
        "max_server_memory_usage": limit + 256 * 1024**2,
        "mark_cache_size": cache,
        "primary_index_cache_size": cache,
    }


@contextlib.contextmanager
def _reaching(address: Address) -> Generator[None]:
    try:
        yield
    except ImportError as error:
        raise StoreError(
            f"chDB is a library that is not installed: pip install 'llmobserve-server[chdb]' ({error})."
        ) from error
    except (ClickHouseError, OSError) as error:
        text = str(error).strip().splitlines()[0][:400] if str(error).strip() else type(error).__name__
        raise StoreError(f"Cannot open the store {address.shown}: {text}") from error
