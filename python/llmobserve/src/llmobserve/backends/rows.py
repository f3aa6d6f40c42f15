"""From a batch as the sender posts it to the events that a backend stores: one flat row each, priced."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from decimal import Context as Arithmetic
from typing import Any

from llmobserve.backends.columns import COLUMNS
from llmobserve.guard import guarded
from llmobserve.pricing import price_event
from llmobserve.wire import (
    CallEvent,
    ContentRecord,
    Context,
    Cost,
    CostLine,
    FactRecord,
    Quantity,
    Record,
    ScoreRecord,
    SpanEvent,
    Usage,
    input_tokens,
    output_tokens,
)
from llmobserve.wire.reading import record_from

__all__ = ["rows_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LARGEST_TIME_US = 253_402_300_799_999_999  # the end of the year 9999
_MOST_USD = Decimal("999999.999999999999")
_MOST_DECIMAL = Decimal("1e16")
_QUANTUM = Decimal("0.000000000001")
# Own context: the application's may round or trap.
_EXACT = Arithmetic(prec=50, rounding=ROUND_HALF_EVEN)
_SHORT, _LONG = 512, 8192
_LONGEST_ID = 128
_INT32, _INT64 = 2**31 - 1, 2**63 - 1
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What neither UTF-8 nor PostgreSQL can hold: lone surrogates, and NUL."""
_EMPTY: Mapping[str, Any] = {column.name: None for column in COLUMNS}

_PRICE = guarded("backend.price")

Row = dict[str, Any]


def rows_of(batch: Mapping[str, Any]) -> tuple[list[tuple[int, Row]], list[tuple[int, str]]]:
    """The rows of a batch, each with the position of its record in it; and what is no record, with the reason.

    What was said is put into the row of its call where that is in the same batch.
    """
    source = _source(batch.get("source") or {})
    rows: list[tuple[int, Row]] = []
    refused: list[tuple[int, str]] = []
    calls: dict[str, Row] = {}
    for position, stated in enumerate(batch["events"]):
        try:
            record = record_from(stated)
            if isinstance(record, ContentRecord) and record.event_id in calls:
                calls[record.event_id].update(_said(record))
                continue
            row = {**_EMPTY, **source, **_row(record, int(batch["sent_at_us"]))}
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
            refused.append((position, f"{type(error).__name__}: {error}"[:300]))
            continue
        if isinstance(record, CallEvent):
            calls[record.event_id] = row
        rows.append((position, row))
    return rows, refused


def _source(source: Mapping[str, Any]) -> Row:
    return {
        "service": _text(source.get("service")),
        "environment": _text(source.get("environment")),
        "process_id": _text(source.get("process_id")) or "",
        "process_host": _text(source.get("host")),
        "sdk_version": _text(source.get("sdk_version")),
    }


def _row(record: Record, sent_at_us: int) -> Row:
    if isinstance(record, CallEvent):
        return _call(record)
    if isinstance(record, SpanEvent):
        return _span(record)
    if isinstance(record, ScoreRecord):
        return _score(record)
    if isinstance(record, FactRecord):
        return _fact(record)
    return _content(record, sent_at_us)


def _common(record: CallEvent | SpanEvent | ScoreRecord | FactRecord, at_us: int) -> Row:
    context: Context = record.context
    return {
        "event_id": _id(record.event_id),
        "type": record.type,
        "revision": 0,
        "kind": _text(record.kind) if not isinstance(record, ScoreRecord) else _text(record.data_type),
        "start_time": _time(at_us),
        "sequence": _whole(record.sequence),
        "run_id": _text(context.run_id),
        "run_name": _text(context.run_name),
        "agent": _innermost_agent(context.section_path),
        "section_path": _text(context.section_path, _LONG),
        "trace_id": _text(context.trace_id),
        "span_id": _text(context.span_id),
        "parent_span_id": _text(context.parent_span_id),
        "session_id": _text(context.session_id),
        "user_id": _text(context.user_id),
        "customer_id": _text(context.customer_id),
        "tags": _texts(context.tags),
        "metadata": _json(context.metadata or None),
    }


