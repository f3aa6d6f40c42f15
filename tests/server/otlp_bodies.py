"""OTLP requests as exporters make them, with spans of a call that costs $0.00225.

gpt-5: $1.25 a million input tokens, $10 a million output tokens (https://openai.com/api/pricing, read 2026-11):
1000 × 1.25 / 10^6 + 100 × 10 / 10^6 = 0.00125 + 0.001.
"""

import secrets
import time
from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

CALL_USD = "0.00225"
CALL: Mapping[str, str | int] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
}
PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


def pairs(attributes: Mapping[str, str | int]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value))
        for key, value in attributes.items()
    ]


def span(**fields: Any) -> Span:
    now = time.time_ns()
    given: dict[str, Any] = {
        "trace_id": secrets.token_bytes(16),
        "span_id": secrets.token_bytes(8),
        "name": "chat gpt-5",
        "kind": 3,
        "start_time_unix_nano": now - 500_000_000,
        "end_time_unix_nano": now,
        "attributes": pairs(CALL),
    }
    return Span(**(given | fields))


def request(*spans: Span, service: str = "shop") -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    part = message.resource_spans.add()
    part.resource.attributes.extend(pairs({"service.name": service}))
    scope = part.scope_spans.add()
    scope.scope.name = "tests"
    scope.spans.extend(spans)
    return message


def delimited(number: int, content: bytes) -> bytes:
    """A field of protobuf with its length."""
    size, digits = len(content), bytearray()
    while size > 0x7F:
        digits.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *digits, size]) + content


def wrapped(*spans: bytes) -> bytes:
    """A request of spans that are bytes already."""
    return delimited(1, delimited(2, b"".join(delimited(2, each) for each in spans)))


def json_span(**fields: Any) -> dict[str, Any]:
    """As @opentelemetry/otlp-transformer writes it: times as text, small numbers as numbers, ids in hexadecimal."""
    now = time.time_ns()
    return {
        "traceId": secrets.token_hex(16),
        "spanId": secrets.token_hex(8),
        "name": "chat gpt-5",
        "kind": 3,
        "startTimeUnixNano": str(now - 500_000_000),
        "endTimeUnixNano": str(now),
        "attributes": json_pairs(CALL),
        "droppedAttributesCount": 0,
        "events": [],
        "status": {"code": 0},
        "links": [],
    } | fields


def json_pairs(attributes: Mapping[str, str | int]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"stringValue": value} if isinstance(value, str) else {"intValue": value}}
        for key, value in attributes.items()
    ]


def json_request(*spans: Any) -> dict[str, Any]:
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": json_pairs({"service.name": "shop"}), "droppedAttributesCount": 0},
                "scopeSpans": [{"scope": {"name": "tests", "version": "1"}, "spans": list(spans)}],
            }
        ]
    }
