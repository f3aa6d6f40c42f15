"""The event tables as queries see them: one definition for every engine. The DDL itself is per engine."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
)
from sqlalchemy.types import ARRAY, JSON, DateTime

__all__ = [
    "COST_COLUMNS",
    "MONEY",
    "TIME_COLUMNS",
    "contents",
    "cost_versions",
    "dead_letters",
    "events",
    "facts",
    "losses",
    "metadata",
    "process_reports",
    "receipts",
    "reprice_log",
    "scores",
    "span_starts",
]

metadata = MetaData()

MONEY = Numeric(18, 12)
"""US dollars of one event. Sums are cast to Numeric(38, 12)."""

_TIME = DateTime(timezone=False)
"""UTC, microseconds, without a zone: the engines differ too much in zoned types."""


def _span_columns() -> list[Column[object]]:
    """Columns that a finished event and an announced span share."""
    return [
        Column("project_id", String, primary_key=True),
        Column("event_id", String, primary_key=True),
        Column("type", String),  # call | span
        Column("kind", String),
        Column("name", String),  # span name; operation of a call
        Column("status", String),
        Column("start_time", _TIME),
        Column("received_at", _TIME),
        Column("run_id", String),
        Column("run_name", String),
        Column("session_id", String),
        Column("user_id", String),
        Column("customer_id", String),
        Column("environment", String),
        Column("service", String),
        Column("trace_id", String),
        Column("span_id", String),
        Column("parent_span_id", String),
        Column("section_path", String),
        Column("agent", String),  # innermost enclosing agent
        Column("tags", ARRAY(String)),
        Column("metadata", JSON),
        Column("process_id", String),
        Column("sequence", BigInteger),
    ]


events = Table(
    "events",
    metadata,
    *_span_columns(),
    Column("duration_ms", Double),
    Column("time_to_first_token_ms", Double),
    Column("provider", String),
    Column("operation", String),
    Column("request_model", String),
    Column("response_model", String),
    Column("model", String),  # name shown and grouped by: priced model, else served, else requested
    Column("error_type", String),
    Column("error_message", String),
    Column("http_status", Integer),
    Column("stream", Boolean),
    Column("attempt", Integer),
    Column("logical_call_id", String),
    Column("response_id", String),
    Column("request_id", String),
    Column("call_key", String),  # providers/call_keys.py
    Column("billable", Boolean),  # of the records of one call only one is
    Column("merged_into", String),  # event_id of the record that is charged in place of this one
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cache_read_tokens", BigInteger),
    Column("cache_write_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("units", JSON),  # unit → quantity (number or decimal string)
    Column("usage_details", JSON),
    Column("usage_source", String),
    Column("usage_flags", JSON),  # list of words
    Column("usage_raw", JSON),
    Column("dimensions", JSON),
    Column("cost_usd", MONEY),  # NULL = unknown, never 0 for it
    Column("cost_state", String),
    Column("cost_reason", String),
    Column("cost_lines", JSON),  # list of wire.CostLine
    Column("price_book", String),
    Column("priced_model", String),
    Column("table_usd", MONEY),
    Column("reported_cost_usd", MONEY),
    Column("attributes", JSON),
    Column("host", String),
    Column("transport", String),
    Column("sdk", String),
    Column("sdk_version", String),
    Column("revision", Integer),
    Column("clock_skew_ms", Double),
    Column("notes", JSON),  # list of sentences
    Column("is_exchange", Boolean),  # of a call: made by an SDK from what went over the wire
    Column("borrowed", JSON),  # columns with the value of another record; `name=own value` where it had one
)
"""Finished calls and spans, append-only: one wide row each, context copied onto every row."""

span_starts = Table("span_starts", metadata, *_span_columns())
"""Announced spans (`status = running`). A start whose event_id is in `events` has ended and no longer counts."""

contents = Table(
    "contents",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("event_id", String, primary_key=True),
    Column("received_at", _TIME),
    Column("input", String),  # JSON text
    Column("output", String),  # JSON text
    Column("truncated", Boolean),
    Column("redactions", Integer),
)
"""What was said, apart from the accounting and with its own retention."""


def _attached_columns() -> list[Column[object]]:
    """Columns of what is said about something else: when, and where it was said."""
    return [
        Column("project_id", String, primary_key=True),
        Column("event_id", String, primary_key=True),  # its own
        Column("said_at", _TIME),
        Column("received_at", _TIME),
        Column("run_id", String),
        Column("session_id", String),
        Column("user_id", String),
        Column("customer_id", String),
        Column("section_path", String),
        Column("environment", String),
        Column("service", String),
        Column("process_id", String),
        Column("sequence", BigInteger),
    ]


scores = Table(
    "scores",
    metadata,
    *_attached_columns(),
    Column("target_type", String),  # run | session | event
    Column("target_id", String),
    Column("name", String),
    Column("data_type", String),  # numeric | categorical | boolean
    Column("value", Numeric(27, 12)),  # 1 or 0 of a boolean, NULL of a category
    Column("label", String),
    Column("comment", String),
    Column("source", String),
    Column("evaluation_id", String),  # event_id of a fact of the kind quality
)
"""Judgements, append-only: of several with one name and target the newest counts."""

facts = Table(
    "facts",
    metadata,
    *_attached_columns(),
    Column("target_event_id", String),
    Column("kind", String),  # routing | cache | quality | tracking
    Column("data", JSON),
)
"""What is known about events beside their rows, append-only."""

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("project_id", String),
    Column("received_at", _TIME),
    Column("batch_id", String),
    Column("position", Integer),
    Column("event_id", String),
    Column("reason", String),
    Column("body", String),  # the rejected record as it came, cut at 64 KB
)
"""Records that were refused, with the reason."""

COST_COLUMNS = (
    "cost_usd",
    "cost_state",
    "cost_reason",
    "cost_lines",
    "price_book",
    "priced_model",
    "model",
    "table_usd",
)
"""Columns of `events` that a re-pricing sets."""

cost_versions = Table(
    "cost_versions",
    metadata,
    Column("project_id", String),
    Column("event_id", String),
    Column("start_time", _TIME),
    Column("revision", Integer),
    *(Column(name, events.c[name].type) for name in COST_COLUMNS),
    Column("replaced_at", _TIME),
    Column("job_id", String),  # the re-pricing that replaced it
)
"""Costs that were said before, append-only; what is said now is in `events`."""

reprice_log = Table(
    "reprice_log",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("job_id", String, primary_key=True),
    Column("number", Integer, primary_key=True),  # 0: the order; then one row a chunk
    Column("logged_at", _TIME),
    Column("cursor_time", _TIME),  # the last call of the chunk
    Column("cursor_id", String),
    Column("done", Boolean),
    Column("facts", JSON),  # of row 0 what was ordered, by whom; then what the chunk did
)
"""How far re-pricings are, append-only: a chunk's row is stored together with what it changed."""


