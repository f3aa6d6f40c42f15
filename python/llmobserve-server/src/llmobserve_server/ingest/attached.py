"""From accepted scores and facts to rows: what is said about a run, a session or an event, each with its own id."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from llmobserve.wire import FactRecord, ScoreRecord
from llmobserve_server.ingest.checks import (
    LONG,
    MAX_QUANTITY,
    SHORT,
    check_attributes,
    check_event_id,
    check_integer,
    check_time,
    cut,
)
from llmobserve_server.ingest.decode import Rejected
from llmobserve_server.ingest.rows import Arrival

__all__ = ["fact_row", "score_row"]

_SHARED = ("project_id", "received_at", "environment", "service", "process_id")
_LIMIT = Decimal(10) ** 15
_QUANTUM = Decimal("0.000000000001")
_EXACT = Context(prec=40, rounding=ROUND_HALF_EVEN)
_BOOLEANS = frozenset({Decimal(0), Decimal(1)})


def score_row(score: ScoreRecord, arrival: Arrival) -> dict[str, Any]:
    """The row of a score. Raises Rejected for one without a target, a name or a value of its type."""
    value, label = _checked_value(score)
    return {
        **_said(score, arrival),
        "target_type": score.target_type,
        "target_id": _identifier(score.target_id, "target_id"),
        "name": _identifier(score.name, "name"),
        "data_type": score.data_type,
        "value": value,
        "label": label,
        "comment": _cut(score.comment, LONG),
        "source": _cut(score.source, SHORT) or "application",
        "evaluation_id": _cut(score.evaluation_id, SHORT),
    }


def fact_row(fact: FactRecord, arrival: Arrival) -> dict[str, Any]:
    """The row of a fact. Raises Rejected for one without a target; what it says is kept up to 128 names and 64 KB."""
    return {
        **_said(fact, arrival),
        "target_event_id": _identifier(fact.target_event_id, "target_event_id"),
        "kind": fact.kind,
        "data": check_attributes(fact.data, []) or {},
    }


def _said(record: ScoreRecord | FactRecord, arrival: Arrival) -> dict[str, Any]:
    context = record.context
    texts: Mapping[str, str | None] = {
        "run_id": context.run_id,
        "session_id": context.session_id,
        "user_id": context.user_id,
        "customer_id": context.customer_id,
    }
    return {
        **{name: arrival.shared[name] for name in _SHARED},
        "event_id": check_event_id(record.event_id),
        "said_at": check_time(record.at_us, "at_us", arrival.received_us),
        "sequence": check_integer(record.sequence, "sequence", MAX_QUANTITY),
        **{name: _cut(text, SHORT) for name, text in texts.items()},
        "section_path": _cut(context.section_path, LONG),
    }


def _checked_value(score: ScoreRecord) -> tuple[Decimal | None, str | None]:
    """Number and category, of which one is `None`."""
    if score.data_type == "categorical":
        if not score.label:
            raise Rejected("a categorical score needs a label")
        return None, _cut(score.label, SHORT)
    value = score.value
    if value is None:
        raise Rejected(f"a {score.data_type} score needs a value")
    if not value.is_finite() or abs(value) >= _LIMIT:
        raise Rejected(f"value must be a number below 10^15 either side of 0, not {str(value)[:40]}")
    if score.data_type == "boolean" and value not in _BOOLEANS:
        raise Rejected(f"value of a boolean score must be 1 or 0, not {str(value)[:40]}")
    return value.quantize(_QUANTUM, context=_EXACT), None


def _identifier(text: str, field: str) -> str:
    if not text or len(text) > SHORT:
        raise Rejected(f"{field} must have 1 to {SHORT} characters")
    return text


def _cut(text: str | None, limit: int) -> str | None:
    return cut(text, limit, "", [])
