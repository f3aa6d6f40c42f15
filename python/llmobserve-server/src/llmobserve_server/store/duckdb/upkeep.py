"""What is forgotten of the senders' state: reports that a later one replaced, and processes that are long gone."""

import duckdb

from llmobserve_server.store.duckdb.writer import transaction

__all__ = ["forget_old_health"]

_REPLACED_AFTER_HOURS = 1
_GONE_AFTER_DAYS = 30

# A process is forgotten as a whole: with half of its receipts, sequence numbers would seem to be missing.
_FORGET = (
    f"""DELETE FROM process_reports AS old
    WHERE received_at < now_utc() - INTERVAL {_REPLACED_AFTER_HOURS} HOUR
    AND EXISTS (SELECT 1 FROM process_reports AS new WHERE new.project_id = old.project_id
                AND new.process_id = old.process_id AND new.received_at > old.received_at)""",
    f"DELETE FROM process_reports WHERE received_at < now_utc() - INTERVAL {_GONE_AFTER_DAYS} DAY",
    *(
        f"""DELETE FROM {table} WHERE received_at < now_utc() - INTERVAL {_GONE_AFTER_DAYS} DAY
        AND (project_id, process_id) NOT IN (SELECT (project_id, process_id) FROM receipts
                                             WHERE received_at >= now_utc() - INTERVAL {_GONE_AFTER_DAYS} DAY)"""
        for table in ("losses", "receipts")
    ),
)


def forget_old_health(connection: duckdb.DuckDBPyConnection) -> None:
    """Delete what no question needs any more. Raises duckdb.Error, and then nothing was deleted."""
    with transaction(connection):
        for statement in _FORGET:
            connection.execute(statement.replace("now_utc()", "timezone('UTC', now())"))