def _call(call: CallEvent) -> Row:
    row = {
        **_common(call, call.start_time_us),
        **_ending(call),
        "revision": _whole(call.revision, _INT32),
        "name": _text(call.operation),
        "time_to_first_token_ms": call.time_to_first_token_ms,
        "provider": _text(call.provider),
        "operation": _text(call.operation),
        "request_model": _text(call.request_model),
        "response_model": _text(call.response_model),
        "dimensions": _json(call.dimensions or None),
        "http_status": _whole(call.http_status, _INT32),
        "stream": call.stream,
        "attempt": _whole(call.attempt, _INT32),
        "logical_call_id": _text(call.logical_call_id),
        "response_id": _text(call.response_id),
        "request_id": _text(call.request_id),
        "host": _text(call.host),
        "transport": _text(call.transport),
        "reported_cost_usd": _usd(call.reported_cost_usd),
    }
    row.update(_usage(call.usage))
    row.update(_cost(_priced(call)))
    row["model"] = row["priced_model"] or row["response_model"] or row["request_model"]
    return row


def _span(span: SpanEvent) -> Row:
    return {
        **_common(span, span.start_time_us),
        **_ending(span),
        "revision": 0 if span.status == "running" else 1,
        "name": _text(span.name),
        "attributes": _json(span.attributes or None),
    }


def _ending(event: CallEvent | SpanEvent) -> Row:
    error = event.error
    return {
        "status": event.status,
        "duration_ms": event.duration_ms,
        "error_type": None if error is None else _text(error.type),
        "error_message": None if error is None else _text(error.message, _LONG),
    }


def _score(score: ScoreRecord) -> Row:
    value = score.value
    if value is not None and not (value.is_finite() and value.copy_abs() < _MOST_DECIMAL):
        raise ValueError(f"the score {value} is out of range")
    said = {"comment": score.comment, "source": score.source, "evaluation_id": score.evaluation_id}
    return {
        **_common(score, score.at_us),
        "name": _text(score.name),
        "target_type": score.target_type,
        "target_id": _text(score.target_id),
        "score_value": None if value is None else _EXACT.quantize(value, _QUANTUM),
        "score_label": _text(score.label),
        "attributes": _json({name: text for name, text in said.items() if text is not None}),
    }


def _fact(fact: FactRecord) -> Row:
    return {
        **_common(fact, fact.at_us),
        "target_type": "event",
        "target_id": _text(fact.target_event_id),
        "attributes": _json(fact.data or None),
    }


def _content(content: ContentRecord, sent_at_us: int) -> Row:
    """What was said in a call that another batch has. Its id tells the time, where it is a UUID of version 7."""
    digits = content.event_id.replace("-", "")
    is_dated = len(digits) == 32 and digits[12] == "7"
    at_us = int(digits[:12], 16) * 1000 if is_dated else sent_at_us
    common = {"event_id": _id(content.event_id), "type": "content", "revision": 0, "start_time": _time(at_us)}
    return {**common, "tags": (), **_said(content)}


def _said(content: ContentRecord) -> Row:
    return {
        "input": _json(content.input),
        "output": _json(content.output),
        "content_truncated": content.truncated,
        "content_redactions": _whole(content.redactions, _INT32),
    }


def _usage(usage: Usage) -> Row:
    units = usage.units
    reasoning = usage.details.get("reasoning_tokens")
    return {
        "input_tokens": _whole(input_tokens(units)),
        "output_tokens": _whole(output_tokens(units)),
        "cache_read_tokens": _whole(_sum(units, "cache_read_")),
        "cache_write_tokens": _whole(_sum(units, "cache_write_")),
        "reasoning_tokens": None if reasoning is None else _whole(int(reasoning)),
        "usage": _quantities(units),
        "usage_details": _quantities(usage.details),
        "usage_source": _text(usage.source),
        "usage_flags": _texts(usage.flags),
        "usage_raw": _json(usage.raw),
    }


