"""One batch as a sequence of insertions, in an order in which an end between two of them loses and doubles nothing.

There are no transactions. Rows have versions, of which the newest is read; ids that are stored are left out. Receipts
are written last: where one is missing, the sender had no answer and sends again, and what was stored then counts as
stored before. Until it does, the next start finishes what was left to merge. See docs/decisions, "ClickHouse".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow

from llmobserve_server.store.arrow import to_arrow
from llmobserve_server.store.clickhouse.blocks import block_of, versioned
from llmobserve_server.store.clickhouse.call_records import ClickHouseCallRecords, decoded
from llmobserve_server.store.clickhouse.clock import Clock
from llmobserve_server.store.clickhouse.connections import Session
from llmobserve_server.store.clickhouse.stored import known_keys, stored_rows
from llmobserve_server.store.kept_rows import REVISED, counted_receipts, newest_by_key
from llmobserve_server.store.merging import FACTS, merge_records
from llmobserve_server.store.protocol import Key, Row, WriteBatch, WriteResult

__all__ = ["finish_merging", "write_batch"]

# pyarrow is a compiled module without stubs.
pa: Any = pyarrow

_KEYED = ("contents", "scores", "facts", "span_starts", "events")
"""In the order of writing: what is attached to an event is there when the event is."""
_LAST = ("dead_letters", "losses", "process_reports", "receipts")
_UNFINISHED = (
    f"SELECT {', '.join(FACTS)} FROM events "
    "WHERE received_at >= (SELECT max(received_at) FROM events) - INTERVAL 5 MINUTE "
    "AND (project_id, received_at) NOT IN (SELECT project_id, received_at FROM receipts) "
    # More than one transaction has; what came without a receipt of its own is none the worse for being looked at.
    "ORDER BY received_at DESC LIMIT 20000"
)


@dataclass(slots=True)
class _Plan:
    """What is to be written of a batch."""

    written_us: int
    blocks: dict[str, Any] = field(default_factory=dict[str, Any])
    known: dict[str, frozenset[Key]] = field(default_factory=dict[str, frozenset[Key]])
    """Ids that are stored and stay as they are."""
    stale: list[Key] = field(default_factory=list[Key])
    """Keys of calls that revisions take from them."""
    had: frozenset[Key] = frozenset()
    """Ids of events that are stored, those that a revision replaces included."""

    def insert(self, session: Session, table: str) -> None:
        if table in self.blocks:
            session.insert(table, self.blocks[table], f"{table}-{self.written_us}")


def write_batch(session: Session, clock: Clock, batch: WriteBatch) -> WriteResult:
    """Write `batch`.

    Raises ClickHouseError, and then a part may be stored; ValueError, TypeError or OverflowError for a value that does
    not fit its column, and then nothing is.
    """
    kept = {table: newest_by_key(rows) for table, rows in batch.keyed().items()}
    plan = _Plan(clock.next())
    for table, rows in batch.keyed().items():
        plan.known[table] = frozenset()
        if rows:
            # As they came where all are kept: they may be columns already.
            whole = rows if len(rows) == len(kept[table]) else list(kept[table].values())
            _add_keyed(session, plan, table, kept[table], whole)
    others: dict[str, Sequence[Row]] = {
        "dead_letters": batch.dead_letters,
        "losses": batch.losses,
        "process_reports": batch.process_reports,
        "receipts": counted_receipts(batch, kept, WriteResult(plan.known)),
    }
    plan.blocks |= {table: block_of(table, rows, plan.written_us) for table, rows in others.items() if rows}
    for table in _KEYED:
        plan.insert(session, table)
    merged = _merge(session, clock, kept["events"], plan)
    for table in _LAST:
        plan.insert(session, table)
    return WriteResult(plan.known, merged)


def finish_merging(session: Session, clock: Clock) -> None:
    """Merge the records of the last minutes whose batch has no receipt: its writer may have ended before it did that.

    Raises ClickHouseError.
    """
    rows = [decoded(FACTS, values) for values in session.rows(_UNFINISHED)]
    if rows:
        merge_records(ClickHouseCallRecords(session, clock), rows)


def _add_keyed(session: Session, plan: _Plan, table: str, kept: Mapping[Key, Row], rows: Sequence[Row]) -> None:
    block: Any = to_arrow(table, rows)
    stored = known_keys(session, table, kept.keys())
    if stored:
        block = block.filter(pa.array([key not in stored for key in kept], pa.bool_()))
    if table == "events":
        plan.had = frozenset(stored)
    if revised := _revised(session, kept, stored, plan) if table == "events" else []:
        block = pa.concat_tables([block, to_arrow(table, revised)])
    if block.num_rows:
        plan.blocks[table] = versioned(table, block, plan.written_us)
    plan.known[table] = frozenset(stored)


def _revised(session: Session, kept: Mapping[Key, Row], stored: set[Key], plan: _Plan) -> list[Row]:
    """Stored calls as newer revisions make them; these are no longer among `stored`."""
    rows: list[Row] = []
    newer = [key for key in stored if kept[key].get("revision")]
    for key, old in stored_rows(session, "events", newer).items():
        new = kept[key]
        if (old["revision"] or 0) >= new["revision"] or old["type"] != new["type"]:
            continue
        # A revision that names no id of the call does not take back the one that was named.
        call_key = new.get("call_key") or old["call_key"]
        rows.append({**old, **{name: new.get(name) for name in REVISED}, "call_key": call_key})
        stored.discard(key)
        if old["call_key"] not in {None, call_key}:
            plan.stale.append((key[0], old["call_key"]))
    return rows


def _merge(session: Session, clock: Clock, events: Mapping[Key, Row], plan: _Plan) -> Mapping[Key, str]:
    """Leave one charge to each provider call that the events of the batch are about; of the batch, who is merged."""
    if not events:
        return {}
    # Of what was stored before as well: a batch that comes again may be one whose merging was cut short.
    changed = merge_records(ClickHouseCallRecords(session, clock), list(events.values()), plan.stale, plan.had)
    return {key: winner for key, winner in changed.items() if winner is not None and key in events}
