"""One posted batch as rows: every record gets its own verdict, and none can spoil another."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from llmobserve.wire import CallEvent, FactRecord, ScoreRecord, SpanEvent, Verdict
from llmobserve_server.errors import BadRequest
from llmobserve_server.estimates import Estimator
from llmobserve_server.ingest.attached import fact_row, score_row
from llmobserve_server.ingest.checks import LIMITS, MAX_QUANTITY, NOTICEABLE_US, SHORT, Notes, is_exact_usd
from llmobserve_server.ingest.decode import (
    ContentText,
    Decoded,
    Rejected,
    decode_record,
    id_of,
    sequence_of,
)
from llmobserve_server.ingest.envelope import Envelope
from llmobserve_server.ingest.estimated_calls import REPAIRED, estimate_again
from llmobserve_server.ingest.money import cost_columns
from llmobserve_server.ingest.plain import PlacedPlain, PlainRecord, as_plain, decode_plain
from llmobserve_server.ingest.receipt import loss_rows, receipt_row, report_row
from llmobserve_server.ingest.rows import Arrival, call_row, content_row, span_row
from llmobserve_server.pricing import Pricer
from llmobserve_server.store.blocks import RowBlock, RowChain
from llmobserve_server.store.protocol import KEYED_TABLES, Row, WriteBatch

__all__ = [
    "BatchRows",
    "PlacedRow",
    "attached_rows",
    "batch_rows",
    "dead_letter",
    "place_plain",
    "place_record",
    "place_text",
    "place_with_care",
]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_encode = msgspec.json.Encoder(decimal_format="string").encode
_MAX_BODY_BYTES = 64 * 1024

PlacedRow = tuple[int, dict[str, Any]]
"""Position in the batch, and the row."""


@dataclass(slots=True)
class BatchRows:
    """The rows of one batch by table."""

    project_id: str
    batch_id: str
    received_at: datetime
    events: list[PlacedRow] = field(default_factory=list[PlacedRow])
    span_starts: list[PlacedRow] = field(default_factory=list[PlacedRow])
    contents: list[PlacedRow] = field(default_factory=list[PlacedRow])
    scores: list[PlacedRow] = field(default_factory=list[PlacedRow])
    facts: list[PlacedRow] = field(default_factory=list[PlacedRow])
    dead_letters: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    rejected: list[Verdict] = field(default_factory=list[Verdict])
    plain: list[PlacedPlain] = field(default_factory=list[PlacedPlain])
    """Calls and spans that become columns, in `blocks`, when the batch is complete."""
    blocks: list[tuple[list[int], RowBlock]] = field(default_factory=list[tuple[list[int], RowBlock]])
    """Rows of `events` as columns, each with the positions of its rows."""
    estimated: list[tuple[int, CallEvent]] = field(default_factory=list[tuple[int, CallEvent]])
    """Place in `events` and record of the calls whose usage is the sender's estimate."""
    receipt: dict[str, Any] = field(default_factory=dict[str, Any])
    """Empty for a batch that says nothing at all."""
    losses: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    report: dict[str, Any] | None = None

    def __len__(self) -> int:
        rows = sum(len(getattr(self, table)) for table in KEYED_TABLES) + len(self.dead_letters)
        return rows + len(self.plain) + sum(len(block) for _, block in self.blocks)

    def complete(self) -> None:
        """Make columns of the plain records: to be called on the decoding thread, when all records are placed."""
        if self.plain:
            # Imported here, because pyarrow takes a fifth of a second that a start need not wait for.
            from llmobserve_server.ingest.event_columns import event_blocks

            plain, self.plain = self.plain, []
            self.blocks += event_blocks(plain)

    def spread(self) -> None:
        """Make single rows of the columns again, for those who judge row by row."""
        self.complete()
        for positions, block in self.blocks:
            self.events += [(position, {**row}) for position, row in zip(positions, block, strict=True)]
        self.blocks = []

    def placed(self, table: str) -> list[tuple[Sequence[int], Sequence[Row]]]:
        """The rows of a table of `KEYED_TABLES` in groups, each with the positions of its rows."""
        self.complete()
        single: list[PlacedRow] = getattr(self, table)
        groups: list[tuple[Sequence[int], Sequence[Row]]] = list(self.blocks) if table == "events" else []
        if single:
            groups.append(([position for position, _ in single], [row for _, row in single]))
        return groups

    def to_write(self) -> WriteBatch:
        """The rows as the store takes them."""
        return WriteBatch(
            **{table: RowChain([rows for _, rows in self.placed(table)]) for table in KEYED_TABLES},
            dead_letters=self.dead_letters,
            **self.health_to_write(),
        )

    def health_to_write(self, duplicates: int = 0) -> dict[str, list[dict[str, Any]]]:
        """What is kept of the batch itself. `duplicates`: records that the store is not asked to count."""
        receipt = {**self.receipt, "rejected": len(self.rejected), "duplicates": duplicates}
        return {
            "receipts": [receipt] if self.receipt else [],
            "losses": self.losses,
            "process_reports": [] if self.report is None else [self.report],
        }

    def reject(self, position: int, event_id: str | None, reason: str, body: bytes) -> None:
        """Give a record the verdict `rejected` and keep it as a dead letter."""
        self.rejected.append(Verdict(index=position, event_id=event_id, status="rejected", message=reason))
        self.dead_letters.append(dead_letter(self, position, event_id, reason, body))


