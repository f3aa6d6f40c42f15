"""Newly priced calls: the old cost is kept beside, then the new one is said, then the log of it.

After an end in between the job does the chunk again: a cost that was kept already has the same key, and a call that has
its new cost is no change any more.
"""

from typing import Any

from llmobserve_server.errors import StoreError
from llmobserve_server.store.clickhouse.blocks import block_of
from llmobserve_server.store.clickhouse.clock import Clock
from llmobserve_server.store.clickhouse.connections import Session
from llmobserve_server.store.clickhouse.dialect import literal_text
from llmobserve_server.store.clickhouse.stored import stored_rows
from llmobserve_server.store.kept_rows import key_of
from llmobserve_server.store.protocol import CostBatch
from llmobserve_server.store.tables import COST_COLUMNS, cost_versions

__all__ = ["replace_costs"]

_KEPT = [column.name for column in cost_versions.columns if column.name not in {"replaced_at", "job_id"}]


def replace_costs(session: Session, clock: Clock, batch: CostBatch) -> bool:
    """Write `batch`; False, and nothing of it written, when a call has changed since it was read.

    Raises ClickHouseError, StoreError for an entry of the log that is there, and ValueError, TypeError or OverflowError
    for a value that does not fit its column.
    """
    _check_new(session, batch)
    new = {key_of(row): row for row in batch.rows}
    old = stored_rows(session, "events", new.keys())
    for key, row in new.items():
        before = old.get(key)
        if before is None or before["type"] != "call" or (before["revision"] or 0) != (row.get("revision") or 0):
            return False
    written_us = clock.next()
    blocks: list[tuple[str, Any]] = []
    if new:
        told = {"replaced_at": batch.log["logged_at"], "job_id": batch.log["job_id"]}
        kept = [{**{name: row[name] for name in _KEPT}, **told} for row in old.values()]
        costs = {key: {name: row.get(name) for name in COST_COLUMNS} for key, row in new.items()}
        blocks.append(("cost_versions", block_of("cost_versions", kept, written_us)))
        blocks.append(("events", block_of("events", [{**row, **costs[key]} for key, row in old.items()], written_us)))
    blocks.append(("reprice_log", block_of("reprice_log", [batch.log], written_us)))
    for table, block in blocks:
        session.insert(table, block, f"{table}-{written_us}")
    return True


def _check_new(session: Session, batch: CostBatch) -> None:
    log = batch.log
    where = " AND ".join(f"{name} = {literal_text(log[name])}" for name in ("project_id", "job_id", "number"))
    if session.rows(f"SELECT 1 FROM reprice_log WHERE {where} LIMIT 1"):
        raise StoreError(f"The re-pricing {log['job_id']} has an entry {log['number']} already.")
