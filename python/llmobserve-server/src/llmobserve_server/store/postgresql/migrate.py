"""Numbered SQL migrations: forward only, each in one transaction and recorded; one collector at a time."""

import re
from importlib import resources
from typing import Any

from psycopg import Connection

from llmobserve_server.errors import StoreError
from llmobserve_server.store.postgresql.connection import OLDEST_VERSION
from llmobserve_server.store.postgresql.locks import MIGRATION, lock_key

__all__ = ["migrate", "pending"]

_PACKAGE = "llmobserve_server.store.postgresql"
_TABLE = """
CREATE TABLE IF NOT EXISTS llmobserve_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamp NOT NULL DEFAULT timezone('UTC', now())
)
"""
_FILE = re.compile(r"(\d{4})_(\w+)\.sql")


def _steps() -> list[tuple[int, str, bytes]]:
    """All migrations of this version in order: number, name, SQL."""
    steps: list[tuple[int, str, bytes]] = []
    for entry in resources.files(_PACKAGE).joinpath("migrations").iterdir():
        if match := _FILE.fullmatch(entry.name):
            steps.append((int(match[1]), match[2], entry.read_bytes()))
    return sorted(steps)


def migrate(connection: Connection[Any], place: str) -> None:
    """Bring the database to the schema of this version; collectors that start together wait for each other.

    Raises:
        StoreError: the server is too old, the database is not UTF-8, or a newer version of ours has written the schema.
    """
    if connection.info.server_version < OLDEST_VERSION * 10_000:
        version = connection.info.server_version // 10_000
        raise StoreError(f"{place} runs PostgreSQL {version}; llmobserve needs {OLDEST_VERSION} or later.")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreError(f"{place} has the encoding {encoding}; llmobserve needs a database WITH ENCODING 'UTF8'.")
    steps = _steps()
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", lock_key(MIGRATION))
        connection.execute(_TABLE)
    for version, name, sql in steps:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", lock_key(MIGRATION))
            applied = {row[0] for row in connection.execute("SELECT version FROM llmobserve_migrations").fetchall()}
            _refuse_newer(applied, steps[-1][0], place)
            if version not in applied:
                connection.execute(sql)
                connection.execute("INSERT INTO llmobserve_migrations (version, name) VALUES (%s, %s)", (version, name))


def pending(connection: Connection[Any], place: str) -> list[str]:
    """Names of the migrations that the database lacks. Raises StoreError."""
    steps = _steps()
    applied: set[int] = set()
    if connection.execute("SELECT to_regclass('llmobserve_migrations')").fetchone() != (None,):
        applied = {row[0] for row in connection.execute("SELECT version FROM llmobserve_migrations").fetchall()}
    _refuse_newer(applied, steps[-1][0], place)
    return [f"{version:04}_{name}" for version, name, _ in steps if version not in applied]


def _refuse_newer(applied: set[int], known: int, place: str) -> None:
    newest = max(applied, default=0)
    if newest > known:
        raise StoreError(
            f"{place} has schema version {newest}, written by a newer llmobserve-server; this one knows versions up "
            f"to {known}. Upgrade llmobserve-server, or set LLMOBSERVE_DB to another database."
        )
