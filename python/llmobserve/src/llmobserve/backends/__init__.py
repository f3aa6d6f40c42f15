"""Storage without a server: what is recorded goes from the spool straight to a folder of Parquet files or a database.

`observe(backend="parquet:DIR")` chooses one. Others are classes derived from `StorageBackend`, found by the entry-point
group `llmobserve.backends` under the scheme of their address; docs/guides/backends.md has one.
"""

from llmobserve.backends.base import BackendError, EventRefused, StorageBackend

__all__ = ["BackendError", "EventRefused", "StorageBackend"]
