"""From a URL `postgresql://…` to the store in that database."""

from llmobserve_server.errors import StoreError
from llmobserve_server.store.protocol import Store, StoreOptions

__all__ = ["store_at"]


def store_at(url: str, options: StoreOptions) -> Store:
    """The store, not opened; of the options none is about a server. Raises StoreError when psycopg is missing."""
    del options
    try:
        from llmobserve_server.store.postgresql.connection import Address
        from llmobserve_server.store.postgresql.engine import PostgresqlStore
    except ImportError as error:
        raise StoreError(
            f"The store is a PostgreSQL database, for which psycopg is missing ({error}): "
            "pip install 'llmobserve-server[postgresql]'"
        ) from error
    return PostgresqlStore(Address(url))
