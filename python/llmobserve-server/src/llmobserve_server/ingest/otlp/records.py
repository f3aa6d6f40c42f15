"""From what a span says to our records: a call or a span, what was said in it, and the call that a sum stands for.

A sum is two records: the span, and below it a call with the flag `aggregate` whose parent is that span. It has an
event id and a span id of its own, made from those of the span, and is charged only where the trace has no other call
below the span (`store/merging`).
"""

from collections.abc import Mapping
from typing import Any, cast

from llmobserve.wire import CallEvent, CallKind, Context, ErrorInfo, SpanEvent, SpanKind, Status
from llmobserve_server.ingest.decode import Decoded
from llmobserve_server.ingest.otlp.attributes import kept
from llmobserve_server.ingest.otlp.content import content_of
from llmobserve_server.ingest.otlp.ids import event_id_of_span, span_id_of_part
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.providers import host_of, operation_of, provider_of
from llmobserve_server.ingest.otlp.reading import Reading
from llmobserve_server.ingest.otlp.usage import usage_of_reading

__all__ = ["TRANSPORT", "records_of"]

TRANSPORT = "otlp"
_SUM = "sum"
_CANCELLED = ("CancelledError", "AbortError", "KeyboardInterrupt", "GeneratorExit")
_SECTIONS = frozenset(("agent", "workflow", "tool", "chain", "step", "retriever", "guardrail", "evaluator", "mcp"))


def records_of(span: OtlpSpan, reading: Reading, part: str = "") -> list[Decoded]:
    """The records of a span, in the order in which they are to be stored.

    `part` tells what is read as a span from the span at the same place.
    """
    start_ns = span.start_ns or span.end_ns
    event_id = event_id_of_span(start_ns, span.trace_id, span.span_id, part)
    duration_ms = (span.end_ns - start_ns) / 1e6 if span.end_ns else None
    if reading.is_call:
        context = _context(span, reading, span.span_id, span.parent_span_id)
        if reading.is_carrier and reading.took_ms:
            start_ns, duration_ms = start_ns - int(reading.took_ms * 1e6), reading.took_ms
        records: list[Decoded] = [_call(span, reading, event_id, start_ns // 1000, duration_ms, context)]
    else:
        context = _context(span, reading, span.span_id, span.parent_span_id)
        records = [_span(span, reading, event_id, start_ns // 1000, duration_ms, context)]
        if reading.is_sum:
            records.append(_sum(span, reading, start_ns, duration_ms))
    content = content_of(event_id, reading)
    if content is not None:
        records.append(content)
    return records


def _sum(span: OtlpSpan, reading: Reading, start_ns: int, duration_ms: float | None) -> CallEvent:
    """The call that stands for all calls below a span which states their sum."""
    inner = span_id_of_part(span.trace_id, span.span_id, _SUM)
    event_id = event_id_of_span(start_ns, span.trace_id, span.span_id, _SUM)
    context = _context(span, reading, inner, span.span_id)
    return _call(span, reading, event_id, start_ns // 1000, duration_ms, context, sum_of="llm")


def _call(
    span: OtlpSpan,
    reading: Reading,
    event_id: str,
    start_us: int,
    duration_ms: float | None,
    context: Context,
    sum_of: CallKind | None = None,
) -> CallEvent:
    called = sum_of or cast("CallKind", reading.kind)
    provider = provider_of(
        reading.provider, reading.response_model or reading.request_model, reading.host, reading.port
    )
    return CallEvent(
        event_id=event_id,
        kind=called,
        provider=provider,
        operation=operation_of(provider, called, reading.operation, reading.response_id, reading.api),
        request_model=reading.request_model,
        response_model=reading.response_model,
        start_time_us=start_us,
        duration_ms=duration_ms,
        # Of an answer in one piece some state the whole duration.
        time_to_first_token_ms=None if reading.stream is False else reading.ttft_ms,
        status=_status(reading),
        error=_error(reading),
        http_status=reading.http_status,
        stream=bool(reading.stream),
        # A sum is none of the calls in it: the id of the last one must not make it a record of that one.
        response_id=None if sum_of else reading.response_id,
        request_id=None if sum_of else reading.request_id,
        usage=usage_of_reading(reading),
        dimensions=reading.dimensions,
        reported_cost_usd=reading.cost_usd,
        host=None if reading.host is None else host_of(reading.host, reading.port),
        transport=TRANSPORT,
        context=context,
        attributes=kept(reading, span),
    )


def _span(
    span: OtlpSpan, reading: Reading, event_id: str, start_us: int, duration_ms: float | None, context: Context
) -> SpanEvent:
    return SpanEvent(
        event_id=event_id,
        kind=_kind(reading),
        name=reading.section or reading.name or span.name,
        start_time_us=start_us,
        duration_ms=duration_ms,
        status="running" if duration_ms is None else _status(reading),
        error=_error(reading),
        attributes=kept(reading, span) or {},
        context=context,
    )


def _kind(reading: Reading) -> SpanKind:
    return "other" if reading.kind == "plain" else cast("SpanKind", reading.kind)


def _status(reading: Reading) -> Status:
    if not reading.failed:
        return "ok"
    return "cancelled" if (reading.error_type or "").endswith(_CANCELLED) else "error"


def _error(reading: Reading) -> ErrorInfo | None:
    if not reading.failed:
        return None
    plain = "error" if reading.http_status is None else f"HTTP {reading.http_status}"
    return ErrorInfo(type=reading.error_type or plain, message=reading.error_message)


def _context(span: OtlpSpan, reading: Reading, span_id: str, parent_span_id: str | None) -> Context:
    resource = span.sender.resource
    return Context(
        run_id=reading.run_id or span.trace_id or None,
        run_name=reading.run_name or ((reading.section or reading.name) if span.parent_span_id is None else None),
        session_id=reading.session_id or _text(resource, "session.id"),
        user_id=reading.user_id or _text(resource, "user.id"),
        customer_id=reading.customer_id or _text(resource, "llmobserve.customer_id"),
        trace_id=span.trace_id or None,
        span_id=span_id,
        parent_span_id=parent_span_id or None,
        section_path=_path(reading),
        tags=reading.tags,
        metadata=reading.metadata,
    )


def _text(resource: Mapping[str, Any], key: str) -> str | None:
    value = resource.get(key)
    return value if isinstance(value, str) and value else None


def _path(reading: Reading) -> str | None:
    """Where the span is, as far as it says so itself: its agent, then what it is itself.

    What encloses it is told by the spans above it, which come when they come.
    """
    kind, parts = reading.kind, list[str]()
    if reading.section_path:
        parts.append(reading.section_path)
    elif reading.agent and kind not in ("agent", "workflow"):
        parts.append(f"agent:{_label(reading.agent)}")
    if kind in _SECTIONS and (name := reading.section or reading.agent or reading.name):
        parts.append(f"{kind}:{_label(name)}")
    return "/".join(parts) or None


def _label(name: str) -> str:
    return name.replace("/", "_")
