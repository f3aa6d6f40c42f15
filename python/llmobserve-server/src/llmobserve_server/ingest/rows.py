"""From accepted records to rows of the event tables, priced."""

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from llmobserve.providers.call_keys import call_key
from llmobserve.wire import CallEvent, SpanEvent
from llmobserve_server.ingest.checks import (
    LONG,
    MAX_QUANTITY,
    SHORT,
    Notes,
    check_attributes,
    check_event_id,
    check_integer,
    check_start,
    check_tags,
    check_texts,
    check_usd,
    cut,
    duration_or_none,
)
from llmobserve_server.ingest.decode import ContentText, Rejected
from llmobserve_server.ingest.money import add_cost, add_usage
from llmobserve_server.pricing import Pricer

__all__ = ["NO_EXCHANGE", "Arrival", "call_row", "content_row", "innermost_agent", "span_row"]

_INT32 = 2**31 - 1
NO_EXCHANGE = frozenset({None, "gateway", "manual", "otlp"})
"""Transports of records that were not made by an SDK from what went over the wire."""
_MAX_CONTENT_BYTES = 2 * 1024 * 1024
_CONTEXT = (
    "run_id",
    "run_name",
    "session_id",
    "user_id",
    "customer_id",
    "trace_id",
    "span_id",
    "parent_span_id",
    "section_path",
)
_CALL = (
    "operation",
    "provider",
    "request_model",
    "response_model",
    "logical_call_id",
    "response_id",
    "request_id",
    "host",
    "transport",
)
_context_texts = attrgetter(*_CONTEXT)
_call_texts = attrgetter(*_CALL)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What all records of one batch share."""

    received_us: int
    shared: dict[str, Any]
    """Columns of the sending process and of the arrival."""

    @property
    def project_id(self) -> str:
        """The project that the credential belongs to."""
        return self.shared["project_id"]

    @property
    def received_at(self) -> datetime:
        """Arrival by this machine's clock; naive UTC."""
        return self.shared["received_at"]


def call_row(event: CallEvent, arrival: Arrival, pricer: Pricer, notes: Notes) -> dict[str, Any]:
    """The row of a call with its cost. Raises Rejected."""
    row = _common(event, arrival, notes)
    _add_texts(row, _CALL, _call_texts(event), notes)
    row["name"] = row["operation"]
    row["time_to_first_token_ms"] = duration_or_none(event.time_to_first_token_ms, "time_to_first_token_ms", notes)
    row["http_status"] = check_integer(event.http_status, "http_status", 999)
    row["stream"] = event.stream
    row["attempt"] = check_integer(event.attempt, "attempt", _INT32)
    row["call_key"] = call_key(
        row["provider"], row["operation"], row["response_id"], row["request_id"], row["http_status"]
    )
    # Until it is stored beside other records of the same call.
    row["billable"] = True
    row["is_exchange"] = row["transport"] not in NO_EXCHANGE
    row["dimensions"] = check_texts(event.dimensions, "dimensions", notes)
    row["reported_cost_usd"] = check_usd(event.reported_cost_usd, "reported_cost_usd", notes)
    row["revision"] = check_integer(event.revision, "revision", _INT32)
    if event.attributes:
        row["attributes"] = check_attributes(event.attributes, notes)
    add_usage(row, event.usage, notes)
    add_cost(row, pricer(arrival.project_id, event))
    return row


def span_row(event: SpanEvent, arrival: Arrival, notes: Notes) -> dict[str, Any]:
    """The row of a span; of `span_starts` while its status is `running`. Raises Rejected."""
    row = _common(event, arrival, notes)
    row["name"] = cut(event.name, SHORT, "name", notes)
    row["attributes"] = check_attributes(event.attributes, notes)
    row["revision"] = 0
    return row


def content_row(content: ContentText, arrival: Arrival) -> dict[str, Any]:
    """The row of what was said. Raises Rejected."""
    return {
        "project_id": arrival.project_id,
        "event_id": check_event_id(content.event_id),
        "received_at": arrival.received_at,
        "input": _json_text(content.input, "input"),
        "output": _json_text(content.output, "output"),
        "truncated": content.truncated,
        "redactions": check_integer(content.redactions, "redactions", _INT32),
    }


def _json_text(raw: msgspec.Raw, field: str) -> str | None:
    data = bytes(raw)
    if len(data) > _MAX_CONTENT_BYTES:
        raise Rejected(f"{field} has {len(data)} bytes; at most {_MAX_CONTENT_BYTES} are taken")
    if b"\\u" in data:
        # Escaped letters could not be found by a text search, and take three times the space.
        data = msgspec.json.encode(msgspec.json.decode(data))
    return None if data == b"null" else data.decode()


def _common(event: CallEvent | SpanEvent, arrival: Arrival, notes: Notes) -> dict[str, Any]:
    """Columns that calls and spans share."""
    context = event.context
    row: dict[str, Any] = {**arrival.shared, "event_id": check_event_id(event.event_id)}
    row["type"] = event.type
    row["kind"] = event.kind
    row["status"] = event.status
    row["start_time"] = check_start(event.start_time_us, arrival.received_us, notes)
    row["duration_ms"] = duration_or_none(event.duration_ms, "duration_ms", notes)
    row["sequence"] = check_integer(event.sequence, "sequence", MAX_QUANTITY)
    if event.error is not None:
        row["error_type"] = cut(event.error.type, SHORT, "error.type", notes)
        row["error_message"] = cut(event.error.message, LONG, "error.message", notes)
    _add_texts(row, _CONTEXT, _context_texts(context), notes)
    row["agent"] = innermost_agent(context.section_path)
    row["tags"] = check_tags(context, notes) if context.tags else []
    row["metadata"] = check_texts(context.metadata, "context.metadata", notes)
    row["notes"] = notes
    return row


def _add_texts(row: dict[str, Any], names: tuple[str, ...], values: tuple[str | None, ...], notes: Notes) -> None:
    row.update(zip(names, values, strict=True))
    for value in values:
        if value is not None and len(value) > SHORT:
            break
    else:
        return
    for name in names:
        row[name] = cut(row[name], LONG if name == "section_path" else SHORT, name, notes)


def innermost_agent(path: str | None) -> str | None:
    """Name of the last section of a path that is an agent; `None` outside of agents."""
    if path is None or "agent:" not in path:
        return None
    for part in reversed(path.split("/")):
        if part.startswith("agent:"):
            return part[6 : 6 + SHORT]
    return None
