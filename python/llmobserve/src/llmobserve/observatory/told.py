"""A call as the application tells of it, and the event that is made of that."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from llmobserve.capture.call_record import error_message
from llmobserve.context import Snapshot, wire_context
from llmobserve.guard import text_of
from llmobserve.observatory.models import CacheMetadata, Number, QualityEvaluation, RoutingDecision
from llmobserve.observatory.providers import api_operation, maker_of, provider_name
from llmobserve.observatory.responses import Answer
from llmobserve.privacy import label, labels
from llmobserve.wire import CallEvent, CallKind, ErrorInfo, Quantity, Status, Usage, new_event_id, now_us

__all__ = ["MANUAL", "Told", "call_of", "started_at_us"]

MANUAL = "manual"
"""In place of a client library: the application told of the call itself."""
_MOST_TOKENS = 2**53
_MOST_UNITS = 64
_LONGEST_MS = 366 * 24 * 3600 * 1000
_FIRST_S, _AHEAD_S = 1_420_070_400, 24 * 3600
"""The collector takes starts from 2015 to 24 hours ahead of its clock."""
_REPORT = 1
"""Revision of a report: its captured call, if it comes later, has a higher one."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the application said; nothing in it has been checked. `None` = not said."""

    model: str
    provider: str | None = None
    kind: CallKind = "llm"
    endpoint: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage: Mapping[str, Any] | None = None
    latency_ms: float | None = None
    time_to_first_token_ms: float | None = None
    start_time: datetime | float | None = None
    stream: bool = False
    success: bool = True
    error: BaseException | str | None = None
    response_id: str | None = None
    request_id: str | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict[str, str])
    reported_cost_usd: Number | None = None
    agent_name: str | None = None
    agent_role: str | None = None
    operation: str | None = None
    prompt: Any = None
    response_text: Any = None
    routing: RoutingDecision | None = None
    cache: CacheMetadata | None = None
    quality: QualityEvaluation | None = None
    metadata: Mapping[str, object] | None = None


def call_of(told: Told, answer: Answer | None, place: Snapshot) -> CallEvent:
    """The event of a call made at `place`, where no captured one is the same.

    What the client library's own answer says counts more than what the application says beside it.
    """
    model = label(text_of(told.model)) if told.model else ((answer and answer.model) or "")
    provider = _provider(told, answer, model)
    status, error = _outcome(told)
    latency_ms, start_us = _milliseconds(told.latency_ms), started_at_us(told.start_time)
    spared = told.cache is not None and told.cache.spared_the_call
    dimensions = dict(answer.dimensions) if answer is not None else {}
    dimensions |= labels(told.dimensions)
    call = CallEvent(
        event_id=new_event_id(),
        revision=_REPORT,
        kind=(answer and answer.kind) or told.kind,
        provider=provider,
        operation=label(text_of(told.endpoint or (answer and answer.operation) or api_operation(provider, told.kind))),
        request_model=model or None,
        response_model=None if answer is None else answer.model,
        start_time_us=now_us() - int((latency_ms or 0.0) * 1000) if start_us is None else start_us,
        duration_ms=latency_ms,
        time_to_first_token_ms=_milliseconds(told.time_to_first_token_ms),
        status=status,
        error=error,
        stream=bool(told.stream),
        response_id=_id(told.response_id) or (answer and answer.response_id),
        request_id=_id(told.request_id) or (answer and answer.request_id),
        usage=_usage(told, answer),
        dimensions=dimensions,
        reported_cost_usd=_usd(told.reported_cost_usd),
        transport=MANUAL,
        context=wire_context(place, None),
    )
    if spared:
        # The answer has the ids and the tokens of the call that filled the cache.
        dimensions = {**dimensions, "cache": "local_hit"}
        return replace(
            call, response_id=None, request_id=None, usage=Usage(), reported_cost_usd=None, dimensions=dimensions
        )
    return call


