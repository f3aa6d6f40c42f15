"""What did not arrive or was not taken: losses that senders state, gaps in sequence numbers, refused records.

All of it is about the time of arrival. A batch whose answer got lost comes twice, with the same id: its losses and its
numbers count once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Subquery, case, desc, func, nulls_last, tuple_

from llmobserve_server.query.health_answers import (
    DeadLetter,
    DeadLetterGroup,
    DeadLetterList,
    Loss,
    RecordCounts,
    SequenceGap,
)
from llmobserve_server.query.health_fixes import GAP_FIX, letter_fix, loss_text
from llmobserve_server.query.spend import as_int
from llmobserve_server.query.window import Scope, Selection, as_utc, outer_select
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import dead_letters, losses, receipts

__all__ = ["NOT_NUMBERED", "count_records", "list_dead_letters", "list_gaps", "list_letter_groups", "list_losses"]

NOT_NUMBERED = frozenset({"bad_score", "content_too_big", "memory_full_content", "spans_full", "spool_full_content"})
"""Reasons for which the SDK loses records that never had a sequence number."""
_ON_THE_WAY = timedelta(minutes=5)
_MAX_LOSSES = 2000
_MAX_GAPS = 1000
_MAX_GROUPS = 50
_MAX_LETTERS = 50
_MAX_BODY = 8000


def of_service(statement: Selection, column: ColumnElement[Any], service: str | None) -> Selection:
    """The statement about one service only; an empty name means senders without one, `None` all."""
    if service is None:
        return statement
    return statement.where(column == service) if service else statement.where(column.is_(None))


def count_records(store: Store, scope: Scope, service: str | None) -> RecordCounts:
    """What became of the records that arrived in the window."""
    c = receipts.c
    sums = [func.sum(column).label(f"n_{column.name}") for column in (c.records, c.rejected, c.duplicates)]
    statement = scope.select_received(receipts, func.count().label("n_batches"), *sums)
    row = store.fetch(of_service(statement, c.service, service))[0]
    received, rejected, duplicates = (as_int(row[f"n_{name}"]) for name in ("records", "rejected", "duplicates"))
    return RecordCounts(
        batches=as_int(row["n_batches"]),
        received=received,
        stored=received - rejected - duplicates,
        rejected=rejected,
        duplicates=duplicates,
    )


def list_losses(store: Store, scope: Scope, service: str | None) -> list[Loss]:
    """Records that senders lost, by service and reason, the most first."""
    c = losses.c
    once = _once(of_service(_loss_rows(scope, windowed=True), c.service, service)).subquery("once")
    records = func.sum(once.c.records).label("n_records")
    statement = (
        outer_select(once, once.c.service, once.c.reason, records, func.max(once.c.last_at).label("last_at"))
        .group_by(once.c.service, once.c.reason)
        .order_by(desc(records), nulls_last(once.c.service), once.c.reason)
        .limit(_MAX_LOSSES)
    )
    return [_loss(row) for row in store.fetch(statement)]


def _loss_rows(scope: Scope, *, windowed: bool) -> Selection:
    c = losses.c
    columns = (
        c.process_id,
        c.batch_id,
        c.service,
        c.reason,
        func.max(c.records).label("records"),
        func.max(c.received_at).label("last_at"),
    )
    return scope.select_received(losses, *columns) if windowed else scope.unbounded().select(losses, *columns)


def _once(statement: Selection) -> Selection:
    c = losses.c
    return statement.group_by(c.process_id, c.batch_id, c.service, c.reason)


def _loss(row: Row) -> Loss:
    meaning, fix = loss_text(row["reason"])
    return Loss(
        service=row["service"],
        reason=row["reason"],
        records=as_int(row["n_records"]),
        last_at=as_utc(row["last_at"]),
        meaning=meaning,
        fix=fix,
    )


def list_gaps(store: Store, scope: Scope, service: str | None, now: datetime) -> list[SequenceGap]:
    """Processes that sent something in the window and of whose sequence numbers some are missing.

    `now`: naive UTC; what was missing five minutes before it already is not on the way any more.
    """
    seen = of_service(scope.select_received(receipts, receipts.c.process_id), receipts.c.service, service)
    batches = _batches(scope, seen)
    c = batches.c
    settled = c.received_at <= now - _ON_THE_WAY
    columns = (
        *_span("", c.first_sequence, c.last_sequence, c.numbered),
        *_span("old_", *(case((settled, part)) for part in (c.first_sequence, c.last_sequence, c.numbered))),
    )
    missing = func.max(c.last_sequence) - func.min(c.first_sequence) + 1 - func.sum(c.numbered)
    statement = (
        outer_select(
            batches,
            c.process_id,
            func.max(c.service).label("service"),
            func.max(c.received_at).label("last_seen"),
            *columns,
        )
        .group_by(c.process_id)
        .having(missing > 0)
        .order_by(desc(missing), c.process_id)
        .limit(_MAX_GAPS)
    )
    rows = store.fetch(statement)
    lost = _lost_by_process(store, scope, [row["process_id"] for row in rows])
    return [_gap(row, lost.get(row["process_id"], 0)) for row in rows]


def _batches(scope: Scope, seen: Selection) -> Subquery:
    """Each batch of the processes once, over their whole life."""
    c = receipts.c
    key = (c.process_id, c.batch_id, c.service, c.first_sequence, c.last_sequence, c.numbered)
    return (
        scope.unbounded()
        .select(receipts, *key, func.min(c.received_at).label("received_at"))
        .where(c.numbered > 0, c.process_id.in_(seen))
        .group_by(*key)
        .subquery("batches")
    )


def _span(prefix: str, first: Any, last: Any, numbered: Any) -> list[ColumnElement[Any]]:
    return [
        func.min(first).label(f"{prefix}first"),
        func.max(last).label(f"{prefix}last"),
        func.sum(numbered).label(f"{prefix}arrived"),
    ]


def _lost_by_process(store: Store, scope: Scope, processes: Sequence[str]) -> dict[str, int]:
    """Numbered records that each process says it lost, since it began."""
    if not processes:
        return {}
    c = losses.c
    rows = _loss_rows(scope, windowed=False).where(c.process_id.in_(processes), c.reason.not_in(sorted(NOT_NUMBERED)))
    once = _once(rows).subquery("once")
    total = func.sum(once.c.records).label("n_records")
    statement = outer_select(once, once.c.process_id, total).group_by(once.c.process_id)
    return {row["process_id"]: as_int(row["n_records"]) for row in store.fetch(statement)}


def _gap(row: Row, lost: int) -> SequenceGap:
    expected = row["last"] - row["first"] + 1
    arrived = as_int(row["arrived"])
    missing = expected - arrived
    before = 0 if row["old_last"] is None else row["old_last"] - row["old_first"] + 1 - as_int(row["old_arrived"])
    settled = min(missing, before)
    explained = min(lost, settled)
    unexplained = settled - explained
    return SequenceGap(
        process_id=row["process_id"],
        service=row["service"],
        first_sequence=row["first"],
        last_sequence=row["last"],
        expected=expected,
        arrived=arrived,
        on_the_way=missing - settled,
        lost=explained,
        unexplained=unexplained,
        last_seen=as_utc(row["last_seen"]),
        fix=GAP_FIX if unexplained else None,
    )


def _letters(scope: Scope, service: str | None, *columns: Any) -> Selection:
    statement = scope.select_received(dead_letters, *columns)
    if service is None:
        return statement
    # A refused record has no sender of its own: its batch has.
    c = receipts.c
    sent = of_service(scope.select_received(receipts, c.batch_id, c.received_at), c.service, service)
    return statement.where(tuple_(dead_letters.c.batch_id, dead_letters.c.received_at).in_(sent))


def list_letter_groups(store: Store, scope: Scope, service: str | None) -> list[DeadLetterGroup]:
    """Refused records by reason, the most frequent first."""
    c = dead_letters.c
    records = func.count().label("n_records")
    statement = (
        _letters(scope, service, c.reason, records, func.max(c.received_at).label("last_at"))
        .group_by(c.reason)
        .order_by(desc(records), c.reason)
        .limit(_MAX_GROUPS)
    )
    return [
        DeadLetterGroup(
            reason=row["reason"],
            records=as_int(row["n_records"]),
            last_at=as_utc(row["last_at"]),
            fix=letter_fix(row["reason"]),
        )
        for row in store.fetch(statement)
    ]


def list_dead_letters(store: Store, scope: Scope, service: str | None, reason: str | None) -> DeadLetterList:
    """The latest refused records of the window, with their text. `reason`: only those; `None`: all."""
    c = dead_letters.c
    statement = _letters(scope, service, c.received_at, c.batch_id, c.position, c.event_id, c.reason, c.body)
    if reason is not None:
        statement = statement.where(c.reason == reason)
    rows = store.fetch(statement.order_by(desc(c.received_at), c.batch_id, c.position).limit(_MAX_LETTERS + 1))
    return DeadLetterList(letters=[_letter(row) for row in rows[:_MAX_LETTERS]], truncated=len(rows) > _MAX_LETTERS)


def _letter(row: Row) -> DeadLetter:
    body: str = row["body"] or ""
    return DeadLetter(
        received_at=as_utc(row["received_at"]),
        batch_id=row["batch_id"],
        position=row["position"],
        event_id=row["event_id"],
        reason=row["reason"],
        body=body[:_MAX_BODY],
        truncated=len(body) > _MAX_BODY,
    )
