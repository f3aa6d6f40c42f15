"""Newly priced calls as one DuckDB transaction: the old cost is kept beside, the new one takes its place."""

import duckdb

from llmobserve_server.store.arrow import to_arrow
from llmobserve_server.store.duckdb.writer import transaction
from llmobserve_server.store.protocol import CostBatch
from llmobserve_server.store.tables import COST_COLUMNS, cost_versions, reprice_log

__all__ = ["replace_costs"]

# Bounds of time, so that of ten million rows only the blocks of the chunk are read.
_SAME = (
    "old.project_id = new.project_id AND old.event_id = new.event_id "
    "AND coalesce(old.revision, 0) = coalesce(new.revision, 0) AND old.type = 'call' "
    "AND old.project_id = $project_id AND old.start_time BETWEEN $first AND $last"
)
_KEPT = [column.name for column in cost_versions.columns if column.name not in ("replaced_at", "job_id")]
_KEEP = (
    f"INSERT INTO cost_versions ({', '.join(_KEPT)}, replaced_at, job_id) "
    f"SELECT {', '.join(f'old.{name}' for name in _KEPT)}, $replaced_at, $job_id "
    f"FROM events AS old JOIN incoming_costs AS new ON {_SAME} ORDER BY old.start_time"
)
_REPLACE = (
    f"UPDATE events AS old SET {', '.join(f'{name} = new.{name}' for name in COST_COLUMNS)} "
    f"FROM incoming_costs AS new WHERE {_SAME}"
)
_LOG_NAMES = ", ".join(column.name for column in reprice_log.columns)
_LOG = f"INSERT INTO reprice_log ({_LOG_NAMES}) SELECT {_LOG_NAMES} FROM incoming_log"


class _Overtaken(Exception):
    """A call of the chunk has a newer revision than the one that was priced."""


def replace_costs(connection: duckdb.DuckDBPyConnection, batch: CostBatch) -> bool:
    """Write and commit `batch`; False, and nothing of it kept, when a call has changed since it was read.

    Raises duckdb.Error, or ValueError, TypeError or OverflowError for a value that does not fit its column.
    """
    connection.register("incoming_log", to_arrow("reprice_log", [batch.log]))
    try:
        with transaction(connection):
            if batch.rows:
                _replace(connection, batch)
            connection.execute(_LOG)
    except _Overtaken:
        return False
    finally:
        connection.unregister("incoming_log")
    return True


def _replace(connection: duckdb.DuckDBPyConnection, batch: CostBatch) -> None:
    times = [row["start_time"] for row in batch.rows]
    chunk = {"project_id": batch.log["project_id"], "first": min(times), "last": max(times)}
    connection.register("incoming_costs", to_arrow("events", batch.rows))
    try:
        connection.execute(_KEEP, {**chunk, "replaced_at": batch.log["logged_at"], "job_id": batch.log["job_id"]})
        replaced = connection.execute(_REPLACE, chunk).fetchone()
    finally:
        connection.unregister("incoming_costs")
    if replaced is None or replaced[0] != len(batch.rows):
        raise _Overtaken