def _provider(told: Told, answer: Answer | None, model: str) -> str:
    if told.provider:
        return label(provider_name(text_of(told.provider)))
    return (answer and answer.provider) or label(maker_of(model))


def _outcome(told: Told) -> tuple[Status, ErrorInfo | None]:
    error = told.error
    if error is None:
        return ("ok", None) if told.success else ("error", ErrorInfo(type="reported"))
    if isinstance(error, BaseException):
        status: Status = "error" if isinstance(error, Exception) else "cancelled"
        return status, ErrorInfo(type=label(type(error).__name__), message=error_message(text_of(error)))
    return "error", ErrorInfo(type="reported", message=error_message(text_of(error)))


def started_at_us(given: object) -> int | None:
    """When a call began, in microseconds since 1970, of a `datetime` or seconds; `None` for what is no recent time."""
    seconds: float | None = None
    if isinstance(given, datetime):
        try:
            seconds = given.timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    elif isinstance(given, (int, float)) and not isinstance(given, bool):
        seconds = given
    if seconds is None or not _FIRST_S <= seconds <= now_us() / 1_000_000 + _AHEAD_S:
        return None
    return int(seconds * 1_000_000)


def _milliseconds(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, (int, float, Decimal)):
        return None
    if isinstance(given, Decimal) and not given.is_finite():
        return None
    return float(given) if 0 <= given <= _LONGEST_MS else None


def _id(given: object) -> str | None:
    return label(text_of(given)) if given else None


def _usd(given: object) -> Decimal | None:
    number = _quantity(given)
    return None if number is None else Decimal(number)


def _usage(told: Told, answer: Answer | None) -> Usage:
    if answer is not None and answer.usage.units:
        return answer.usage
    if told.usage is not None:
        pairs = [(label(text_of(unit)), _quantity(number)) for unit, number in list(told.usage.items())[:_MOST_UNITS]]
        units = {unit: number for unit, number in pairs if number is not None}
        flags = ("malformed",) if len(units) < len(pairs) else ()
        return Usage(units=units, source="application" if units else "unknown", flags=flags)
    return _token_usage(told)


def _token_usage(told: Told) -> Usage:
    units: dict[str, Quantity] = {}
    given = (told.prompt_tokens, told.completion_tokens, told.cached_tokens, told.cache_write_tokens)
    prompt, completion, cached, written = map(_tokens, given)
    if prompt is not None:
        # Anthropic counts what is cached beside the input, the others as a part of it.
        rest = prompt - (cached or 0) - (written or 0)
        units["input_text_tokens"] = rest if rest >= 0 else prompt
    for unit, number in (("cache_read_text_tokens", cached), ("cache_write_tokens", written)):
        if number:
            units[unit] = number
    if completion is not None:
        units["output_text_tokens"] = completion
    reasoning = _tokens(told.reasoning_tokens)
    flags = ("malformed",) if any(one is not None and _tokens(one) is None for one in given) else ()
    details: dict[str, Quantity] = {"reasoning_tokens": reasoning} if reasoning else {}
    return Usage(units=units, details=details, source="application" if units else "unknown", flags=flags)


def _tokens(given: object) -> int | None:
    """A whole number of tokens; `None` for what is none."""
    number = _quantity(given)
    return int(number) if number is not None and number == int(number) else None


def _quantity(given: object) -> Quantity | None:
    """A number that is not negative; `None` for what is none. Fractions are exact decimals."""
    if given is None or isinstance(given, bool):
        return None
    if isinstance(given, int):
        return given if 0 <= given <= _MOST_TOKENS else None
    if isinstance(given, float):
        number = Decimal(repr(float(given))) if isfinite(given) else None
    else:
        number = given if isinstance(given, Decimal) else _decimal(text_of(given))
    if number is None or not number.is_finite() or not 0 <= number <= _MOST_TOKENS:
        return None
    return int(number) if number == int(number) else round(number, 18)


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except ArithmeticError:
        return None
