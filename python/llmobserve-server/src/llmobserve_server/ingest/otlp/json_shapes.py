"""The messages of OTLP in JSON, as far as they are read: what is not named here is ignored, everything may be left out.

Records stay text in the outer layers, so that a damaged one is refused alone.
"""

import msgspec

__all__ = [
    "JsonAttributed",
    "JsonData",
    "JsonEvent",
    "JsonLog",
    "JsonMetric",
    "JsonNumber",
    "JsonPair",
    "JsonPairs",
    "JsonPoint",
    "JsonRequest",
    "JsonResourcePart",
    "JsonScope",
    "JsonScopePart",
    "JsonSpan",
    "JsonStatus",
    "JsonValue",
    "JsonValues",
]

JsonNumber = int | float | str
"""A whole number of 64 bits, or with fractions; `"NaN"`, `"Infinity"` and `"-Infinity"` are texts too."""


class JsonValue(msgspec.Struct, rename="camel"):
    """Any value: at most one of its fields is given."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: JsonNumber | None = None
    double_value: JsonNumber | None = None
    array_value: "JsonValues | None" = None
    kvlist_value: "JsonPairs | None" = None
    bytes_value: str | None = None


class JsonPair(msgspec.Struct):
    """An attribute."""

    key: str = ""
    value: JsonValue | None = None


class JsonValues(msgspec.Struct):
    """A list."""

    values: list[JsonValue | None] | None = None


class JsonPairs(msgspec.Struct):
    """An object."""

    values: list[JsonPair] | None = None


class JsonAttributed(msgspec.Struct, rename="camel"):
    """What has attributes: a resource, and all that follows."""

    attributes: list[JsonPair] | None = None


class JsonScope(JsonAttributed):
    """An instrumentation scope."""

    name: str | None = None
    version: str | None = None


class JsonEvent(JsonAttributed):
    """An event of a span."""

    name: str | None = None
    time_unix_nano: JsonNumber | None = None


class JsonStatus(msgspec.Struct):
    """Outcome of a span."""

    code: int | str | None = None
    message: str | None = None


class JsonSpan(JsonAttributed):
    """A span."""

    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: JsonNumber | None = None
    end_time_unix_nano: JsonNumber | None = None
    events: list[JsonEvent] | None = None
    status: JsonStatus | None = None


class JsonLog(JsonAttributed):
    """A log record."""

    time_unix_nano: JsonNumber | None = None
    observed_time_unix_nano: JsonNumber | None = None
    severity_number: int | str | None = None
    body: JsonValue | None = None
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None


class JsonPoint(JsonAttributed):
    """A data point of any metric."""

    start_time_unix_nano: JsonNumber | None = None
    time_unix_nano: JsonNumber | None = None
    as_double: JsonNumber | None = None
    as_int: JsonNumber | None = None
    sum: JsonNumber | None = None
    count: JsonNumber | None = None


class JsonData(msgspec.Struct, rename="camel"):
    """The points of a metric."""

    data_points: list[JsonPoint] | None = None
    aggregation_temporality: int | str | None = None


class JsonMetric(msgspec.Struct, rename="camel"):
    """A metric: one of its five kinds of data is given."""

    name: str | None = None
    unit: str | None = None
    gauge: JsonData | None = None
    sum: JsonData | None = None
    histogram: JsonData | None = None
    exponential_histogram: JsonData | None = None
    summary: JsonData | None = None


class JsonScopePart(msgspec.Struct, rename="camel"):
    """The records of one scope."""

    scope: JsonScope | None = None
    spans: list[msgspec.Raw] | None = None
    log_records: list[msgspec.Raw] | None = None
    metrics: list[msgspec.Raw] | None = None


class JsonResourcePart(msgspec.Struct, rename="camel"):
    """The scopes of one resource."""

    resource: JsonAttributed | None = None
    scope_spans: list[JsonScopePart] | None = None
    scope_logs: list[JsonScopePart] | None = None
    scope_metrics: list[JsonScopePart] | None = None


class JsonRequest(msgspec.Struct, rename="camel"):
    """A body, of whichever signal."""

    resource_spans: list[JsonResourcePart] | None = None
    resource_logs: list[JsonResourcePart] | None = None
    resource_metrics: list[JsonResourcePart] | None = None
