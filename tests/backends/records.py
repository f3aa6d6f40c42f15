"""Records as a process would have them in its spool, and batches of them as its sender posts them."""

import json
from decimal import Decimal
from typing import Any

from llmobserve.backends.rows import rows_of
from llmobserve.wire import (
    CallEvent,
    ContentRecord,
    Context,
    FactRecord,
    Record,
    ScoreRecord,
    SpanEvent,
    Usage,
    record_to_json,
)

__all__ = ["AT_US", "CALL_USD", "batch", "call", "content", "fact", "rows", "score", "span"]

AT_US = 1_782_864_000_000_000
"""2026-07-01 00:00 UTC."""
# gpt-4o-mini: $0.15 a million tokens of input, $0.075 from the cache, $0.60 of output (openai.com/api/pricing).
# 56 x 0.15 + 64 x 0.075 + 30 x 0.60 = 8.4 + 4.8 + 18 = 31.2 millionths.
CALL_USD = Decimal("0.0000312")
_USAGE = Usage(
    units={"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30},
    details={"reasoning_tokens": 10},
    source="response",
    raw={"prompt_tokens": 120, "completion_tokens": 30},
)


def call(name: str, **fields: Any) -> CallEvent:
    given: dict[str, Any] = {
        "kind": "llm",
        "provider": "openai",
        "operation": "chat.completions",
        "response_model": "gpt-4o-mini",
        "start_time_us": AT_US,
        "duration_ms": 12.5,
        "http_status": 200,
        "usage": _USAGE,
        "context": Context(customer_id="acme", section_path="agent:writer/tool:search", tags=("nightly",)),
        **fields,
    }
    return CallEvent(event_id=name, **given)


def span(name: str, **fields: Any) -> SpanEvent:
    given: dict[str, Any] = {"kind": "agent", "name": "writer", "start_time_us": AT_US, **fields}
    return SpanEvent(event_id=name, **given)


def content(name: str, **fields: Any) -> ContentRecord:
    given: dict[str, Any] = {"input": "hello", "output": "there", **fields}
    return ContentRecord(event_id=name, **given)


def score(name: str, **fields: Any) -> ScoreRecord:
    given: dict[str, Any] = {
        "target_type": "run",
        "target_id": "r1",
        "name": "helpful",
        "data_type": "numeric",
        "at_us": AT_US,
        **fields,
    }
    return ScoreRecord(event_id=name, **given)


def fact(name: str, **fields: Any) -> FactRecord:
    given: dict[str, Any] = {"target_event_id": "e1", "kind": "cache", "data": {"hit": True}, "at_us": AT_US, **fields}
    return FactRecord(event_id=name, **given)


def batch(*records: Record | dict[str, Any], **head: Any) -> dict[str, Any]:
    events = [
        one if isinstance(one, dict) else json.loads(record_to_json(one, number)) for number, one in enumerate(records)
    ]
    source = {"process_id": "p1", "service": "shop", "host": "web-1", "sdk_version": "1.0.0"}
    return {"version": 2, "batch_id": "b", "sent_at_us": AT_US + 5, "source": source, "events": events, **head}


def rows(*records: Record | dict[str, Any]) -> list[dict[str, Any]]:
    """What a backend is given for these records, none of which is refused."""
    made, refused = rows_of(batch(*records))
    assert refused == []
    return [row for _, row in made]
