"""What is forgotten of the senders' state: reports that a later one replaced, and processes that are long gone."""

from llmobserve_server.store.clickhouse.connections import Session
from llmobserve_server.store.clickhouse.layout import Layout

__all__ = ["forget_old_health"]

_REPLACED = "now64(6, 'UTC') - INTERVAL 1 HOUR"
_GONE = "now64(6, 'UTC') - INTERVAL 30 DAY"


def forget_old_health(session: Session, layout: Layout) -> None:
    """Delete what no question needs any more, where there is any. Raises ClickHouseError."""
    reports, receipts = layout.rows_of("process_reports"), layout.rows_of("receipts")
    last = f"SELECT project_id, process_id, max(received_at) FROM {reports} GROUP BY project_id, process_id"
    replaced = f"received_at < {_REPLACED} AND (project_id, process_id, received_at) NOT IN ({last})"
    _delete(session, layout, "process_reports", f"received_at < {_GONE} OR ({replaced})")
    # A process is forgotten as a whole: with half of its receipts, sequence numbers would seem to be missing.
    alive = f"SELECT project_id, process_id FROM {receipts} WHERE received_at >= {_GONE}"
    for table in ("losses", "receipts"):
        _delete(session, layout, table, f"received_at < {_GONE} AND (project_id, process_id) NOT IN ({alive})")


def _delete(session: Session, layout: Layout, table: str, where: str) -> None:
    held = layout.rows_of(table)
    # A deletion rewrites something of every part, also where there is nothing to delete.
    if session.rows(f"SELECT 1 FROM {held} WHERE {where} LIMIT 1"):
        session.run(f"DELETE FROM {held} {layout.on_cluster} WHERE {where}")