def dead_letter(batch: BatchRows, position: int, event_id: str | None, reason: str, body: bytes) -> dict[str, Any]:
    """The row that keeps a refused record, cut at 64 KB."""
    return {
        "project_id": batch.project_id,
        "received_at": batch.received_at,
        "batch_id": batch.batch_id,
        "position": position,
        "event_id": event_id.replace("\x00", "") if event_id else event_id,
        "reason": reason.replace("\x00", "")[:2000],
        "body": body[:_MAX_BODY_BYTES].decode("utf-8", "replace").replace("\x00", ""),
    }


def batch_rows(
    envelope: Envelope, project_id: str, received_us: int, pricer: Pricer, estimator: Estimator | None = None
) -> BatchRows:
    """The rows of `envelope` for one project, received at `received_us` by this machine's clock.

    Raises StoreError when the rules by which the project prices its calls cannot be read.
    """
    arrival = _arrival(envelope, project_id, received_us)
    batch = BatchRows(project_id, _short(envelope.batch_id) or "", arrival.received_at)
    unplaced: list[int | None] = []
    for position, raw in enumerate(envelope.events):
        text = bytes(raw)
        try:
            place_text(batch, position, text, arrival, pricer)
        except Rejected as reason:
            batch.reject(position, id_of(text), str(reason), text)
            unplaced.append(sequence_of(text))
    _add_health(batch, envelope, arrival, unplaced)
    if batch.estimated and estimator is not None:
        estimate_again(batch, arrival, pricer, estimator)
    return batch


def attached_rows(record: ScoreRecord | FactRecord, project_id: str, received_us: int) -> BatchRows:
    """The row of a score or fact that came without a batch. Raises BadRequest for one that would be rejected."""
    received_at = _EPOCH + timedelta(microseconds=received_us)
    sender = dict.fromkeys(("environment", "service", "process_id"))
    arrival = Arrival(received_us, {"project_id": project_id, "received_at": received_at, **sender})
    batch = BatchRows(project_id, "", received_at)
    try:
        if isinstance(record, ScoreRecord):
            batch.scores.append((0, score_row(record, arrival)))
        else:
            batch.facts.append((0, fact_row(record, arrival)))
    except Rejected as reason:
        raise BadRequest(str(reason)) from reason
    return batch


