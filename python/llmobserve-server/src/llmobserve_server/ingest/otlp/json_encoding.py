"""From the JSON encoding of OTLP to our messages; as with protobuf, every record is read alone.

It is not the JSON of protobuf: ids are hexadecimal, enumerations are numbers, and whole numbers of 64 bits come as text
or as number (OTLP specification 1.9, "JSON Protobuf Encoding", and what the JavaScript exporters send, November 2026).
"""

import math
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from llmobserve_server.errors import BadRequest, PayloadTooLarge
from llmobserve_server.ingest.json_text import repair, shallow
from llmobserve_server.ingest.otlp.json_shapes import (
    JsonAttributed,
    JsonData,
    JsonLog,
    JsonMetric,
    JsonNumber,
    JsonPair,
    JsonPoint,
    JsonRequest,
    JsonScope,
    JsonScopePart,
    JsonSpan,
    JsonStatus,
    JsonValue,
)
from llmobserve_server.ingest.otlp.messages import Attributes, OtlpEvent, OtlpLog, OtlpPoint, OtlpSpan, Sender
from llmobserve_server.ingest.otlp.metric_points import points_of
from llmobserve_server.ingest.otlp.unreadable import (
    MAX_DEPTH,
    MAX_MEMBERS,
    MAX_RECORD_BYTES,
    MAX_RECORDS,
    Unreadable,
    UnreadableError,
    checked_id,
    refuse_count,
)

__all__ = ["logs_of", "metrics_of", "spans_of"]

T = TypeVar("T")
_MAX_OBJECTS = 2_000_000
"""Of a whole body: an attribute is two. More would need many times the size of the body in memory."""
_INT64 = 2**63
_BASE64 = re.compile(r"[A-Za-z0-9+/]*")

_decode_request = msgspec.json.Decoder(JsonRequest).decode
_decode_span = msgspec.json.Decoder(JsonSpan).decode
_decode_log = msgspec.json.Decoder(JsonLog).decode
_decode_metric = msgspec.json.Decoder(JsonMetric).decode


def spans_of(body: bytes) -> Iterator[OtlpSpan | Unreadable]:
    """The spans of an `ExportTraceServiceRequest`. Raises BadRequest, PayloadTooLarge."""
    request = _request(body)
    if request.resource_spans is None and (request.resource_logs or request.resource_metrics):
        raise BadRequest("These are no spans: log records belong to /v1/logs, metrics to /v1/metrics.")
    parts = [(part.resource, part.scope_spans) for part in request.resource_spans or ()]
    return _records(parts, "spans", _span)


def logs_of(body: bytes) -> Iterator[OtlpLog | Unreadable]:
    """The records of an `ExportLogsServiceRequest`. Raises BadRequest, PayloadTooLarge."""
    parts = [(part.resource, part.scope_logs) for part in _request(body).resource_logs or ()]
    return _records(parts, "log_records", _log)


def metrics_of(body: bytes) -> Iterator[list[OtlpPoint] | Unreadable]:
    """The points of each metric of an `ExportMetricsServiceRequest`. Raises BadRequest, PayloadTooLarge."""
    parts = [(part.resource, part.scope_metrics) for part in _request(body).resource_metrics or ()]
    return _records(parts, "metrics", _points)


