"""Fields that filters may name: the allow-list between filter text and columns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, func
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.types import ARRAY, JSON

from llmobserve.wire import CallKind, CostState, SpanKind, Status
from llmobserve_server.query.said import CONTENT_FIELDS
from llmobserve_server.store.tables import events

__all__ = ["ATTRIBUTE_PREFIX", "FIELDS", "META_PREFIX", "READ_COLUMNS", "Columns", "Field"]

Columns = ReadOnlyColumnCollection[str, Any]
"""Columns of `events` or of a subquery with the same names."""

READ_COLUMNS = tuple(
    column.name
    for column in events.c
    if not isinstance(column.type, JSON | ARRAY) or column.name in {"metadata", "attributes", "tags"}
)
"""Columns of `events` that filters and totals may read: all but the documents."""

META_PREFIX = "meta."
ATTRIBUTE_PREFIX = "attr."
_TEXT = ("=", "*")
_NUMBER = ("=", ">", ">=", "<", "<=")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the filter language."""

    name: str
    type: Literal["text", "number", "money", "flag"]
    description: str
    column: Callable[[Columns], ColumnElement[Any]] | None
    """`None` where the field is not a plain column (`tag`, `section`, `content`, `meta.*`)."""
    choices: tuple[str, ...] | None = None
    """All values there are; a filter that names another one is refused."""
    few: bool = False
    """Has few enough values to offer the most frequent ones."""
    scale: str | None = None
    """`ms`: numbers may carry a unit of time."""

    @property
    def operators(self) -> tuple[str, ...]:
        """Operators that the field understands; `*` stands for wildcards."""
        if self.type == "flag" or self.name == "tag":
            return ("=",)
        if self.name in CONTENT_FIELDS:
            return ("*",)
        return _TEXT if self.type == "text" else _NUMBER


def _fields() -> Iterable[Field]:
    kinds = (*get_args(CallKind), *get_args(SpanKind))
    yield Field("provider", "text", "Provider that was called: openai, anthropic", lambda c: c.provider, few=True)
    yield Field("model", "text", "Model, under the name it is priced by", lambda c: c.model, few=True)
    yield Field(
        "operation", "text", "Operation of the API: chat.completions, messages", lambda c: c.operation, few=True
    )
    yield Field("kind", "text", "Kind of call or span: llm, embedding, agent, tool", lambda c: c.kind, kinds, few=True)
    yield Field("type", "text", "call or span", lambda c: c.type, ("call", "span"), few=True)
    yield Field("status", "text", "How it ended", lambda c: c.status, get_args(Status), few=True)
    yield Field(
        "cost_state", "text", "How well the cost is known", lambda c: c.cost_state, get_args(CostState), few=True
    )
    yield Field("run", "text", "Id of the run", lambda c: c.run_id)
    yield Field("run_name", "text", "Name of the run", lambda c: c.run_name, few=True)
    yield Field(
        "agent", "text", 'Innermost enclosing agent; agent:"" finds calls without one', lambda c: c.agent, few=True
    )
    yield Field("section", "text", "Section path, or the beginning of one", None, few=True)
    yield Field("customer", "text", "Your customer on whose behalf it happened", lambda c: c.customer_id, few=True)
    yield Field("session", "text", "Session id", lambda c: c.session_id)
    yield Field("user", "text", "User id", lambda c: c.user_id)
    yield Field("env", "text", "Environment: production, staging", lambda c: c.environment, few=True)
    yield Field("service", "text", "Service that sent it", lambda c: c.service, few=True)
    yield Field(
        "error", "text", "Type of the error; error:* finds every failure that has one", lambda c: c.error_type, few=True
    )
    yield Field("cost", "money", "Cost in US dollars", lambda c: c.cost_usd)
    yield Field("duration", "number", "Duration in ms; 2s, 1.5m and 1h work too", lambda c: c.duration_ms, scale="ms")
    yield Field(
        "ttft", "number", "Time to first token in ms; 2s works too", lambda c: c.time_to_first_token_ms, scale="ms"
    )
    yield Field("tokens", "number", "Input and output tokens together", _all_tokens)
    yield Field("input_tokens", "number", "Input tokens, cached ones included", lambda c: c.input_tokens)
    yield Field("output_tokens", "number", "Output tokens, reasoning included", lambda c: c.output_tokens)
    yield Field("http_status", "number", "HTTP status of the answer", lambda c: c.http_status)
    yield Field("cached_tokens", "number", "Input tokens read from the provider's cache", lambda c: c.cache_read_tokens)
    yield Field(
        "reasoning_tokens", "number", "Output tokens that were spent on reasoning", lambda c: c.reasoning_tokens
    )
    yield Field("attempt", "number", "0 for a first attempt, then counted up", lambda c: c.attempt)
    yield Field("stream", "flag", "Whether the answer was streamed", lambda c: c.stream)
    yield Field("charged", "flag", "Whether it is the record that its call is charged by", lambda c: c.billable)
    yield Field("id", "text", "Id of the event", lambda c: c.event_id)
    yield Field("trace", "text", "Trace id", lambda c: c.trace_id)
    yield Field("response_id", "text", "Id that the provider gave the answer", lambda c: c.response_id)
    yield Field("request_id", "text", "Id that the provider gave the request", lambda c: c.request_id)
    yield Field("host", "text", "Host that was called", lambda c: c.host, few=True)
    yield Field("transport", "text", "How it was seen: httpx2, urllib3, gateway, otlp", lambda c: c.transport, few=True)
    yield Field("sdk", "text", "What recorded it: an SDK or an instrumentation", lambda c: c.sdk, few=True)
    yield Field("tag", "text", "A tag of the run or call", None, few=True)
    yield Field("content", "text", "Text in what was said, where content is captured", None)
    yield Field("input", "text", "Text in the prompt", None)
    yield Field("output", "text", "Text in the answer", None)
    yield Field("meta.*", "text", "A metadata value by its key, as meta.region:eu", None)
    yield Field("attr.*", "text", "An attribute of a span by its key, as attr.http.route:/ask", None)


def _all_tokens(c: Columns) -> ColumnElement[Any]:
    return func.coalesce(c.input_tokens, 0) + func.coalesce(c.output_tokens, 0)


FIELDS = {field.name: field for field in _fields()}
"""All fields by name; `meta.*` and `attr.*` stand for every key."""
