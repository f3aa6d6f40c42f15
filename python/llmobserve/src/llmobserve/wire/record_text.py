"""Records as JSON text. That of a call is written field by field: the program waits for it at the end of every call."""

from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from math import isfinite
from typing import Any, cast

from llmobserve.wire.attached import Record
from llmobserve.wire.codec import to_builtins, to_json
from llmobserve.wire.event import CallEvent, ContentRecord, Context
from llmobserve.wire.usage import Usage

__all__ = ["record_to_json"]

_REMEMBERED_NAMES = 1024


def record_to_json(record: Record, sequence: int | None = None) -> bytes:
    """One record as compact ASCII JSON, fields at their default left out. Lone surrogates are escaped.

    `sequence` is put in as the running number, with `None` that of the record stays. Raises ValueError for a number
    that is not finite, TypeError for what has no JSON form.
    """
    if type(record) is CallEvent:
        return _call_text(record, record.sequence if sequence is None else sequence).encode("ascii")
    if type(record) is ContentRecord:
        return _content_text(record).encode("ascii")
    if sequence is None:
        return to_json(record).encode("ascii")
    return to_json({**to_builtins(record), "sequence": sequence}).encode("ascii")


def _content_text(content: ContentRecord) -> str:
    """As `to_json(content)`, without a copy of all that was said."""
    parts = [f'{{"type":"content","event_id":{quoted(content.event_id)}']
    if content.input is not None:
        parts.append(f'"input":{to_json(content.input)}')
    if content.output is not None:
        parts.append(f'"output":{to_json(content.output)}')
    if content.truncated:
        parts.append('"truncated":true')
    if content.redactions:
        parts.append(f'"redactions":{content.redactions}')
    return ",".join(parts) + "}"


def _call_text(call: CallEvent, sequence: int | None) -> str:
    """As `to_json(to_builtins(call))`, several times as quick."""
    parts = [f'{{"type":"call","event_id":{quoted(call.event_id)},{_what(call.kind, call.provider, call.operation)}']
    put = parts.append
    if call.revision:
        put(f'"revision":{call.revision}')
    if sequence is not None:
        put(f'"sequence":{sequence}')
    if call.request_model is not None:
        put(f'"request_model":{quoted(call.request_model)}')
    if call.response_model is not None:
        put(f'"response_model":{quoted(call.response_model)}')
    put(f'"start_time_us":{call.start_time_us}')
    if call.duration_ms is not None:
        put(f'"duration_ms":{_decimal(call.duration_ms)}')
    if call.time_to_first_token_ms is not None:
        put(f'"time_to_first_token_ms":{_decimal(call.time_to_first_token_ms)}')
    _put_outcome(parts, call)
    if call.response_id is not None:
        put(f'"response_id":{quoted(call.response_id)}')
    if call.request_id is not None:
        put(f'"request_id":{quoted(call.request_id)}')
    _put_usage(parts, call.usage)
    if call.dimensions:
        put(f'"dimensions":{_object(call.dimensions)}')
    if call.reported_cost_usd is not None:
        put(f'"reported_cost_usd":"{call.reported_cost_usd:f}"')
    if call.host is not None or call.transport is not None:
        put(_way(call.host, call.transport))
    _put_place(parts, call)
    return ",".join(parts) + "}"


def _put_outcome(parts: list[str], call: CallEvent) -> None:
    if call.status != "ok":
        parts.append(f'"status":"{call.status}"')
    if call.error is not None:
        parts.append(f'"error":{to_json(call.error)}')
    if call.http_status is not None:
        parts.append(f'"http_status":{call.http_status}')
    if call.stream:
        parts.append('"stream":true')
    if call.attempt:
        parts.append(f'"attempt":{call.attempt}')
    if call.logical_call_id is not None:
        parts.append(f'"logical_call_id":{quoted(call.logical_call_id)}')


def _put_usage(parts: list[str], usage: Usage) -> None:
    inner: list[str] = []
    if usage.units:
        inner.append(f'"units":{_object(usage.units)}')
    if usage.details:
        inner.append(f'"details":{_object(usage.details)}')
    if usage.source != "unknown":
        inner.append(f'"source":"{usage.source}"')
    if usage.flags:
        inner.append(f'"flags":{to_json(usage.flags)}')
    if usage.raw is not None:
        raw = _object(cast("dict[str, Any]", usage.raw)) if type(usage.raw) is dict else to_json(usage.raw)
        inner.append(f'"raw":{raw}')
    if inner:
        parts.append(f'"usage":{{{",".join(inner)}}}')


def _put_place(parts: list[str], call: CallEvent) -> None:
    _put_context(parts, call.context)
    if call.attributes:
        parts.append(f'"attributes":{_object(call.attributes)}')


def _put_context(parts: list[str], context: Context) -> None:
    inner = _place(
        context.run_id,
        context.run_name,
        context.session_id,
        context.user_id,
        context.customer_id,
        context.trace_id,
        context.parent_span_id,
        context.section_path,
        context.tags,
    )
    if context.span_id is not None:
        inner += f',"span_id":{quoted(context.span_id)}'
    if context.metadata:
        inner += f',"metadata":{_object(context.metadata)}'
    if inner:
        parts.append(f'"context":{{{inner[1:]}}}')


def _object(fields: Mapping[str, Any]) -> str:
    """A JSON object whose names come again and again: of units, of a provider's usage, of metadata."""
    parts: list[str] = []
    put = parts.append
    for name, value in fields.items():
        kind = cast("type[Any]", type(value))
        if kind is int:
            put(f"{_KEYS[name]}{value}")
        elif kind is str:
            put(_KEYS[name] + quoted(value))
        elif kind is dict:
            put(_KEYS[name] + _object(value))
        else:
            put(_KEYS[name] + to_json(value))
    return f"{{{','.join(parts)}}}"


def _decimal(number: float) -> str:
    if not isfinite(number):
        raise ValueError("Out of range float values are not JSON compliant")
    return repr(number)


# What is the same in call after call is put into JSON once.


class _Keys(dict[str, str]):
    """Names with their quotes and colon, each made when it is first asked for."""

    def __missing__(self, name: str) -> str:
        if len(self) >= _REMEMBERED_NAMES:
            self.clear()  # metadata can have any names
        self[name] = key = f"{quoted(name)}:"
        return key


_KEYS = _Keys()


@lru_cache(maxsize=256)
def _what(kind: str, provider: str, operation: str) -> str:
    return f'"kind":{quoted(kind)},"provider":{quoted(provider)},"operation":{quoted(operation)}'


@lru_cache(maxsize=256)
def _way(host: str | None, transport: str | None) -> str:
    pairs = (("host", host), ("transport", transport))
    return ",".join(f'"{name}":{quoted(value)}' for name, value in pairs if value is not None)


@lru_cache(maxsize=256)
def _place(
    run_id: str | None,
    run_name: str | None,
    session_id: str | None,
    user_id: str | None,
    customer_id: str | None,
    trace_id: str | None,
    parent_span_id: str | None,
    section_path: str | None,
    tags: tuple[str, ...],
) -> str:
    """The fields of a context that the calls of one place share, each after a comma."""
    pairs = (
        ("run_id", run_id),
        ("run_name", run_name),
        ("session_id", session_id),
        ("user_id", user_id),
        ("customer_id", customer_id),
        ("trace_id", trace_id),
        ("parent_span_id", parent_span_id),
        ("section_path", section_path),
    )
    text = "".join(f',"{name}":{quoted(value)}' for name, value in pairs if value is not None)
    return f'{text},"tags":{to_json(tags)}' if tags else text
