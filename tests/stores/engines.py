"""The engines that the tests of stores run on: how a test gets an empty store of each."""

import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from loopback.postgresql import Postgresql, running_postgresql

from llmobserve_server.store.open import open_store
from llmobserve_server.store.parquet import engine
from llmobserve_server.store.protocol import Store

__all__ = ["ENGINES", "Engine", "Place", "postgresql_server", "stop_servers"]

_MEMORY_BYTES = 256 * 1024**2


@dataclass(frozen=True, slots=True)
class Place:
    """Where one store is: it can be closed and opened again."""

    url: str

    def open(self) -> Store:
        """The store, opened and migrated."""
        return open_store(self.url, memory_limit_bytes=_MEMORY_BYTES, threads=2)

    @contextmanager
    def opened(self) -> Generator[Store]:
        """The store inside of the block."""
        store = self.open()
        try:
            yield store
        finally:
            store.close()


Engine = Callable[[Path], AbstractContextManager[Place]]
"""From a folder of the test to a place for a store that is empty, and gone after the block."""


@contextmanager
def _duckdb(folder: Path) -> Generator[Place]:
    yield Place(f"duckdb:///{folder / 'events.duckdb'}")


_servers: list[AbstractContextManager[Postgresql]] = []


@cache
def postgresql_server() -> Postgresql:
    """One server for all tests of this process."""
    server = running_postgresql()
    _servers.append(server)
    return server.__enter__()


def stop_servers() -> None:
    """End what `postgresql_server` has started."""
    postgresql_server.cache_clear()
    while _servers:
        _servers.pop().__exit__(None, None, None)


@contextmanager
def _postgresql(_: Path) -> Generator[Place]:
    server = postgresql_server()
    name = f"t{uuid.uuid4().hex[:12]}"
    url = server.create(name)
    try:
        yield Place(url)
    finally:
        server.drop(name)


@contextmanager
def _postgresql_without_sums(folder: Path) -> Generator[Place]:
    with _postgresql(folder) as place:
        yield Place(f"{place.url}?llmobserve_rollups=off")


@contextmanager
def _chdb(folder: Path) -> Generator[Place]:
    yield Place(f"chdb:///{folder / 'chdb'}")


@contextmanager
def _parquet(folder: Path) -> Generator[Place]:
    """Rows are filed a few times meanwhile, so that of what is asked for or changed much is in files."""
    usual, engine.MOST_UNFILED = engine.MOST_UNFILED, 2500
    try:
        yield Place(f"parquet:///{folder / 'parquet'}")
    finally:
        engine.MOST_UNFILED = usual


ENGINES: Mapping[str, Engine] = {
    "duckdb": _duckdb,
    "chdb": _chdb,
    "parquet": _parquet,
    "postgresql": _postgresql,
    "postgresql-raw": _postgresql_without_sums,
}
"""By name. The first one is what the others are compared with."""
