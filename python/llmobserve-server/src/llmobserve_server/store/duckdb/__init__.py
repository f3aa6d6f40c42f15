"""DuckDB: the embedded engine, one file, one process."""

from llmobserve_server.store.duckdb.engine import DuckDBStore

__all__ = ["DuckDBStore"]
