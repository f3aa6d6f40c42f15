"""Records in wire form as objects again, for those who take a batch apart without a schema library."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from llmobserve.wire.attached import FactRecord, Record, ScoreRecord
from llmobserve.wire.event import CallEvent, ContentRecord, Context, ErrorInfo, SpanEvent
from llmobserve.wire.usage import Quantity, Usage

__all__ = ["record_from"]

R = TypeVar("R")

_TUPLES = frozenset({"flags", "tags"})
"""Fields that are lists on the wire."""


def record_from(record: Mapping[str, Any]) -> Record:
    """The record that a JSON object of a batch states; fields that this version does not know are left out.

    Raises ValueError, TypeError, KeyError, AttributeError or ArithmeticError where it states none.
    """
    return _MAKERS[record["type"]](record)


def _call(record: Mapping[str, Any]) -> CallEvent:
    usage = record.get("usage", {})
    return _made(
        CallEvent,
        record,
        error=_error(record),
        context=_context(record),
        usage=_made(Usage, usage, units=_quantities(usage, "units"), details=_quantities(usage, "details")),
        reported_cost_usd=_decimal(record.get("reported_cost_usd")),
    )


def _span(record: Mapping[str, Any]) -> SpanEvent:
    return _made(SpanEvent, record, error=_error(record), context=_context(record))


def _score(record: Mapping[str, Any]) -> ScoreRecord:
    return _made(ScoreRecord, record, context=_context(record), value=_decimal(record.get("value")))


def _fact(record: Mapping[str, Any]) -> FactRecord:
    return _made(FactRecord, record, context=_context(record))


def _content(record: Mapping[str, Any]) -> ContentRecord:
    return _made(ContentRecord, record)


_MAKERS: dict[str, Callable[[Mapping[str, Any]], Record]] = {
    "call": _call,
    "span": _span,
    "content": _content,
    "score": _score,
    "fact": _fact,
}


def _decimal(value: str | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _quantities(usage: Mapping[str, Any], key: str) -> dict[str, Quantity]:
    """Whole numbers as they are; fractional ones travel as text."""
    return {unit: Decimal(n) if isinstance(n, str) else n for unit, n in usage.get(key, {}).items()}


def _error(record: Mapping[str, Any]) -> ErrorInfo | None:
    return _made(ErrorInfo, record["error"]) if "error" in record else None


def _context(record: Mapping[str, Any]) -> Context:
    return _made(Context, record.get("context", {}))


@cache
def _names(kind: type) -> frozenset[str]:
    return frozenset(field.name for field in fields(kind))


def _made(kind: type[R], record: Mapping[str, Any], **given: Any) -> R:
    """The record as an object; what the wire leaves out has its default."""
    known = _names(kind)
    values = {name: value for name, value in record.items() if name in known}
    for name in _TUPLES & values.keys():
        values[name] = tuple(values[name])
    return kind(**{**values, **given})
