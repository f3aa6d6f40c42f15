"""What is known of one event: usage, receipt, content, what was said of it, and other records of the same call."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Table

from llmobserve_server.errors import NotFound
from llmobserve_server.query.answers import ContentBody, CostLine, EventDetail
from llmobserve_server.query.cost_history import earlier_costs
from llmobserve_server.query.events import event_row
from llmobserve_server.query.pieces import content_of_pieces
from llmobserve_server.query.scores import facts_of, scores_of
from llmobserve_server.query.twins import twins_of
from llmobserve_server.query.window import Scope, as_utc, id_time
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.span_target import answer_target, span_target
from llmobserve_server.store.tables import contents, events, span_starts

__all__ = ["get_event"]

_HINT_SLACK = timedelta(days=2)
"""An id carries the time at which it was made: the event began at most this far from it, as a rule."""


def get_event(store: Store, scope: Scope, event_id: str) -> EventDetail:
    """The event under `event_id`, an announced span included. Raises NotFound."""
    row = _find(store, scope, event_id)
    if row is None:
        raise NotFound(f"There is no event {event_id[:80]!r} in this project.", field="event_id")
    earlier = earlier_costs(store, scope, row, _line) if row["type"] == "call" else []
    merged = twins_of(store, scope, row)
    event_ids = [event_id, *(twin.event_id for twin in merged)]
    said_in = [event_id, *(twin.event_id for twin in merged if twin.has_content)]
    return _detail(
        row,
        _content_row(store, scope, said_in) or content_of_pieces(store, scope, row),
        cost_history=earlier,
        merged=merged,
        scores=scores_of(store, scope, "event", [*event_ids, *_span_targets(row)]),
        facts=facts_of(store, scope, event_ids),
    )


def _span_targets(row: Row) -> list[str]:
    """What scores call the event whose senders know its span, or the id of its answer, only."""
    trace_id, span_id, response_id = row["trace_id"], row["span_id"], row["response_id"]
    targets = [span_target(trace_id, span_id)] if trace_id and span_id else []
    return [*targets, answer_target(response_id)] if response_id else targets


def _content_row(store: Store, scope: Scope, event_ids: Sequence[str]) -> Row | None:
    """What was said, by the first of the records that has it."""
    c = contents.c
    rows = store.fetch(scope.unbounded().select(contents, contents).where(c.event_id.in_(list(event_ids))))
    return min(rows, key=lambda row: event_ids.index(row["event_id"]), default=None)


def _find(store: Store, scope: Scope, event_id: str) -> Row | None:
    hint = id_time(event_id)
    if hint is not None:
        near = scope.between(hint - _HINT_SLACK, hint + _HINT_SLACK)
        if found := _fetch(store, near, events, event_id):
            return found
    anywhere = scope.unbounded()
    if found := _fetch(store, anywhere, events, event_id):
        return found
    started = _fetch(store, anywhere, span_starts, event_id)
    return None if started is None else {**dict.fromkeys(events.c.keys()), **started}


def _fetch(store: Store, scope: Scope, table: Table, event_id: str) -> Row | None:
    rows = store.fetch(scope.select(table, table).where(table.c.event_id == event_id).limit(1))
    return rows[0] if rows else None


def _detail(row: Row, content: Row | None, **beside: Any) -> EventDetail:
    return EventDetail(
        row=event_row(row),
        received_at=as_utc(row["received_at"]),
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        request_model=row["request_model"],
        response_model=row["response_model"],
        response_id=row["response_id"],
        request_id=row["request_id"],
        host=row["host"],
        transport=row["transport"],
        attempt=row["attempt"] or 0,
        error_message=row["error_message"],
        units=_quantities(row["units"]),
        details=_quantities(row["usage_details"]),
        usage_source=row["usage_source"],
        usage_flags=list(row["usage_flags"] or ()),
        usage_raw=row["usage_raw"],
        dimensions=_texts(row["dimensions"]),
        metadata=_texts(row["metadata"]),
        attributes=dict(row["attributes"] or {}),
        receipt=[_line(line) for line in row["cost_lines"] or ()],
        cost_reason=row["cost_reason"],
        price_book=row["price_book"],
        priced_model=row["priced_model"],
        table_usd=row["table_usd"],
        content=None if content is None else _content(content),
        sdk=row["sdk"],
        sdk_version=row["sdk_version"],
        clock_skew_ms=row["clock_skew_ms"],
        notes=list(row["notes"] or ()),
        borrowed=list(row["borrowed"] or ()),
        content_event_id=None if content is None or content["event_id"] == row["event_id"] else content["event_id"],
        **beside,
    )


def _decimal_text(value: object) -> str:
    """A quantity as a plain decimal, never in exponent form."""
    return format(Decimal(str(value)), "f")


def _quantities(units: Mapping[str, object] | None) -> dict[str, str]:
    return {unit: _decimal_text(quantity) for unit, quantity in (units or {}).items()}


def _texts(pairs: Mapping[str, object] | None) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in (pairs or {}).items()}


def _line(line: Mapping[str, Any]) -> CostLine:
    unit = str(line["unit"])
    return CostLine(
        unit=unit,
        unit_label=unit.replace("_", " "),
        quantity=_decimal_text(line["quantity"]),
        rate_usd=Decimal(str(line["rate_usd"])),
        per=int(line["per"]),
        usd=Decimal(str(line["usd"])),
        price_id=str(line["price_id"]),
        rule=str(line["rule"]),
        source=line.get("source"),
        list_usd=None if line.get("list_usd") is None else Decimal(str(line["list_usd"])),
        rule_ids=[str(rule_id) for rule_id in line.get("rule_ids") or ()],
    )


def _content(row: Row) -> ContentBody:
    return ContentBody(
        input=_json(row["input"]),
        output=_json(row["output"]),
        truncated=bool(row["truncated"]),
        redactions=row["redactions"] or 0,
    )


def _json(text: object) -> Any:
    """The decoded JSON text of a column; a text that was cut and no longer parses is given as it is."""
    if not isinstance(text, str):
        return cast("Any", text)
    try:
        return json.loads(text)
    except ValueError:
        return text
