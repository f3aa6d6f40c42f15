"""From the protobuf encoding of OTLP to our messages. Every record is read alone, so that one cannot spoil another.

The outer layers are walked frame by frame: read as one message, a body of millions of empty records would take more
than ten times its size in memory.
"""

import base64
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from google.protobuf.message import DecodeError

from llmobserve_server.errors import BadRequest
from llmobserve_server.ingest.otlp.messages import Attributes, OtlpEvent, OtlpLog, OtlpPoint, OtlpSpan, Sender
from llmobserve_server.ingest.otlp.metric_points import points_of
from llmobserve_server.ingest.otlp.schema import read_log, read_metric, read_resource, read_scope, read_span
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

_NO_SPAN = "it is not a span: log records belong to /v1/logs, metrics to /v1/metrics"
"""Their field numbers coincide with those of spans, which then have no ids."""
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5


def spans_of(body: bytes) -> Iterator[OtlpSpan | Unreadable]:
    """The spans of an `ExportTraceServiceRequest`. Raises BadRequest, PayloadTooLarge."""
    return _records(body, _span)


def logs_of(body: bytes) -> Iterator[OtlpLog | Unreadable]:
    """The records of an `ExportLogsServiceRequest`. Raises BadRequest, PayloadTooLarge."""
    return _records(body, _log)


def metrics_of(body: bytes) -> Iterator[list[OtlpPoint] | Unreadable]:
    """The points of each metric of an `ExportMetricsServiceRequest`. Raises BadRequest, PayloadTooLarge."""
    return _records(body, _points)


def _records(body: bytes, read: Callable[[bytes, Sender], T]) -> Iterator[T | Unreadable]:
    """Every record of a request: all three kinds have resource, scope and record at the same field numbers."""
    count = 0
    try:
        for resource_part in _frames(body, 1):
            resource = _resource(resource_part)
            for scope_part in _frames(resource_part, 2):
                sender = _sender(resource, scope_part)
                for record in _frames(scope_part, 2):
                    count += 1
                    if count > MAX_RECORDS:
                        refuse_count()
                    yield _one(record, sender, read)
    except (DecodeError, UnreadableError) as error:
        raise BadRequest(f"The body is not an OTLP request in protobuf: {error}") from error


def _one(record: bytes, sender: Sender, read: Callable[[bytes, Sender], T]) -> T | Unreadable:
    try:
        if len(record) > MAX_RECORD_BYTES:
            raise UnreadableError(f"the record has {len(record)} bytes; at most {MAX_RECORD_BYTES} are taken")
        return read(record, sender)
    except (DecodeError, UnreadableError) as error:
        shown = {"resource": sender.resource, "scope": sender.scope, "protobuf": base64.b64encode(record[:32768])}
        return Unreadable(str(error)[:500], msgspec.json.encode(shown))


def _frames(data: bytes, wanted: int) -> Iterator[bytes]:
    """The values of a length-delimited field, in order. Raises UnreadableError where the bytes are no message."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _DELIMITED:
            size, at = _varint(data, at)
            if at + size > end:
                raise UnreadableError("it ends too early")
            if tag >> 3 == wanted:
                yield data[at : at + size]
            at += size
        elif kind == _VARINT:
            _, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise UnreadableError(f"it has a field of the unknown wire type {kind}")
    if at != end:
        raise UnreadableError("it ends too early")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place behind it."""
    value = shift = 0
    for byte in data[at : at + 10]:
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise UnreadableError("it ends within a number")


def _resource(part: bytes) -> Attributes:
    return _attributes(read_resource(b"".join(_frames(part, 1))).attributes)


def _sender(resource: Attributes, part: bytes) -> Sender:
    scope = read_scope(b"".join(_frames(part, 1)))
    version = _text(scope.version)
    return Sender(resource, _text(scope.name), version or None, _attributes(scope.attributes))