def _add_health(batch: BatchRows, envelope: Envelope, arrival: Arrival, unplaced: list[int | None]) -> None:
    """Receipt, losses and report. A batch without any of it (`llmobserve doctor` sends one) leaves no trace."""
    shared = {**arrival.shared, "batch_id": batch.batch_id}
    batch.losses = loss_rows(envelope.dropped, shared)
    batch.report = report_row(bytes(envelope.report), shared, envelope.source)
    if envelope.events or batch.losses or batch.report:
        numbered = (*batch.events, *batch.span_starts, *batch.scores, *batch.facts)
        placed = [row.get("sequence") for _, row in numbered]
        placed += [one.record.sequence for one in batch.plain]
        batch.receipt = receipt_row(len(envelope.events), [*placed, *unplaced], shared)


def place_text(batch: BatchRows, position: int, text: bytes, arrival: Arrival, pricer: Pricer) -> None:
    """Add the row of a record that came as JSON. Raises Rejected."""
    plain = decode_plain(text) if len(text) <= LIMITS.object_bytes else None
    if plain is not None and place_plain(batch, position, plain, arrival, pricer, []):
        return
    record, repaired = decode_record(text)
    place_record(batch, position, record, arrival, pricer, [REPAIRED] if repaired else [])


def place_record(
    batch: BatchRows, position: int, record: Decoded, arrival: Arrival, pricer: Pricer, notes: Notes
) -> None:
    """Add the row of a record to its table; one position of a batch may have several records. Raises Rejected."""
    if isinstance(record, (CallEvent, SpanEvent)):
        plain = as_plain(record)
        if plain is not None and place_plain(batch, position, plain, arrival, pricer, notes):
            return
    place_with_care(batch, position, record, arrival, pricer, notes)


def place_plain(
    batch: BatchRows, position: int, record: PlainRecord, arrival: Arrival, pricer: Pricer, notes: Notes
) -> bool:
    """Take a plain record, unless it is of a kind that only the long way can judge."""
    if record.start_time_us > arrival.received_us + NOTICEABLE_US:
        return False
    attributes = _encode(record.attributes) if record.attributes else None
    if attributes is not None and len(attributes) > LIMITS.object_bytes:
        return False
    cost = None
    if record.type == "call":
        if record.reported_cost_usd is not None and not is_exact_usd(record.reported_cost_usd):
            return False
        cost = cost_columns(record, arrival.project_id, pricer)
    batch.plain.append(PlacedPlain(position, record, arrival, notes, attributes, cost))
    return True


def place_with_care(
    batch: BatchRows, position: int, record: Decoded, arrival: Arrival, pricer: Pricer, notes: Notes
) -> None:
    """As `place_record`, the long way: with every check, and a note on what had to be changed."""
    if isinstance(record, CallEvent):
        batch.events.append((position, call_row(record, arrival, pricer, notes)))
        if record.usage.source == "estimated":
            batch.estimated.append((len(batch.events) - 1, record))
    elif isinstance(record, SpanEvent):
        rows = batch.span_starts if record.status == "running" else batch.events
        rows.append((position, span_row(record, arrival, notes)))
    elif isinstance(record, ScoreRecord):
        batch.scores.append((position, score_row(record, arrival)))
    elif isinstance(record, FactRecord):
        batch.facts.append((position, fact_row(record, arrival)))
    else:
        content: ContentText = record
        batch.contents.append((position, content_row(content, arrival)))


def _arrival(envelope: Envelope, project_id: str, received_us: int) -> Arrival:
    source = envelope.source
    sent_us = envelope.sent_at_us
    return Arrival(
        received_us,
        {
            "project_id": project_id,
            "received_at": _EPOCH + timedelta(microseconds=received_us),
            "environment": _short(source.environment),
            "service": _short(source.service),
            "process_id": _short(source.process_id),
            "sdk": _short(source.sdk),
            "sdk_version": _short(source.sdk_version),
            "clock_skew_ms": (received_us - sent_us) / 1000 if 0 <= sent_us <= MAX_QUANTITY else None,
        },
    )


def _short(text: str | None) -> str | None:
    return text if text is None else text[:SHORT].replace("\x00", "")
