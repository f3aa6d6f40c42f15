"""Puts what a request says into the rows of its batch: each span, run or score has one verdict and spoils no other."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from llmobserve.wire import CallEvent, SpanEvent
from llmobserve.wire.ids import new_event_id
from llmobserve_server.ingest.batch import BatchRows, dead_letter, place_record
from llmobserve_server.ingest.checks import SHORT
from llmobserve_server.ingest.decode import Decoded, Rejected
from llmobserve_server.ingest.entrance import Arriving
from llmobserve_server.ingest.otlp.messages import Sender
from llmobserve_server.ingest.otlp.records import TRANSPORT
from llmobserve_server.ingest.otlp.unreadable import Unreadable, UnreadableError
from llmobserve_server.ingest.receipt import receipt_row
from llmobserve_server.ingest.rows import Arrival
from llmobserve_server.store.merging import settle

__all__ = ["Placing", "project_of"]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_PROJECT_ATTRIBUTES = ("openinference.project.name", "llmobserve.project")
_logger = logging.getLogger(__name__)


def project_of(resource: Mapping[str, Any], named: str | None) -> str | None:
    """Name of the project that a request says its records belong to: of a header, else of the resource."""
    if named:
        return named
    found = next((resource[key] for key in _PROJECT_ATTRIBUTES if resource.get(key)), None)
    return found if isinstance(found, str) else None


class Placing:
    """The batch of one request while its rows are made.

    Args:
        arriving: when it came, and for which project.
        named: what the request calls its project; it is kept with the records.
    """

    def __init__(self, arriving: Arriving, named: str | None) -> None:
        received_at = _EPOCH + timedelta(microseconds=arriving.received_us)
        self._batch = BatchRows(arriving.project_id, new_event_id(), received_at)
        self._count = 0
        self._arriving = arriving
        self._named = named
        self._sender: Sender | None = None
        self._arrival: Arrival | None = None
        self._project: str | None = None
        self._reported = False
        self._first: Arrival | None = None

    def refuse(self, position: int, item: Unreadable) -> None:
        """Give what stands at a position the verdict `rejected`."""
        self._count += 1
        self._batch.reject(position, None, item.reason, item.body)

    def place(
        self, position: int, sender: Sender, records_of: Callable[[], Iterable[Decoded]], shown: Callable[[], bytes]
    ) -> None:
        """Add the records of what stands at a position; where that cannot be stored it becomes a dead letter.

        Args:
            position: of the span or run in the request.
            sender: who sent it.
            records_of: makes the records, of which the first is the one that counts.
            shown: gives the text under which it is kept as a dead letter.
        """
        self._count += 1
        arrival = self._arrival_of(sender)
        batch = self._batch
        try:
            records = list(records_of())
        except UnreadableError as reason:
            batch.reject(position, None, str(reason), shown())
            return
        except Exception as defect:  # noqa: BLE001 - what nobody foresaw in a span costs only that span
            self._report(defect)
            batch.reject(position, None, f"it could not be understood: {type(defect).__name__}", shown())
            return
        for number, record in enumerate(records):
            if self._project is not None:
                record = _with_project(record, self._project)
            try:
                place_record(batch, position, record, arrival, self._arriving.pricer, [])
            except Rejected as reason:
                if number == 0:
                    batch.reject(position, record.event_id, str(reason), shown())
                    return
                # The call itself is kept; what was said in it, or of it, is kept for being looked at.
                letter = dead_letter(batch, position, record.event_id, str(reason), shown())
                batch.dead_letters.append(letter)

    def finished(self) -> BatchRows:
        """The batch, decided about so far, with a receipt in the name of the process that comes first in it."""
        if self._first is not None:
            shared = {**self._first.shared, "batch_id": self._batch.batch_id}
            if shared["process_id"] is None:
                shared["process_id"] = f"otlp:{shared['service'] or 'unknown'}"
            self._batch.receipt = receipt_row(self._count, (), shared)
        settle([row for _, row in self._batch.events])
        return self._batch

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
            self._first = self._first or self._arrival
        return self._arrival


def _with_project(record: Decoded, name: str) -> Decoded:
    if not isinstance(record, (CallEvent, SpanEvent)):
        return record
    metadata = {"project": name, **record.context.metadata}
    return replace(record, context=replace(record.context, metadata=metadata))


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
            # Spans that are no calls are known by it as well.
            "transport": TRANSPORT,
        },
    )


def _short(value: object) -> str | None:
    return value[:SHORT] if isinstance(value, str) and value else None