def _request(body: bytes) -> JsonRequest:
    if body.count(b"{") > _MAX_OBJECTS:
        raise PayloadTooLarge(f"The body has more than {_MAX_OBJECTS} objects: send smaller batches.")
    try:
        return _decode_request(body)
    except RecursionError:
        mended = shallow(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Lone surrogates and the like are no reason to refuse.
        mended = repair(body)
    try:
        return _decode_request(mended)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not an OTLP request in JSON: {error}") from error


def _records(
    parts: Sequence[tuple[JsonAttributed | None, list[JsonScopePart] | None]],
    name: str,
    read: Callable[[bytes, Sender], T],
) -> Iterator[T | Unreadable]:
    count = 0
    for resource_part, scope_parts in parts:
        try:
            resource = {} if resource_part is None else _attributes(resource_part.attributes)
            senders = [(_sender(resource, part.scope), getattr(part, name) or ()) for part in scope_parts or ()]
        except UnreadableError as error:
            raise BadRequest(f"The body is not an OTLP request in JSON: {error}") from error
        for sender, records in senders:
            count += len(records)
            if count > MAX_RECORDS:
                refuse_count()
            for record in records:
                yield _one(bytes(record), sender, read)


def _one(record: bytes, sender: Sender, read: Callable[[bytes, Sender], T]) -> T | Unreadable:
    try:
        if len(record) > MAX_RECORD_BYTES:
            raise UnreadableError(f"the record has {len(record)} bytes; at most {MAX_RECORD_BYTES} are taken")
        return _read(record, sender, read)
    except RecursionError:
        return Unreadable("the record is nested too deep", record)
    except (msgspec.DecodeError, UnicodeDecodeError, UnreadableError) as error:
        return Unreadable(str(error)[:500], record)


def _read(record: bytes, sender: Sender, read: Callable[[bytes, Sender], T]) -> T:
    if b"\\u0000" in record:
        return read(repair(record), sender)
    try:
        return read(record, sender)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        return read(repair(record), sender)


def _sender(resource: Attributes, scope: JsonScope | None) -> Sender:
    if scope is None:
        return Sender(resource)
    return Sender(resource, scope.name or "", scope.version or None, _attributes(scope.attributes))


def _span(record: bytes, sender: Sender) -> OtlpSpan:
    span = _decode_span(record)
    status = span.status or JsonStatus()
    return OtlpSpan(
        trace_id=checked_id((span.trace_id or "").lower(), "traceId", 32),
        span_id=checked_id((span.span_id or "").lower(), "spanId", 16),
        parent_span_id=_id_or_none(span.parent_span_id, 16),
        name=span.name or "",
        kind=_enumerated(span.kind, _SPAN_KINDS),
        start_ns=_nanoseconds(span.start_time_unix_nano),
        end_ns=_nanoseconds(span.end_time_unix_nano),
        attributes=_attributes(span.attributes),
        events=tuple(
            OtlpEvent(event.name or "", _nanoseconds(event.time_unix_nano), _attributes(event.attributes))
            for event in _bounded(span.events, "events")
        ),
        status_code=_enumerated(status.code, _STATUS_CODES),
        status_message=status.message or "",
        sender=sender,
    )


def _log(record: bytes, sender: Sender) -> OtlpLog:
    log = _decode_log(record)
    attributes = _attributes(log.attributes)
    return OtlpLog(
        time_ns=_nanoseconds(log.time_unix_nano) or _nanoseconds(log.observed_time_unix_nano),
        event_name=log.event_name or str(attributes.get("event.name") or ""),
        severity_number=_enumerated(log.severity_number, {}),
        body=_value(log.body, 0),
        attributes=attributes,
        trace_id=_id_or_none(log.trace_id, 32),
        span_id=_id_or_none(log.span_id, 16),
        sender=sender,
    )


def _points(record: bytes, sender: Sender) -> list[OtlpPoint]:
    metric = _decode_metric(record)
    for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary"):
        data: JsonData | None = getattr(metric, kind)
        if data is not None:
            points = [_point(point) for point in _bounded(data.data_points, "points")]
            temporality = _enumerated(data.aggregation_temporality, _TEMPORALITIES)
            return points_of(metric.name or "", metric.unit or "", kind, temporality, sender, points)
    return []


def _point(point: JsonPoint) -> dict[str, Any]:
    values: dict[str, Any] = {
        "as_double": _float(point.as_double),
        "as_int": _whole(point.as_int),
        "sum": _float(point.sum),
        "count": _whole(point.count),
    }
    return {
        **{name: value for name, value in values.items() if value is not None},
        "start_time_unix_nano": _nanoseconds(point.start_time_unix_nano),
        "time_unix_nano": _nanoseconds(point.time_unix_nano),
        "attributes": _attributes(point.attributes),
    }


def _attributes(pairs: list[JsonPair] | None, depth: int = 0) -> dict[str, Any]:
    return {pair.key: _value(pair.value, depth) for pair in _bounded(pairs, "attributes")}


def _value(value: JsonValue | None, depth: int) -> Any:
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        return _whole(value.int_value)
    if value.double_value is not None:
        return _float(value.double_value)
    if value.bool_value is not None:
        return value.bool_value
    if value.array_value is not None:
        _check_depth(depth)
        return [_value(entry, depth + 1) for entry in _bounded(value.array_value.values, "list entries")]
    if value.kvlist_value is not None:
        _check_depth(depth)
        return _attributes(value.kvlist_value.values, depth + 1)
    return None if value.bytes_value is None else _bytes(value.bytes_value)


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise UnreadableError(f"an attribute is nested deeper than {MAX_DEPTH} levels")


def _bounded(members: list[T] | None, name: str) -> Sequence[T]:
    if not members:
        return ()
    if len(members) > MAX_MEMBERS:
        raise UnreadableError(f"it has {len(members)} {name}; at most {MAX_MEMBERS} are taken")
    return members


def _bytes(text: str) -> bytes:
    # Both alphabets, with or without padding, as the JSON of protobuf allows.
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        if not _BASE64.fullmatch(plain):
            raise ValueError("it has other characters")
        return b64decode(plain + "=" * (-len(plain) % 4))
    except ValueError as error:
        raise UnreadableError(f"bytesValue is not base64: {error}") from error


def _whole(number: JsonNumber | None) -> int | None:
    """The number. Raises UnreadableError unless it is a whole one of 64 bits."""
    if number is None:
        return None
    try:
        whole = int(number)
    except (ValueError, OverflowError):
        raise UnreadableError(f"{str(number)[:40]!r} is not a whole number") from None
    if whole != number and not isinstance(number, str):
        raise UnreadableError(f"{number} is not a whole number")
    if not -_INT64 <= whole < 2 * _INT64:
        raise UnreadableError(f"{str(number)[:40]} has more than 64 bits")
    return whole


def _nanoseconds(number: JsonNumber | None) -> int:
    return max(_whole(number) or 0, 0)


def _float(number: JsonNumber | None) -> float | int | None:
    """The number; `None` for none, and for what is not finite."""
    if number is None:
        return None
    try:
        value = float(number)
    except (ValueError, OverflowError):
        raise UnreadableError(f"{str(number)[:40]!r} is not a number") from None
    return value if math.isfinite(value) else None


def _id_or_none(digits: str | None, length: int) -> str | None:
    if digits is None or len(digits) != length or not digits.strip("0"):
        return None
    return digits.lower()


def _enumerated(value: int | str | None, names: dict[str, int]) -> int:
    """The number of an enumeration; 0 when it is left out. Its name, which some senders write, is known too."""
    if isinstance(value, str):
        return names.get(value, 0)
    return value or 0


_SPAN_KINDS = {
    f"SPAN_KIND_{name}": number
    for number, name in enumerate(("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"))
}
_STATUS_CODES = {"STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_TEMPORALITIES = {"AGGREGATION_TEMPORALITY_DELTA": 1, "AGGREGATION_TEMPORALITY_CUMULATIVE": 2}
