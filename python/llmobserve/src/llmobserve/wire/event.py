"""What happened: calls (which have usage and cost), spans (which have structure) and what was said (content).

Money sits only on calls; spans roll up. Content is a record of its own, so that it can be left out, stripped or
kept for a shorter time without touching the accounting.
"""

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from typing import Any, Literal

from llmobserve.wire.usage import Usage
from llmobserve.wire.values import value_class

__all__ = [
    "CallEvent",
    "CallKind",
    "ContentRecord",
    "Context",
    "ErrorInfo",
    "SpanEvent",
    "SpanKind",
    "Status",
]

CallKind = Literal[
    "llm",
    "embedding",
    "rerank",
    "image",
    "audio",
    "video",
    "moderation",
    "vector_db",
    "search",
    "payment",
    "message",
    "other",
]
SpanKind = Literal[
    "run",
    "agent",
    "tool",
    "step",
    "workflow",
    "chain",
    "retriever",
    "mcp",
    "guardrail",
    "evaluator",
    "other",
]
"""`other`: a span of another library that is neither of these (a web request, a database): it makes no section and,
without anything else, no run."""
Status = Literal["ok", "error", "cancelled", "abandoned", "running"]
"""`cancelled`: the caller stopped it. `abandoned`: a stream was dropped without being read or closed. `running`:
announced and not ended yet (spans only)."""


@value_class
class Context:
    """Where in the user's application an event happened. `None` = not set."""

    run_id: str | None = None
    run_name: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    customer_id: str | None = None
    trace_id: str | None = None
    """32 hexadecimal digits; the trace of OpenTelemetry where one is active."""
    span_id: str | None = None
    """16 hexadecimal digits: the event's own id in the tree."""
    parent_span_id: str | None = None
    section_path: str | None = None
    """The enclosing sections from the outermost, as `agent:researcher/tool:search`. Names have `/` replaced."""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@value_class
class ErrorInfo:
    """Why a call or span failed."""

    type: str
    message: str | None = None


@value_class
class CallEvent:
    """One request to a provider (one attempt on the wire)."""

    type: Literal["call"] = "call"
    event_id: str
    revision: int = 0
    """A higher revision of the same `event_id` replaces the facts of a lower one (work that finishes later)."""
    sequence: int | None = None
    """Running number in the sending process, so that the collector can see gaps."""
    kind: CallKind
    provider: str
    operation: str
    """Name of the API operation: `chat.completions`, `messages`, `embeddings`."""
    request_model: str | None = None
    response_model: str | None = None
    start_time_us: int
    """Microseconds since 1970 UTC, by the sender's clock."""
    duration_ms: float | None = None
    time_to_first_token_ms: float | None = None
    """From sending the request to the first content of the stream; `None` when not a stream."""
    status: Status = "ok"
    error: ErrorInfo | None = None
    http_status: int | None = None
    """`None` when no answer arrived."""
    stream: bool = False
    attempt: int = 0
    """0 for the first try, 1 for the first retry by the client library."""
    logical_call_id: str | None = None
    """Same for all attempts of one call, where the client library tells."""
    response_id: str | None = None
    request_id: str | None = None
    """The provider's id of the request, from its headers."""
    usage: Usage = field(default_factory=Usage)
    dimensions: Mapping[str, str] = field(default_factory=dict[str, str])
    """What else decides the price: `service_tier`, `batch`, `region`, `speed`, `size`, `quality`, …"""
    reported_cost_usd: Decimal | None = None
    """What the provider itself says the call cost; `None` when it says nothing."""
    host: str | None = None
    transport: str | None = None
    """Client library that moved the bytes: `httpx2`, `urllib3`, `gateway`; `manual` where the application told of
    the call itself; `otlp` where an OpenTelemetry span told of it."""
    context: Context = field(default_factory=Context)
    attributes: Mapping[str, Any] | None = None
    """What else is known, of senders that know more than these fields; `None` = nothing."""


@value_class
class SpanEvent:
    """A part of a run: structure and time, never money.

    A span is announced with `status="running"` when the first call inside it is recorded, and ended by a second
    record of the same `event_id` and any other status. A span without calls sends the ending only.
    """

    type: Literal["span"] = "span"
    event_id: str
    sequence: int | None = None
    kind: SpanKind
    name: str
    start_time_us: int
    duration_ms: float | None = None
    """`None` while the span is running."""
    status: Status = "ok"
    error: ErrorInfo | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    context: Context = field(default_factory=Context)


@value_class
class ContentRecord:
    """What was said in a call: sent only where the user asked for it, already redacted and capped by the sender."""

    type: Literal["content"] = "content"
    event_id: str
    """The call or span it belongs to."""
    input: Any = None
    """Messages, prompt or arguments in the provider's own form; media replaced by type, size and hash."""
    output: Any = None
    truncated: bool = False
    redactions: int = 0
    """Secrets that were replaced."""
