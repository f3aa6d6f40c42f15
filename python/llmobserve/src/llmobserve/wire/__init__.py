"""The event schema: what the SDK, the gateway and every other sender put on the wire.

Frozen dataclasses and their JSON form. Imports nothing of ours and nothing that must be installed.
"""

from llmobserve.wire.attached import FactKind, FactRecord, Record, ScoreRecord, ScoreTarget, ScoreType
from llmobserve.wire.batch import Batch, BatchAnswer, Source, Verdict
from llmobserve.wire.codec import WIRE_VERSION, batch_to_json
from llmobserve.wire.cost import Cost, CostLine, CostState, LineRules
from llmobserve.wire.event import (
    CallEvent,
    CallKind,
    ContentRecord,
    Context,
    ErrorInfo,
    SpanEvent,
    SpanKind,
    Status,
)
from llmobserve.wire.ids import new_event_id, new_span_id, new_trace_id, now_us
from llmobserve.wire.record_text import record_to_json
from llmobserve.wire.report import LibraryReport, ProcessReport, WrapperReport
from llmobserve.wire.usage import Quantity, Usage, UsageSource, input_tokens, output_tokens

__all__ = [
    "WIRE_VERSION",
    "Batch",
    "BatchAnswer",
    "CallEvent",
    "CallKind",
    "ContentRecord",
    "Context",
    "Cost",
    "CostLine",
    "CostState",
    "ErrorInfo",
    "FactKind",
    "FactRecord",
    "LibraryReport",
    "LineRules",
    "ProcessReport",
    "Quantity",
    "Record",
    "ScoreRecord",
    "ScoreTarget",
    "ScoreType",
    "Source",
    "SpanEvent",
    "SpanKind",
    "Status",
    "Usage",
    "UsageSource",
    "Verdict",
    "WrapperReport",
    "batch_to_json",
    "input_tokens",
    "new_event_id",
    "new_span_id",
    "new_trace_id",
    "now_us",
    "output_tokens",
    "record_to_json",
]
