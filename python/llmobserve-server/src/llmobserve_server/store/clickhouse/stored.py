"""Rows that are stored, by their ids: which there are, and what they hold."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from llmobserve_server.store.clickhouse.blocks import as_stored
from llmobserve_server.store.clickhouse.connections import Session
from llmobserve_server.store.clickhouse.dialect import literal_text
from llmobserve_server.store.protocol import Key
from llmobserve_server.store.tables import metadata

__all__ = ["by_project", "known_keys", "stored_rows"]

_MOST_IDS = 10_000


def known_keys(session: Session, table: str, keys: Collection[Key]) -> set[Key]:
    """Those of the ids that are stored. Raises ClickHouseError."""
    wanted, listed = set(keys), list(keys)
    found: set[Key] = set()
    for start in range(0, len(listed), _MOST_IDS):
        part = listed[start : start + _MOST_IDS]
        ids = [event_id for _, event_id in part]
        projects = sorted({project for project, _ in part})
        # Bounds first: ids made at about the same time lie together, and the index then names a few blocks.
        rows = session.rows(
            f"SELECT project_id, event_id FROM {table} WHERE project_id IN {literal_text(projects)} "
            f"AND event_id BETWEEN {literal_text(min(ids))} AND {literal_text(max(ids))} "
            f"AND event_id IN {literal_text(ids)} SETTINGS final = 0"
        )
        found.update((row[0], row[1]) for row in rows)
    return found & wanted


def stored_rows(session: Session, table: str, keys: Collection[Key]) -> dict[Key, dict[str, Any]]:
    """Whole rows, as they can be written again, by id. Raises ClickHouseError."""
    names = [column.name for column in metadata.tables[table].columns]
    found: dict[Key, dict[str, Any]] = {}
    for project, ids in _parts(keys):
        rows = session.rows(
            f"SELECT {', '.join(names)} FROM {table} WHERE project_id = {literal_text(project)} "
            f"AND event_id IN {literal_text(ids)}"
        )
        for values in rows:
            row = as_stored(table, names, values)
            found[(project, row["event_id"])] = row
    return found


def by_project(pairs: Collection[Key]) -> dict[str, list[str]]:
    """The second parts of pairs by project."""
    grouped: dict[str, list[str]] = {}
    for project, value in pairs:
        grouped.setdefault(project, []).append(value)
    return grouped


def _parts(keys: Collection[Key]) -> Iterator[tuple[str, Sequence[str]]]:
    for project, ids in by_project(keys).items():
        for start in range(0, len(ids), _MOST_IDS):
            yield project, ids[start : start + _MOST_IDS]
