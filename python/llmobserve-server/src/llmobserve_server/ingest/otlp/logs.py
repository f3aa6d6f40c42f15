"""Log records as records of ours: calls that coding agents and instrumentations log, messages, and scores.

What says nothing about a call is not kept: an application's ordinary logs stay where they are.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from llmobserve.providers.quantities import as_mapping
from llmobserve.wire import Context, ScoreRecord
from llmobserve_server.ingest.decode import Decoded
from llmobserve_server.ingest.otlp.content import content_text, json_bytes
from llmobserve_server.ingest.otlp.dialects.base import read_span
from llmobserve_server.ingest.otlp.dialects.claude_code import claude_code_log
from llmobserve_server.ingest.otlp.dialects.codex import codex_log
from llmobserve_server.ingest.otlp.dialects.otel_genai import MESSAGE_EVENTS, choice_message, said_message
from llmobserve_server.ingest.otlp.dialects.registry import form_of
from llmobserve_server.ingest.otlp.ids import span_id_of_part
from llmobserve_server.ingest.otlp.messages import OtlpEvent, OtlpLog, OtlpSpan
from llmobserve_server.ingest.otlp.reading import Reading
from llmobserve_server.ingest.otlp.records import records_of
from llmobserve_server.ingest.otlp.values import number, text
from llmobserve_server.store.span_target import answer_target, piece_name, span_target

__all__ = ["records_of_log"]

_DETAILS = "gen_ai.client.inference.operation.details"
_EXCEPTIONS = frozenset(("gen_ai.client.operation.exception", "gen_ai.client.inference.operation.exception"))
_EVALUATION = "gen_ai.evaluation.result"
_ERROR = 2
_CLIENT = 3
_PART = "log"


def records_of_log(log: OtlpLog) -> list[Decoded]:
    """The records of a log record; none where it says nothing about calls."""
    name = log.event_name
    if name.startswith("claude_code.") or "claude_code" in log.sender.scope:
        return _of_agent(log, claude_code_log(name.removeprefix("claude_code."), _attributes(log)))
    if name.startswith("codex."):
        return _of_agent(log, codex_log(name.removeprefix("codex."), _attributes(log)))
    if name in MESSAGE_EVENTS or name == "gen_ai.choice":
        return _message(log)
    if name == _DETAILS:
        return _details(log)
    if name in _EXCEPTIONS:
        return _failed_call(log)
    if name == _EVALUATION:
        return _score(log)
    return []


def _attributes(log: OtlpLog) -> Mapping[str, Any]:
    """Attributes, and what the body states where it is an object."""
    body = as_mapping(log.body)
    return {**body, **log.attributes} if body else log.attributes


def _digest(log: OtlpLog) -> str:
    said = f"{log.time_ns}{log.event_name}{log.body!r}{sorted(log.attributes.items(), key=lambda item: item[0])!r}"
    return blake2b(said.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _as_span(log: OtlpLog, attributes: Mapping[str, Any]) -> OtlpSpan:
    """The span that a log record is read as: one that has no end, at its place."""
    return OtlpSpan(
        trace_id=log.trace_id or "",
        span_id=log.span_id or span_id_of_part("", _digest(log), _PART),
        parent_span_id="",
        name=log.event_name,
        kind=_CLIENT,
        start_ns=log.time_ns,
        end_ns=0,
        attributes=attributes,
        events=(),
        status_code=0,
        status_message="",
        sender=log.sender,
    )


def _of_agent(log: OtlpLog, reading: Reading | None) -> list[Decoded]:
    """What a coding agent logs: each record is a call or a span of its own, below the span that it was logged in."""
    if reading is None:
        return []
    if log.trace_id is not None:
        reading.run_id = None
    duration_ns = int((number(log.attributes.get("duration_ms")) or 0) * 1_000_000)
    span = replace(
        _as_span(log, log.attributes),
        span_id=span_id_of_part(log.trace_id or "", _digest(log), _PART),
        parent_span_id=log.span_id or "",
        start_ns=log.time_ns - duration_ns,
        end_ns=log.time_ns,
    )
    return records_of(span, reading)


def _details(log: OtlpLog) -> list[Decoded]:
    """What repeats a call, usage and all: a second record of it, or the only one where its span was not sampled."""
    attributes = _attributes(log)
    if "gen_ai.operation.name" not in attributes:
        attributes = {"gen_ai.operation.name": "chat", **attributes}
    span = _as_span(log, attributes)
    reading = read_span(form_of(span), span)
    tokens = reading.tokens
    can_be_joined = (log.trace_id is not None and log.span_id is not None) or reading.response_id is not None
    if reading.is_call and can_be_joined and (tokens.input is not None or tokens.output is not None):
        return records_of(span, reading, part=_PART)
    return _content_of(log, reading.response_id, reading.input, reading.output)


def _failed_call(log: OtlpLog) -> list[Decoded]:
    attributes = _attributes(log)
    if log.span_id is None or not text(attributes.get("gen_ai.operation.name")):
        return []
    exception = OtlpEvent("exception", log.time_ns, attributes)
    span = replace(_as_span(log, attributes), status_code=_ERROR, events=(exception,))
    reading = read_span(form_of(span), span)
    return records_of(span, reading, part=_PART) if reading.is_call else []


def _message(log: OtlpLog) -> list[Decoded]:
    body = as_mapping(log.body) or {"content": log.body}
    own = {key: value for key, value in log.attributes.items() if not key.startswith(("gen_ai.", "event."))}
    fields = {**own, **body}
    role = MESSAGE_EVENTS.get(log.event_name)
    if role is not None:
        return _content_of(log, None, [said_message(role, fields)], None)
    return _content_of(log, None, None, [choice_message(fields)])


def _content_of(log: OtlpLog, response_id: str | None, said: Any, answer: Any) -> list[Decoded]:
    """Content under the name of the span that it belongs to: the id of the span's record is not known here."""
    if log.trace_id is not None and log.span_id is not None:
        target = span_target(log.trace_id, log.span_id)
    elif response_id is not None:
        target = answer_target(response_id)
    else:
        return []
    content = content_text(piece_name(target, log.time_ns, _digest(log)), json_bytes(said), json_bytes(answer))
    return [] if content is None else [content]


def _score(log: OtlpLog) -> list[Decoded]:
    """A judgement of the call that its span or the id of the answer names, else of the run."""
    attributes = _attributes(log)
    name = text(attributes.get("gen_ai.evaluation.name"))
    value = _exact(attributes.get("gen_ai.evaluation.score.value"))
    label = text(attributes.get("gen_ai.evaluation.score.label"))
    response_id = text(attributes.get("gen_ai.response.id"))
    if name is None or (value is None and label is None):
        return []
    if response_id is not None:
        target = answer_target(response_id)
    elif log.trace_id is not None and log.span_id is not None:
        target = span_target(log.trace_id, log.span_id)
    else:
        target = None
    if target is None and log.trace_id is None:
        return []
    return [
        ScoreRecord(
            event_id=_digest(log),
            target_type="run" if target is None else "event",
            target_id=target or log.trace_id or "",
            name=name[:512],
            data_type="categorical" if value is None else "numeric",
            value=value,
            label=label,
            comment=text(attributes.get("gen_ai.evaluation.explanation")),
            source=text(attributes.get("gen_ai.evaluation.source")) or "evaluator",
            at_us=log.time_ns // 1000,
            context=Context(run_id=log.trace_id, trace_id=log.trace_id),
        )
    ]


def _exact(value: Any) -> Decimal | None:
    """A score as an exact number; negative ones count too."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        return None
    return found if found.is_finite() else None
