"""One OTLP request as rows: every span, log record and metric gets its own verdict, and none can spoil another."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Literal, TypeVar

from llmobserve_server.ingest.batch import BatchRows
from llmobserve_server.ingest.decode import Decoded
from llmobserve_server.ingest.entrance import Arriving
from llmobserve_server.ingest.otlp import json_encoding
from llmobserve_server.ingest.otlp.entrance import log_records, point_records, span_records
from llmobserve_server.ingest.otlp.json_form import request_text
from llmobserve_server.ingest.otlp.messages import OtlpLog, OtlpPoint, OtlpSpan
from llmobserve_server.ingest.otlp.placing import Placing
from llmobserve_server.ingest.otlp.unreadable import Unreadable

__all__ = ["Encoding", "log_batch", "metric_batch", "trace_batch"]

Encoding = Literal["protobuf", "json"]
M = TypeVar("M", OtlpSpan, OtlpLog, OtlpPoint)


def trace_batch(body: bytes, arriving: Arriving, *, encoding: Encoding, project: str | None = None) -> BatchRows:
    """An entrance: the rows of an `ExportTraceServiceRequest`.

    Args:
        body: the request, decompressed.
        arriving: see there.
        encoding: of the body.
        project: name of the project that the request gives in a header. It never decides where the rows are kept;
            they say it as `project` in their metadata.

    Raises:
        BadRequest: the body is no such request.
        PayloadTooLarge: it has too many records.
    """
    source = _protobuf().spans_of(body) if encoding == "protobuf" else json_encoding.spans_of(body)
    return _batch(source, span_records, arriving, project)


def log_batch(body: bytes, arriving: Arriving, *, encoding: Encoding, project: str | None = None) -> BatchRows:
    """As `trace_batch`, for an `ExportLogsServiceRequest`."""
    source = _protobuf().logs_of(body) if encoding == "protobuf" else json_encoding.logs_of(body)
    return _batch(source, log_records, arriving, project)


def metric_batch(body: bytes, arriving: Arriving, *, encoding: Encoding, project: str | None = None) -> BatchRows:
    """As `trace_batch`, for an `ExportMetricsServiceRequest`; the verdicts are those of data points."""
    source = _protobuf().metrics_of(body) if encoding == "protobuf" else json_encoding.metrics_of(body)
    return _batch(_single_points(source), point_records, arriving, project)


def _protobuf():
    # Loaded by the first request: it takes a tenth of a second that a start need not wait for.
    from llmobserve_server.ingest.otlp import protobuf

    return protobuf


def _single_points(
    metrics: Iterable[Sequence[OtlpPoint] | Unreadable],
) -> Iterator[OtlpPoint | Unreadable]:
    for metric in metrics:
        if isinstance(metric, Unreadable):
            yield metric
        else:
            yield from metric


def _batch(
    items: Iterable[M | Unreadable], records_of: Callable[[M], Iterable[Decoded]], arriving: Arriving, named: str | None
) -> BatchRows:
    placing = Placing(arriving, named)
    for position, item in enumerate(items):
        if isinstance(item, Unreadable):
            placing.refuse(position, item)
        else:
            placing.place(position, item.sender, partial(records_of, item), partial(request_text, item))
    return placing.finished()
