"""Numbered migrations of ClickHouse tables: forward only, each statement such that it may run twice.

There are no transactions of DDL. A migration is recorded when all of its statements have run; one that was cut short
runs again from its beginning.
"""

import re
from importlib import resources

from llmobserve_server.errors import StoreError
from llmobserve_server.store.clickhouse.connections import Session
from llmobserve_server.store.clickhouse.dialect import literal_text
from llmobserve_server.store.clickhouse.layout import Layout

__all__ = ["migrate", "pending", "steps"]

_PACKAGE = "llmobserve_server.store.clickhouse"
_TABLE = (
    "CREATE TABLE IF NOT EXISTS schema_migrations {on_cluster} "
    "(version UInt32, name String, applied_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')) "
    "ENGINE = {shared} ORDER BY version {settings}"
)
_FILE = re.compile(r"(\d{4})_(\w+)\.sql")
_IS_THERE = "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'"


def steps() -> list[tuple[int, str, list[str]]]:
    """All migrations of this version in order: number, name, templates of their statements."""
    found: list[tuple[int, str, list[str]]] = []
    for entry in resources.files(_PACKAGE).joinpath("migrations").iterdir():
        if match := _FILE.fullmatch(entry.name):
            text = entry.read_text(encoding="utf-8")
            statements = [part.strip() for part in text.split(";\n") if part.strip()]
            found.append((int(match[1]), match[2], statements))
    return sorted(found)


def migrate(session: Session, layout: Layout, shown: str) -> None:
    """Bring the tables to the schema of this version.

    Raises ClickHouseError, and StoreError for tables of a newer version, whose schema this one does not know.
    """
    session.run(layout.fill(_TABLE))
    missing = _missing(session, shown)
    for version, name, statements in missing:
        for statement in statements:
            session.run(layout.fill(statement))
        session.run(f"INSERT INTO schema_migrations (version, name) VALUES ({version:d}, {literal_text(name)})")
    if missing:
        for statement in layout.views():
            session.run(statement)


def pending(session: Session, shown: str) -> list[str]:
    """Names of the migrations that are missing; nothing is changed. Raises ClickHouseError or StoreError."""
    missing = _missing(session, shown) if session.rows(_IS_THERE) else steps()
    return [f"{version:04}_{name}" for version, name, _ in missing]


def _missing(session: Session, shown: str) -> list[tuple[int, str, list[str]]]:
    known = steps()
    applied = {int(row[0]) for row in session.rows("SELECT version FROM schema_migrations")}
    if applied and max(applied) > known[-1][0]:
        raise StoreError(
            f"{shown} has schema version {max(applied)}, written by a newer llmobserve-server; this one knows versions "
            f"up to {known[-1][0]}. Upgrade llmobserve-server, or set LLMOBSERVE_DB to another database."
        )
    return [step for step in known if step[0] not in applied]