def _sum(units: Mapping[str, Quantity], prefix: str) -> int | None:
    parts = [int(n) for unit, n in units.items() if unit.startswith(prefix) and unit.endswith("_tokens")]
    return sum(parts) if parts else None


def _priced(call: CallEvent) -> Cost:
    """Cost by the price book of this version. A defect of it must not lose the call: it is `unpriced` then."""
    with _PRICE:
        return price_event(call)
    return Cost(state="unpriced", usd=None, reason="Pricing failed; `llmobserve doctor` tells more.")


def _cost(cost: Cost) -> Row:
    usd, state, reason = cost.usd, cost.state, cost.reason
    if usd is not None and not 0 <= usd <= _MOST_USD:
        reason = f"The amount of {usd:.2f} US dollars is beyond what one call can cost: the usage cannot be right."
        usd, state = None, "unpriced"
    return {
        "cost_usd": _usd(usd),
        "cost_state": state,
        "cost_reason": _text(reason, _LONG),
        "cost_lines": _json([_line(line) for line in cost.lines] or None),
        "price_book": cost.price_book,
        "priced_model": cost.model,
        "table_usd": _usd(cost.table_usd),
    }


def _line(line: CostLine) -> Row:
    """A line of the receipt; amounts are decimal strings, as no reader of JSON may round them."""
    return {
        "unit": line.unit,
        "quantity": line.quantity if isinstance(line.quantity, int) else _number(line.quantity),
        "rate_usd": f"{line.rate_usd:f}",
        "per": line.per,
        "usd": f"{line.usd:f}",
        "price_id": line.price_id,
        "rule": line.rule,
        "source": line.source,
    }


def _id(text: str) -> str:
    if not text or len(text) > _LONGEST_ID:
        raise ValueError(f"event_id must have 1 to {_LONGEST_ID} characters")
    return _text(text) or ""


def _time(at_us: int) -> datetime:
    if not 0 <= at_us <= _LARGEST_TIME_US:
        raise ValueError(f"the time {at_us} is no number of microseconds since 1970")
    return _EPOCH + timedelta(microseconds=at_us)


def _usd(amount: Decimal | None) -> Decimal | None:
    """At most 12 decimals; `None` for what no call can cost."""
    if amount is None or not amount.is_finite() or not 0 <= amount <= _MOST_USD:
        return None
    return _EXACT.quantize(amount, _QUANTUM)


def _whole(number: int | None, most: int = _INT64) -> int | None:
    """The number; `None` for one that is too large to be true, and to be stored."""
    return number if number is not None and 0 <= number <= most else None


def _text(text: str | None, most: int = _SHORT) -> str | None:
    """As every store can hold it, cut at so many characters: longer ones find no room in an index of PostgreSQL."""
    if text is None:
        return None
    if len(text) > most:
        text = text[:most]
    return text if text.isascii() and "\x00" not in text else _NO_TEXT.sub("\ufffd", text)


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(_text(text) or "" for text in texts)


def _innermost_agent(path: str | None) -> str | None:
    agents = [part[6:] for part in (path or "").split("/") if part.startswith("agent:")]
    return _text(agents[-1]) if agents else None


def _quantities(quantities: Mapping[str, Quantity]) -> str | None:
    """An object of numbers, as they are: through a float some would be others."""
    if not quantities:
        return None
    pairs = [f"{json.dumps(_text(unit))}:{_number(quantity)}" for unit, quantity in quantities.items()]
    return "{" + ",".join(pairs) + "}"


def _number(quantity: Quantity) -> str:
    return str(quantity) if isinstance(quantity, int) else f"{quantity:f}"


def _json(value: Any) -> str | None:
    if value is None:
        return None
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if "\\u0000" in text:
        text = json.dumps(_without_nul(value), ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() else _NO_TEXT.sub("\ufffd", text)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, Mapping):
        return {_without_nul(name): _without_nul(part) for name, part in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [_without_nul(part) for part in value]  # pyright: ignore[reportUnknownVariableType]
    return value
