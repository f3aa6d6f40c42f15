"""What is done when nothing else is going on: old states of senders are forgotten, partitions made ahead."""

from typing import Any

from psycopg import Connection

from llmobserve_server.store.postgresql.partitions import Partitions

__all__ = ["keep_up"]

_REPLACED_AFTER_HOURS = 1
_GONE_AFTER_DAYS = 30
_NOW = "timezone('UTC', now())"
_GONE = f"{_NOW} - interval '{_GONE_AFTER_DAYS} days'"

# A process is forgotten as a whole: with half of its receipts, sequence numbers would seem to be missing.
_FORGET = (
    f"""DELETE FROM process_reports AS old
    WHERE received_at < {_NOW} - interval '{_REPLACED_AFTER_HOURS} hour'
    AND EXISTS (SELECT 1 FROM process_reports AS new WHERE new.project_id = old.project_id
                AND new.process_id = old.process_id AND new.received_at > old.received_at)""",
    f"DELETE FROM process_reports WHERE received_at < {_GONE}",
    *(
        f"""DELETE FROM {table} AS old WHERE received_at < {_GONE}
        AND NOT EXISTS (SELECT 1 FROM receipts AS new WHERE new.project_id = old.project_id
                        AND new.process_id = old.process_id AND new.received_at >= {_GONE})"""
        for table in ("losses", "receipts")
    ),
)


def _forget_old_health(connection: Connection[Any]) -> None:
    """Delete what no question needs any more. Raises psycopg.Error, and then nothing was deleted."""
    with connection.transaction():
        for statement in _FORGET:
            connection.execute(statement.encode())


def keep_up(connection: Connection[Any], partitions: Partitions) -> None:
    """All of it. Raises psycopg.Error."""
    partitions.make_ahead(connection)
    _forget_old_health(connection)
