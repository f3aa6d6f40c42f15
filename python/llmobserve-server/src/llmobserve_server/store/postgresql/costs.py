"""Newly priced calls as one PostgreSQL transaction: the old cost is kept beside, the new one takes its place."""

from typing import Any

from psycopg import Connection

from llmobserve_server.store.postgresql.copying import copy_text, csv_of, stage
from llmobserve_server.store.postgresql.locks import lock_projects
from llmobserve_server.store.postgresql.sums.marks import Touched, mark
from llmobserve_server.store.protocol import CostBatch
from llmobserve_server.store.tables import COST_COLUMNS, cost_versions, events, reprice_log

__all__ = ["replace_costs"]

# Bounds of time, so that the other partitions are left out.
_SAME = (
    "old.project_id = new.project_id AND old.event_id = new.event_id AND old.start_time = new.start_time "
    "AND coalesce(old.revision, 0) = coalesce(new.revision, 0) AND old.type = 'call' "
    "AND old.project_id = %(project_id)s AND old.start_time BETWEEN %(first)s AND %(last)s"
)
_KEPT = [column.name for column in cost_versions.columns if column.name not in ("replaced_at", "job_id")]
_KEEP = (
    f"INSERT INTO cost_versions ({', '.join(_KEPT)}, replaced_at, job_id) "
    f"SELECT {', '.join(f'old.{name}' for name in _KEPT)}, %(replaced_at)s, %(job_id)s "
    f"FROM events AS old JOIN incoming_events AS new ON {_SAME} ORDER BY old.start_time"
)
_REPLACE = (
    f"UPDATE events AS old SET {', '.join(f'{name} = new.{name}' for name in COST_COLUMNS)} "
    f"FROM incoming_events AS new WHERE {_SAME}"
)
_EVENT_COLUMNS = [column.name for column in events.columns]
_LOG_COLUMNS = [column.name for column in reprice_log.columns]


class _Overtaken(Exception):
    """A call of the chunk has a newer revision than the one that was priced."""


def replace_costs(connection: Connection[Any], batch: CostBatch) -> bool:
    """Write and commit `batch`; False, and nothing of it kept, when a call has changed since it was read.

    Raises psycopg.Error, or ValueError, TypeError or OverflowError for a value that does not fit its column.
    """
    try:
        with connection.transaction():
            if batch.rows:
                _replace(connection, batch)
            copy_text(connection, "reprice_log", _LOG_COLUMNS, csv_of("reprice_log", [batch.log]))
    except _Overtaken:
        return False
    return True


def _replace(connection: Connection[Any], batch: CostBatch) -> None:
    times = [row["start_time"] for row in batch.rows]
    project_id = batch.log["project_id"]
    chunk = {"project_id": project_id, "first": min(times), "last": max(times)}
    lock_projects(connection, [project_id])
    stage(connection, "events", _EVENT_COLUMNS, csv_of("events", batch.rows))
    told = {"replaced_at": batch.log["logged_at"], "job_id": batch.log["job_id"]}
    connection.execute(_KEEP.encode(), {**chunk, **told})
    if connection.execute(_REPLACE.encode(), chunk).rowcount != len(batch.rows):
        raise _Overtaken
    touched = Touched()
    for time in times:
        touched.add(project_id, time)
    mark(connection, touched)
