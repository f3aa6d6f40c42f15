"""From the URL of a store to its engine."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from llmobserve_server.errors import StoreError
from llmobserve_server.store.protocol import Store

__all__ = ["open_store"]

_ENGINES = "duckdb:///PATH"


def open_store(
    url: str,
    *,
    memory_limit_bytes: int | None = None,
    threads: int | None = None,
    disk_reserve_bytes: int = 0,
) -> Store:
    """The opened and migrated store at `url`.

    Args:
        url: `duckdb:///relative/path` or `duckdb:////absolute/path`.
        memory_limit_bytes: what the engine may use in this process; `None` for its default.
        threads: threads of its queries; `None` for the number of cores.
        disk_reserve_bytes: free space below which nothing more is written.

    Raises:
        StoreError: an engine that this version does not have, or a store that cannot be opened.
    """
    parts = urlsplit(url)
    if parts.scheme != "duckdb":
        raise StoreError(
            f"LLMOBSERVE_DB names the engine {parts.scheme or url!r}, which this version does not have. "
            f"It has one: {_ENGINES}"
        )
    path = unquote(parts.path).removeprefix("/")
    if parts.netloc or not path:
        raise StoreError(f"LLMOBSERVE_DB={url} names no file. Write duckdb:////var/lib/llmobserve/events.duckdb")
    from llmobserve_server.store.duckdb import DuckDBStore

    store = DuckDBStore(
        Path(path).expanduser(),
        memory_limit_bytes=memory_limit_bytes,
        threads=threads,
        disk_reserve_bytes=disk_reserve_bytes,
    )
    store.initialize()
    return store
