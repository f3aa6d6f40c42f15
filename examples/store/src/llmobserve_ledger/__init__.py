"""DuckDB with a ledger: a line of JSON for every transaction, with its calls and what they cost."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from llmobserve_server.errors import StoreError
from llmobserve_server.store.duckdb import DuckDBStore
from llmobserve_server.store.duckdb.address import file_of
from llmobserve_server.store.protocol import StoreOptions, WriteBatch, WriteResult

__all__ = ["LedgerStore", "store_at"]


class LedgerStore(DuckDBStore):
    """An engine may be anything that has the methods of `Store`; this one is ours, and does one thing more."""

    name = "ledger+duckdb"

    def __init__(self, path: Path, options: StoreOptions) -> None:
        super().__init__(
            path,
            memory_limit_bytes=options.memory_limit_bytes,
            threads=options.threads,
            disk_reserve_bytes=options.disk_reserve_bytes,
        )
        self._ledger = path.with_name(f"{path.name}.ledger")

    def write(self, batch: WriteBatch) -> WriteResult:
        """Store the batch, then write down what of it was new. Raises StoreError when nothing was stored."""
        result = super().write(batch)
        new = [
            row
            for row in batch.events
            if row["type"] == "call" and (row["project_id"], row["event_id"]) not in result.duplicate_event_ids
        ]
        if new:
            usd = sum((row.get("cost_usd") or Decimal(0) for row in new), Decimal(0))
            line = {"at": datetime.now(UTC).isoformat(), "calls": len(new), "usd": f"{usd:f}"}
            with self._ledger.open("a", encoding="utf-8") as ledger:
                ledger.write(json.dumps(line) + "\n")
        return result


def store_at(url: str, options: StoreOptions) -> LedgerStore:
    """The factory that the entry point names: the store at a URL, not opened."""
    if "?" in url:
        raise StoreError(f"{url}: this engine has no options.")
    return LedgerStore(file_of(url), options)
