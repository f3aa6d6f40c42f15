"""Spans, log records and metric points as OTLP carries them, whatever encoding they came in: what dialects read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Attributes", "OtlpEvent", "OtlpLog", "OtlpPoint", "OtlpSpan", "Sender"]

Attributes = Mapping[str, Any]
"""Key → text, bool, int, float, bytes, list or dict of the same. Of a repeated key the last counts."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Resource and instrumentation scope of a record; the records of one scope share the object."""

    resource: Attributes
    scope: str = ""
    """Name of the instrumentation scope; empty when none is given."""
    scope_version: str | None = None
    scope_attributes: Attributes = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class OtlpEvent:
    """An event of a span."""

    name: str
    time_ns: int
    """Since 1970, UTC; 0 when it is not given."""
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class OtlpSpan:
    """A span."""

    trace_id: str
    """32 hexadecimal digits in lower case."""
    span_id: str
    """16 hexadecimal digits in lower case."""
    parent_span_id: str | None
    name: str
    kind: int
    """0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer."""
    start_ns: int
    """Since 1970, UTC; 0 when it is not given."""
    end_ns: int
    """As `start_ns`; 0 for a span that has not ended."""
    attributes: Attributes
    events: tuple[OtlpEvent, ...]
    status_code: int
    """0 unset, 1 ok, 2 error."""
    status_message: str
    sender: Sender


@dataclass(frozen=True, slots=True)
class OtlpLog:
    """A log record."""

    time_ns: int
    """When it happened, since 1970, UTC; else when it was observed; 0 when neither is given."""
    event_name: str
    """`event_name`, else the attribute `event.name`; empty for neither."""
    severity_number: int
    body: Any
    attributes: Attributes
    trace_id: str | None
    span_id: str | None
    sender: Sender


@dataclass(frozen=True, slots=True)
class OtlpPoint:
    """A data point of a metric."""

    metric: str
    unit: str
    kind: Literal["gauge", "sum", "histogram", "exponential_histogram", "summary"]
    temporality: int
    """0 unspecified, 1 delta, 2 cumulative."""
    start_ns: int
    time_ns: int
    value: float | int | None
    """Value of a gauge or sum; sum of a histogram or summary."""
    count: int | None
    """Of a histogram or summary."""
    attributes: Attributes
    sender: Sender