def _span(record: bytes, sender: Sender) -> OtlpSpan:
    try:
        span = read_span(record)
    except DecodeError:
        raise UnreadableError(_NO_SPAN) from None
    if not span.trace_id and not span.span_id:
        raise UnreadableError(_NO_SPAN)
    events = span.events
    _check_members(events, "events")
    status = span.status
    parent: str = span.parent_span_id.hex()
    return OtlpSpan(
        trace_id=checked_id(span.trace_id.hex(), "trace_id", 32),
        span_id=checked_id(span.span_id.hex(), "span_id", 16),
        parent_span_id=parent if len(parent) == 16 and parent.strip("0") else None,
        name=_text(span.name),
        kind=span.kind,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=tuple(
            OtlpEvent(_text(event.name), event.time_unix_nano, _attributes(event.attributes)) for event in events
        )
        if events
        else (),
        status_code=status.code,
        status_message=_text(status.message),
        sender=sender,
    )


def _log(record: bytes, sender: Sender) -> OtlpLog:
    log = read_log(record)
    attributes = _attributes(log.attributes)
    trace_id, span_id = log.trace_id.hex(), log.span_id.hex()
    if len(trace_id) not in (0, 32):
        raise UnreadableError("it is not a log record: spans belong to /v1/traces, metrics to /v1/metrics")
    return OtlpLog(
        time_ns=log.time_unix_nano or log.observed_time_unix_nano,
        event_name=_text(log.event_name) or str(attributes.get("event.name") or ""),
        severity_number=log.severity_number,
        body=_value(log.body, log.body.WhichOneof("value"), 0),
        attributes=attributes,
        trace_id=trace_id if len(trace_id) == 32 and trace_id.strip("0") else None,
        span_id=span_id if len(span_id) == 16 and span_id.strip("0") else None,
        sender=sender,
    )


def _points(record: bytes, sender: Sender) -> list[OtlpPoint]:
    metric = read_metric(record)
    kind = metric.WhichOneof("data")
    if kind is None:
        return []
    data = getattr(metric, kind)
    _check_members(data.data_points, "points")
    temporality = getattr(data, "aggregation_temporality", 0)
    return points_of(_text(metric.name), _text(metric.unit), kind, temporality, sender, map(_point, data.data_points))


def _point(point: Any) -> Mapping[str, Any]:
    """A data point with the field names of its message; what is not set is left out."""
    found = {field.name: value for field, value in point.ListFields() if field.name in _POINT}
    return {**found, "attributes": _attributes(point.attributes)}


_POINT = frozenset({"start_time_unix_nano", "time_unix_nano", "as_double", "as_int", "sum", "count"})


def _attributes(pairs: Iterable[Any], depth: int = 0) -> dict[str, Any]:
    if not pairs:
        return {}
    _check_members(pairs, "attributes")
    found: dict[str, Any] = {}
    for pair in pairs:
        key, value = pair.key, pair.value
        # Nearly all values are texts and whole numbers; what is asked first here decides the speed of the door.
        text = value.string_value
        if text and text.__class__ is str and "\x00" not in text:
            found[key] = text
            continue
        which = value.WhichOneof("value")
        found[key] = value.int_value if which == "int_value" else _value(value, which, depth)
    for key in found:
        if key.__class__ is not str or "\x00" in key:
            return {_text(key): value for key, value in found.items()}
    return found


def _value(value: Any, which: str | None, depth: int) -> Any:
    if which is None:
        return None
    found = getattr(value, which)
    if which == "string_value":
        return _text(found)
    if which == "double_value":
        return found if math.isfinite(found) else None
    if which == "array_value":
        _check_depth(depth)
        _check_members(found.values, "list entries")
        return [_value(entry, entry.WhichOneof("value"), depth + 1) for entry in found.values]
    if which == "kvlist_value":
        _check_depth(depth)
        return _attributes(found.values, depth + 1)
    return found


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise UnreadableError(f"an attribute is nested deeper than {MAX_DEPTH} levels")


def _check_members(members: Any, name: str) -> None:
    if len(members) > MAX_MEMBERS:
        raise UnreadableError(f"it has {len(members)} {name}; at most {MAX_MEMBERS} are taken")


def _text(text: str | bytes) -> str:
    """The text without NUL, and with U+FFFD for what is not UTF-8."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return text.replace("\x00", "") if "\x00" in text else text