def _sender_columns() -> list[Column[object]]:
    """Columns that tell where something came from, and when."""
    return [
        Column("project_id", String),
        Column("received_at", _TIME),
        Column("batch_id", String),
        Column("process_id", String),
        Column("service", String),
        Column("environment", String),
    ]


receipts = Table(
    "receipts",
    metadata,
    *_sender_columns(),
    Column("sdk", String),
    Column("sdk_version", String),
    Column("records", Integer),  # all that it had
    Column("rejected", Integer),
    Column("duplicates", Integer),  # that were stored before
    Column("numbered", Integer),  # different sequence numbers in it
    Column("first_sequence", BigInteger),
    Column("last_sequence", BigInteger),
    Column("clock_skew_ms", Double),  # arrival by our clock minus departure by the sender's
)
"""One row a batch that arrived, append-only, stored together with its records."""

losses = Table("losses", metadata, *_sender_columns(), Column("reason", String), Column("records", BigInteger))
"""Records that a sender lost before it could send them, as it says, append-only: one row a batch and reason."""

process_reports = Table(
    "process_reports",
    metadata,
    Column("project_id", String),
    Column("received_at", _TIME),
    Column("process_id", String),
    Column("service", String),
    Column("environment", String),
    Column("host", String),
    Column("sdk", String),
    Column("sdk_version", String),
    Column("language", String),
    Column("ended", Boolean),
    Column("report", JSON),  # wire.ProcessReport
)
"""What processes say of themselves, append-only; the last report of a process says all that the earlier ones did."""

TIME_COLUMNS = {
    "events": "start_time",
    "span_starts": "start_time",
    "contents": "received_at",
    "scores": "said_at",
    "facts": "said_at",
    "dead_letters": "received_at",
    "cost_versions": "start_time",
    "reprice_log": "logged_at",
    "receipts": "received_at",
    "losses": "received_at",
    "process_reports": "received_at",
}
"""The column by which the rows of each table are old or new. All tables of the store are in it."""
