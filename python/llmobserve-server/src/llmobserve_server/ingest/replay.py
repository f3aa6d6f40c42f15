"""Refused records decided about again, after an upgrade that understands them or a rule that has changed.

A record is judged as when it came: by the time of its arrival, with the sender that its batch had, and by today's
prices. Only records that were kept whole can come back: those of `/v1/events`, and spans and log records of OTLP. What
was replayed before is a duplicate, so that a replay may be repeated; the letters themselves go with their retention.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select

from llmobserve_server.errors import ServerError
from llmobserve_server.ingest.batch import BatchRows, place_text
from llmobserve_server.ingest.decode import Rejected
from llmobserve_server.ingest.entrance import Arriving
from llmobserve_server.ingest.otlp.batch import log_batch, trace_batch
from llmobserve_server.ingest.rows import Arrival
from llmobserve_server.pricing import Pricer
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import dead_letters, receipts

__all__ = ["MOST_LETTERS", "Replayed", "replayed_rows"]

MOST_LETTERS = 1000
"""So many are decided about at once, the oldest first."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_OTLP_REQUEST, _OTLP_LOGS = b'{"resource', b'{"resourceLogs'
_OTLP_ENTRANCES = {False: trace_batch, True: log_batch}
_SENDER = ("environment", "service", "process_id", "sdk", "sdk_version")


@dataclass(slots=True)
class Replayed:
    """What became of letters that were replayed."""

    letters: int = 0
    """That were looked at."""
    stored: int = 0
    """Records that are stored now and were not before."""
    duplicates: int = 0
    """Records that were stored already, from an earlier replay or because the sender came again."""
    refused: list[tuple[str | None, str]] = field(default_factory=list[tuple[str | None, str]])
    """Event id and today's reason of those that are refused again."""
    next_after: datetime | None = None
    """Arrival of the last letter, to go on from; `None` when there are no more."""


def replayed_rows(
    store: Store, project_id: str, pricer: Pricer, after: datetime | None
) -> tuple[Replayed, list[BatchRows]]:
    """The rows of letters of a project that came at or after a time (naive UTC; `None`: of all); a batch an arrival.

    Nothing is stored yet. Blocks; call from a reader thread. Raises StoreError.
    """
    letters = _letters(store, project_id, after)
    replayed = Replayed(letters=len(letters))
    if len(letters) == MOST_LETTERS:
        replayed.next_after = letters[-1]["received_at"]
    senders = _senders(store, project_id, letters)
    batches: dict[datetime, tuple[BatchRows, Arrival]] = {}
    rows_of_requests: list[BatchRows] = []
    for letter in letters:
        received_at: datetime = letter["received_at"]
        text = (letter["body"] or "").encode()
        if text.startswith(_OTLP_REQUEST):
            rows_of_requests += _request(text, letter, project_id, pricer, replayed)
            continue
        if received_at not in batches:
            sender = senders.get(received_at, dict.fromkeys((*_SENDER, "clock_skew_ms")))
            shared = {"project_id": project_id, "received_at": received_at, **sender}
            received_us = (received_at - _EPOCH) // timedelta(microseconds=1)
            batches[received_at] = (
                BatchRows(project_id, letter["batch_id"] or "", received_at),
                Arrival(received_us, shared),
            )
        batch, arrival = batches[received_at]
        try:
            place_text(batch, letter["position"] or 0, text, arrival, pricer)
        except Rejected as reason:
            replayed.refused.append((letter["event_id"], str(reason)))
    rows = [batch for batch in (*(batch for batch, _ in batches.values()), *rows_of_requests) if len(batch)]
    for batch in rows:
        batch.complete()
    return replayed, rows


def _request(text: bytes, letter: Row, project_id: str, pricer: Pricer, replayed: Replayed) -> list[BatchRows]:
    """The rows of a refused span or log record, which is kept as an OTLP request with it alone."""
    received_us = (letter["received_at"] - _EPOCH) // timedelta(microseconds=1)
    entrance = _OTLP_ENTRANCES[text.startswith(_OTLP_LOGS)]
    try:
        batch = entrance(text, Arriving(project_id, received_us, pricer, None), encoding="json")
    except ServerError as error:
        # It was cut when it was kept.
        replayed.refused.append((letter["event_id"], error.message))
        return []
    replayed.refused += [(verdict.event_id, verdict.message or "") for verdict in batch.rejected]
    # The letter is there already, and so is the receipt of the request.
    batch.rejected, batch.dead_letters, batch.receipt = [], [], {}
    return [batch]


def _letters(store: Store, project_id: str, after: datetime | None) -> list[Row]:
    c = dead_letters.c
    statement = select(dead_letters).where(c.project_id == project_id)
    if after is not None:
        statement = statement.where(c.received_at >= after)
    return store.fetch(statement.order_by(c.received_at, c.batch_id, c.position).limit(MOST_LETTERS))


def _senders(store: Store, project_id: str, letters: Sequence[Row]) -> Mapping[datetime, Mapping[str, object]]:
    """By arrival what the receipts say of the senders."""
    c = receipts.c
    if not letters:
        return {}
    names = (*_SENDER, "clock_skew_ms")
    statement = select(c.received_at, *(c[name] for name in names)).where(
        c.project_id == project_id,
        c.received_at >= letters[0]["received_at"],
        c.received_at <= letters[-1]["received_at"],
    )
    return {row["received_at"]: {name: row[name] for name in names} for row in store.fetch(statement)}
