"""One OTLP request as rows: every span, log record and metric gets its own verdict, and none can spoil another."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from llmobserve.wire.ids import new_event_id
from llmobserve_server.ingest.batch import BatchRows, dead_letter, place_record
from llmobserve_server.ingest.checks import SHORT
from llmobserve_server.ingest.decode import Decoded, Rejected
from llmobserve_server.ingest.entrance import Arriving
from llmobserve_server.ingest.otlp import json_encoding, protobuf
from llmobserve_server.ingest.otlp.entrance import log_records, point_records, span_records
from llmobserve_server.ingest.otlp.json_form import request_text
from llmobserve_server.ingest.otlp.messages import OtlpLog, OtlpPoint, OtlpSpan, Sender
from llmobserve_server.ingest.otlp.unreadable import Unreadable
from llmobserve_server.ingest.receipt import receipt_row
from llmobserve_server.ingest.rows import Arrival

__all__ = ["Encoding", "log_batch", "metric_batch", "project_of", "trace_batch"]

Encoding = Literal["protobuf", "json"]
M = TypeVar("M", OtlpSpan, OtlpLog, OtlpPoint)

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_PROJECT_ATTRIBUTES = ("openinference.project.name", "llmobserve.project")
_logger = logging.getLogger(__name__)


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
    source = protobuf.spans_of(body) if encoding == "protobuf" else json_encoding.spans_of(body)
    return _batch(source, span_records, arriving, project)


def log_batch(body: bytes, arriving: Arriving, *, encoding: Encoding, project: str | None = None) -> BatchRows:
    """As `trace_batch`, for an `ExportLogsServiceRequest`."""
    source = protobuf.logs_of(body) if encoding == "protobuf" else json_encoding.logs_of(body)
    return _batch(source, log_records, arriving, project)


def metric_batch(body: bytes, arriving: Arriving, *, encoding: Encoding, project: str | None = None) -> BatchRows:
    """As `trace_batch`, for an `ExportMetricsServiceRequest`; the verdicts are those of data points."""
    source = protobuf.metrics_of(body) if encoding == "protobuf" else json_encoding.metrics_of(body)
    return _batch(_single_points(source), point_records, arriving, project)


def project_of(resource: Mapping[str, Any], named: str | None) -> str | None:
    """Name of the project that a request says its records belong to: of a header, else of the resource."""
    if named:
        return named
    found = next((resource[key] for key in _PROJECT_ATTRIBUTES if resource.get(key)), None)
    return found if isinstance(found, str) else None


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
    batch = BatchRows(arriving.project_id, new_event_id(), _EPOCH + timedelta(microseconds=arriving.received_us))
    placing = _Placing(batch, arriving, named)
    count = 0
    for position, item in enumerate(items):
        count += 1
        if isinstance(item, Unreadable):
            batch.reject(position, None, item.reason, item.body)
        else:
            placing.place(position, item, records_of)
    if count and placing.first is not None:
        batch.receipt = placing.receipt(count)
    return batch


class _Placing:
    """Puts the records of one request into its rows."""

    def __init__(self, batch: BatchRows, arriving: Arriving, named: str | None) -> None:
        self._batch = batch
        self._arriving = arriving
        self._named = named
        self._sender: Sender | None = None
        self._arrival: Arrival | None = None
        self._project: str | None = None
        self._reported = False
        self.first: Arrival | None = None

    def place(self, position: int, item: M, records_of: Callable[[M], Iterable[Decoded]]) -> None:
        """Add what one span, log record or point says; where that cannot be stored it becomes a dead letter."""
        arrival = self._arrival_of(item.sender)
        batch = self._batch
        try:
            records = list(records_of(item))
        except Exception as defect:  # noqa: BLE001 - what nobody foresaw in a span costs only that span
            self._report(defect)
            batch.reject(position, None, f"it could not be understood: {type(defect).__name__}", request_text(item))
            return
        before = len(batch.events)
        for number, record in enumerate(records):
            try:
                place_record(batch, position, record, arrival, self._arriving.pricer, [])
            except Rejected as reason:
                if number == 0:
                    batch.reject(position, record.event_id, str(reason), request_text(item))
                    return
                # The call itself is kept; what was said in it, or of it, is kept for being looked at.
                letter = dead_letter(batch, position, record.event_id, str(reason), request_text(item))
                batch.dead_letters.append(letter)
        if self._project is not None:
            for _, row in batch.events[before:]:
                row["metadata"] = {"project": self._project, **(row["metadata"] or {})}

    def receipt(self, records: int) -> dict[str, Any]:
        """The receipt of the request: of the process that comes first in it."""
        assert self.first is not None
        shared = {**self.first.shared, "batch_id": self._batch.batch_id}
        if shared["process_id"] is None:
            shared["process_id"] = f"otlp:{shared['service'] or 'unknown'}"
        return receipt_row(records, (), shared)

    def _report(self, defect: Exception) -> None:
        # Once a request: a sender that does it once does it with every span.
        if not self._reported:
            self._reported = True
            _logger.error("a record of OTLP could not be understood", exc_info=defect)

    def _arrival_of(self, sender: Sender) -> Arrival:
        if self._arrival is None or sender is not self._sender:
            self._sender = sender
            self._project = project_of(sender.resource, self._named)
            self._arrival = _arrival(sender, self._arriving, self._batch.received_at)
            self.first = self.first or self._arrival
        return self._arrival


def _arrival(sender: Sender, arriving: Arriving, received_at: datetime) -> Arrival:
    resource = sender.resource
    service = _short(resource.get("service.name"))
    return Arrival(
        arriving.received_us,
        {
            "project_id": arriving.project_id,
            "received_at": received_at,
            "environment": _short(resource.get("deployment.environment.name", resource.get("deployment.environment"))),
            # What SDKs say where nobody gave the service a name.
            "service": None if service is not None and service.startswith("unknown_service") else service,
            "process_id": _short(resource.get("service.instance.id")),
            "sdk": _short(sender.scope),
            "sdk_version": _short(sender.scope_version),
            "clock_skew_ms": None,
        },
    )


def _short(value: object) -> str | None:
    return value[:SHORT] if isinstance(value, str) and value else None
