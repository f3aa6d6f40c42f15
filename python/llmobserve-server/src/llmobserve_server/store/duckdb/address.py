"""From a URL `duckdb:///…` to the store in that file."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from llmobserve_server.errors import StoreError
from llmobserve_server.store.duckdb.engine import DuckDBStore
from llmobserve_server.store.protocol import StoreOptions

__all__ = ["file_of", "store_at"]


def file_of(url: str) -> Path:
    """The file that `duckdb:///relative/path` or `duckdb:////absolute/path` names. Raises StoreError for none."""
    parts = urlsplit(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.netloc or not path:
        raise StoreError(f"LLMOBSERVE_DB={url} names no file. Write duckdb:////var/lib/llmobserve/events.duckdb")
    return Path(path).expanduser()


def store_at(url: str, options: StoreOptions) -> DuckDBStore:
    """The store, not opened."""
    return DuckDBStore(
        file_of(url),
        memory_limit_bytes=options.memory_limit_bytes,
        threads=options.threads,
        disk_reserve_bytes=options.disk_reserve_bytes,
    )
