"""From the URL of a store to its engine."""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast
from urllib.parse import urlsplit

from llmobserve_server.errors import StoreError
from llmobserve_server.store.protocol import Store, StoreOptions

__all__ = ["ENTRY_POINTS", "StoreFactory", "make_store", "open_store"]

StoreFactory = Callable[[str, StoreOptions], Store]
"""Makes the store of a URL, without opening it. Raises StoreError: the URL cannot be used, or a library is missing."""

ENTRY_POINTS = "llmobserve_server.stores"
"""Group of entry points for engines of other packages: the scheme of their URLs → a `StoreFactory`."""

_OWN = {
    "chdb": "llmobserve_server.store.clickhouse.address:store_at",
    "clickhouse": "llmobserve_server.store.clickhouse.address:store_at",
    "duckdb": "llmobserve_server.store.duckdb.address:store_at",
    "parquet": "llmobserve_server.store.parquet.address:store_at",
    "postgres": "llmobserve_server.store.postgresql.address:store_at",
    "postgresql": "llmobserve_server.store.postgresql.address:store_at",
}
"""Scheme → `module:function` of a `StoreFactory`; the module is imported when the engine is used."""


def make_store(url: str, options: StoreOptions | None = None) -> Store:
    """The store at `url`, not opened.

    Raises:
        StoreError: no engine is known for the URL, it cannot be used, or a library is missing.
    """
    scheme = urlsplit(url).scheme
    factory = _factory(scheme)
    if factory is None:
        known = sorted({*_OWN, *(entry.name for entry in entry_points(group=ENTRY_POINTS))})
        raise StoreError(
            f"LLMOBSERVE_DB names the engine {scheme or url!r}, which this version does not have. "
            f"It has: {', '.join(known)}. Write, for example, duckdb:////var/lib/llmobserve/events.duckdb"
        )
    return factory(url, options or StoreOptions())


def open_store(
    url: str,
    *,
    memory_limit_bytes: int | None = None,
    threads: int | None = None,
    disk_reserve_bytes: int = 0,
) -> Store:
    """The opened and migrated store at `url`; the options are those of `StoreOptions`.

    Raises:
        StoreError: an engine that this version does not have, or a store that cannot be opened.
    """
    options = StoreOptions(
        memory_limit_bytes=memory_limit_bytes, threads=threads, disk_reserve_bytes=disk_reserve_bytes
    )
    store = make_store(url, options)
    store.initialize()
    return store


def _factory(scheme: str) -> StoreFactory | None:
    if scheme in _OWN:
        module, _, name = _OWN[scheme].partition(":")
        return cast("StoreFactory", getattr(import_module(module), name))
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name == scheme:
            try:
                return cast("StoreFactory", entry.load())
            except (ImportError, AttributeError) as error:
                raise StoreError(f"The engine of {scheme}: URLs ({entry.value}) cannot be loaded: {error}") from error
    return None
