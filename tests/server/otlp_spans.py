"""Spans as an instrumentation would send them, and the records that they become."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from llmobserve.pricing import PriceRequest, price_call
from llmobserve.wire import CallEvent, ContentRecord, SpanEvent
from llmobserve_server.ingest.otlp.entrance import span_records
from llmobserve_server.ingest.otlp.messages import OtlpEvent, OtlpSpan, Sender

__all__ = ["START_NS", "call_of", "content_of", "event", "records_of", "span", "span_of", "usd"]

START_NS = 1_794_312_000_000_000_000  # 2026-11-10T12:00:00Z


def event(name: str, after_ms: float, **attributes: Any) -> OtlpEvent:
    """An event of a span, so long after its start."""
    return OtlpEvent(name, START_NS + int(after_ms * 1e6), {key.replace("__", "."): v for key, v in attributes.items()})


def span(
    attributes: Mapping[str, Any],
    *events: OtlpEvent,
    name: str = "call",
    scope: str = "tests",
    parent: str | None = None,
    status: int = 1,
    message: str = "",
) -> OtlpSpan:
    """A span of 250 ms."""
    return OtlpSpan(
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
        parent_span_id=parent,
        name=name,
        kind=3,
        start_ns=START_NS,
        end_ns=START_NS + 250_000_000,
        attributes=attributes,
        events=events,
        status_code=status,
        status_message=message,
        sender=Sender({}, scope, "1.0"),
    )


def records_of(sent: OtlpSpan) -> list[Any]:
    """All records of a span."""
    return span_records(sent)


def call_of(sent: OtlpSpan) -> CallEvent:
    """The one call of a span."""
    (call,) = [record for record in records_of(sent) if record.type == "call"]
    return call


def span_of(sent: OtlpSpan) -> SpanEvent:
    """The one span record of a span."""
    (found,) = [record for record in records_of(sent) if record.type == "span"]
    return found


def content_of(sent: OtlpSpan) -> Any:
    """The content record of a span, decoded; `None` for none."""
    found: list[ContentRecord] = [record for record in records_of(sent) if record.type == "content"]
    return {part: msgspec.json.decode(getattr(found[0], part)) for part in ("input", "output")} if found else None


def usd(call: CallEvent) -> Decimal | None:
    """What our price book says the call cost."""
    return price_call(PriceRequest.from_event(call)).usd
