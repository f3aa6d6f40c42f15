"""Langfuse's scores as ours.

Source: langfuse/langfuse `fern/apis/server/definition/score.yml` and the bodies of langfuse 5.0.4, November 2026.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from llmobserve.wire import Context, ScoreRecord, ScoreTarget, ScoreType, now_us
from llmobserve_server.ingest.foreign.parts import nanoseconds, span_id_of, text_of, trace_id_of
from llmobserve_server.ingest.otlp.messages import Sender
from llmobserve_server.ingest.otlp.unreadable import UnreadableError
from llmobserve_server.store.span_target import span_target

__all__ = ["LANGFUSE_SENDER", "langfuse_score"]

LANGFUSE_SENDER = Sender({}, "langfuse-sdk")
_TYPES: Mapping[str, ScoreType] = {"NUMERIC": "numeric", "CATEGORICAL": "categorical", "BOOLEAN": "boolean"}


def langfuse_score(body: Mapping[str, Any]) -> ScoreRecord:
    """The score. Raises UnreadableError for one without an id, a name, a value or a target.

    The id is that of the sender, else the same for the same score of the same target: sent again it is the same score.
    """
    name = text_of(body.get("name"))
    if name is None:
        raise UnreadableError("a score needs a `name`")
    target_type, target_id = _target(body)
    kind = _TYPES.get(str(body.get("dataType")).upper()) or _kind_of(body.get("value"))
    is_category = kind == "categorical"
    said_ns = nanoseconds(body.get("timestamp"))
    trace_id = text_of(body.get("traceId"))
    return ScoreRecord(
        event_id=text_of(body.get("id")) or trace_id_of(f"{target_id} {name}"),
        target_type=target_type,
        target_id=target_id,
        name=name,
        data_type=kind,
        value=None if is_category else _number(body.get("value")),
        label=_label(body) if is_category else None,
        comment=text_of(body.get("comment")),
        at_us=said_ns // 1000 or now_us(),
        context=Context(
            run_id=None if trace_id is None else trace_id_of(trace_id), session_id=text_of(body.get("sessionId"))
        ),
    )


def _target(body: Mapping[str, Any]) -> tuple[ScoreTarget, str]:
    trace_id, span_id = text_of(body.get("traceId")), text_of(body.get("observationId"))
    session_id = text_of(body.get("sessionId"))
    if trace_id is not None and span_id is not None:
        return "event", span_target(trace_id_of(trace_id), span_id_of(span_id))
    if trace_id is not None:
        return "run", trace_id_of(trace_id)
    if session_id is not None:
        return "session", session_id
    raise UnreadableError("a score needs a `traceId` or a `sessionId`")


def _kind_of(value: Any) -> ScoreType:
    if isinstance(value, bool):
        return "boolean"
    return "categorical" if isinstance(value, str) else "numeric"


def _number(value: Any) -> Decimal:
    if isinstance(value, bool):
        return Decimal(int(value))
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise UnreadableError(f"the value of a score is a number, not {str(value)[:40]!r}") from None


def _label(body: Mapping[str, Any]) -> str:
    label = text_of(body.get("stringValue")) or text_of(body.get("value"))
    if label is None:
        raise UnreadableError("the value of a categorical score is a text")
    return label
