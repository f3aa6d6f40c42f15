"""From a URL `parquet:///…` to the store in that directory."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from llmobserve_server.errors import StoreError
from llmobserve_server.store.parquet.engine import ParquetStore
from llmobserve_server.store.protocol import StoreOptions

__all__ = ["store_at"]


def store_at(url: str, options: StoreOptions) -> ParquetStore:
    """The store, not opened, of `parquet:///relative/directory` or `parquet:////absolute/directory`.

    Raises StoreError for a URL that names none.
    """
    parts = urlsplit(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.netloc or not path:
        raise StoreError(f"LLMOBSERVE_DB={url} names no directory. Write parquet:////var/lib/llmobserve/events")
    return ParquetStore(Path(path).expanduser(), options)
