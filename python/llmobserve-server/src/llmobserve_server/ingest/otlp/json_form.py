"""Our messages as OTLP in JSON again: how a refused record is kept, so that it can be read, mended and posted again."""

from base64 import b64encode
from typing import Any

import msgspec

from llmobserve_server.ingest.otlp.messages import Attributes, OtlpLog, OtlpPoint, OtlpSpan, Sender

__all__ = ["request_text"]


def request_text(record: OtlpSpan | OtlpLog | OtlpPoint) -> bytes:
    """An OTLP request in JSON with this record alone. What was not read of it is not in it."""
    if isinstance(record, OtlpSpan):
        return _request("Spans", "spans", _span(record), record.sender)
    if isinstance(record, OtlpLog):
        return _request("Logs", "logRecords", _log(record), record.sender)
    return _request("Metrics", "metrics", _metric(record), record.sender)


def _request(signal: str, records: str, record: dict[str, Any], sender: Sender) -> bytes:
    scope: dict[str, Any] = {"name": sender.scope, "attributes": _pairs(sender.scope_attributes)}
    if sender.scope_version:
        scope["version"] = sender.scope_version
    parts = [{"scope": scope, records: [record]}]
    resource = {"attributes": _pairs(sender.resource)}
    return msgspec.json.encode({f"resource{signal}": [{"resource": resource, f"scope{signal}": parts}]})


def _span(span: OtlpSpan) -> dict[str, Any]:
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        **({"parentSpanId": span.parent_span_id} if span.parent_span_id else {}),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _pairs(span.attributes),
        "events": [
            {"name": event.name, "timeUnixNano": str(event.time_ns), "attributes": _pairs(event.attributes)}
            for event in span.events
        ],
        "status": {"code": span.status_code, "message": span.status_message},
    }


def _log(log: OtlpLog) -> dict[str, Any]:
    return {
        "timeUnixNano": str(log.time_ns),
        "eventName": log.event_name,
        "severityNumber": log.severity_number,
        "body": _value(log.body),
        "attributes": _pairs(log.attributes),
        **({"traceId": log.trace_id} if log.trace_id else {}),
        **({"spanId": log.span_id} if log.span_id else {}),
    }


def _metric(point: OtlpPoint) -> dict[str, Any]:
    name = "asInt" if isinstance(point.value, int) else "asDouble"
    if point.kind not in ("gauge", "sum"):
        name = "sum"
    shown: dict[str, Any] = {
        "startTimeUnixNano": str(point.start_ns),
        "timeUnixNano": str(point.time_ns),
        "attributes": _pairs(point.attributes),
        name: point.value,
    }
    if point.count is not None:
        shown["count"] = str(point.count)
    data = {"dataPoints": [shown], "aggregationTemporality": point.temporality}
    kind = "exponentialHistogram" if point.kind == "exponential_histogram" else point.kind
    return {"name": point.metric, "unit": point.unit, kind: data}


def _pairs(attributes: Attributes) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, bytes):
        return {"bytesValue": b64encode(value).decode()}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(entry) for entry in value]}}  # pyright: ignore[reportUnknownVariableType]
    return {"kvlistValue": {"values": _pairs(value)}}
