"""From one OTLP message to the records that it stands for. Plain functions without state, for any process."""

from llmobserve_server.ingest.decode import Decoded
from llmobserve_server.ingest.otlp.dialects.base import read_span
from llmobserve_server.ingest.otlp.dialects.registry import form_of
from llmobserve_server.ingest.otlp.logs import records_of_log
from llmobserve_server.ingest.otlp.messages import OtlpLog, OtlpPoint, OtlpSpan
from llmobserve_server.ingest.otlp.records import records_of

__all__ = ["log_records", "point_records", "span_records"]


def span_records(span: OtlpSpan) -> list[Decoded]:
    """The records of a span; at least one."""
    return records_of(span, read_span(form_of(span), span))


def log_records(log: OtlpLog) -> list[Decoded]:
    """The records of a log record; none for one that says nothing about calls, which is not kept."""
    return records_of_log(log)


def point_records(point: OtlpPoint) -> list[Decoded]:
    """The records of a data point: none.

    Metrics sum up what spans and logs say one by one: charged as well they would be charged twice. The receipt of the
    request counts them.
    """
    del point
    return []
