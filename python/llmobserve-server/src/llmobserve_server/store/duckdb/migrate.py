"""Numbered SQL migrations: forward only, each in one transaction and recorded."""

import re
from importlib import resources

import duckdb

from llmobserve_server.errors import StoreError

__all__ = ["migrate", "migration_steps", "pending"]

_PACKAGE = "llmobserve_server.store.duckdb"
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL,
    applied_at TIMESTAMP NOT NULL DEFAULT current_localtimestamp()
)
"""
_IS_THERE = "SELECT 1 FROM duckdb_tables() WHERE table_name = 'schema_migrations'"
_FILE = re.compile(r"(\d{4})_(\w+)\.sql")


def migration_steps() -> list[tuple[int, str, str]]:
    """All migrations of this version in order: number, name, SQL."""
    steps: list[tuple[int, str, str]] = []
    for entry in resources.files(_PACKAGE).joinpath("migrations").iterdir():
        if match := _FILE.fullmatch(entry.name):
            steps.append((int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    return sorted(steps)


def migrate(connection: duckdb.DuckDBPyConnection, path: str) -> None:
    """Bring the file to the schema of this version.

    Raises:
        StoreError: the file was written by a newer version, whose schema this one does not know.
    """
    connection.execute(_TABLE)
    for version, name, sql in _missing(connection, path):
        connection.execute("BEGIN")
        connection.execute(sql)
        connection.execute("INSERT INTO schema_migrations (version, name) VALUES (?, ?)", [version, name])
        connection.execute("COMMIT")


def pending(connection: duckdb.DuckDBPyConnection | None, path: str) -> list[str]:
    """Names of the migrations that the file lacks; `None` for a file that is not there yet. Raises StoreError."""
    if connection is None or not connection.execute(_IS_THERE).fetchall():
        return [f"{version:04}_{name}" for version, name, _ in migration_steps()]
    return [f"{version:04}_{name}" for version, name, _ in _missing(connection, path)]


def _missing(connection: duckdb.DuckDBPyConnection, path: str) -> list[tuple[int, str, str]]:
    steps = migration_steps()
    applied = {row[0] for row in connection.execute("SELECT version FROM schema_migrations").fetchall()}
    known = steps[-1][0]
    if applied and max(applied) > known:
        raise StoreError(
            f"{path} has schema version {max(applied)}, written by a newer llmobserve-server; this one knows versions "
            f"up to {known}. Upgrade llmobserve-server, or set LLMOBSERVE_DB to another file."
        )
    return [step for step in steps if step[0] not in applied]
