"""Which calls (or spans) happened: the filtered, sorted list of events."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, asc, desc, func, nulls_last

from llmobserve_server.errors import BadRequest
from llmobserve_server.query import cursor as cursors
from llmobserve_server.query.answers import EventList, EventRow
from llmobserve_server.query.conditions import where
from llmobserve_server.query.filter_fields import Columns
from llmobserve_server.query.filters import Term
from llmobserve_server.query.said import CONTENT_FIELDS, slices
from llmobserve_server.query.window import Scope, Selection, as_utc
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import events

__all__ = ["EVENT_SORTS", "MAX_PAGE", "EventSort", "EventType", "event_row", "list_events", "row_columns"]

MAX_PAGE = 200
EventType = Literal["call", "span", "all"]
EventSort = Literal["start", "-start", "cost", "-cost", "duration", "-duration", "tokens", "-tokens"]
EVENT_SORTS: tuple[str, ...] = get_args(EventSort)


_ROW = (
    *("event_id", "type", "kind", "name", "run_id", "run_name", "start_time", "duration_ms", "time_to_first_token_ms"),
    *("provider", "model", "operation", "status", "http_status", "error_type", "cost_usd", "cost_state"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "stream", "agent", "section_path", "customer_id"),
    *("session_id", "user_id", "environment", "service", "tags", "merged_into"),
)


def row_columns(c: Columns) -> list[ColumnElement[Any]]:
    """Columns that `event_row` reads."""
    return [c[name] for name in _ROW]


def event_row(row: Row) -> EventRow:
    """The list's form of a row of `events`."""
    return EventRow(
        event_id=row["event_id"],
        type=row["type"],
        kind=row["kind"],
        name=row["name"] or row["operation"] or row["kind"],
        run_id=row["run_id"],
        run_name=row["run_name"],
        start_time=as_utc(row["start_time"]),
        duration_ms=row["duration_ms"],
        time_to_first_token_ms=row["time_to_first_token_ms"],
        provider=row["provider"],
        model=row["model"],
        operation=row["operation"],
        status=row["status"],
        http_status=row["http_status"],
        error_type=row["error_type"],
        cost_usd=row["cost_usd"],
        cost_state=row["cost_state"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cache_read_tokens=row["cache_read_tokens"],
        stream=bool(row["stream"]),
        agent=row["agent"],
        section_path=row["section_path"],
        customer_id=row["customer_id"],
        session_id=row["session_id"],
        user_id=row["user_id"],
        environment=row["environment"],
        service=row["service"],
        tags=list(row["tags"] or ()),
        merged_into=row["merged_into"],
    )


def list_events(
    store: Store,
    scope: Scope,
    terms: Sequence[Term],
    *,
    of_type: EventType = "call",
    sort: str = "-start",
    cursor: str | None = None,
    limit: int = 50,
) -> EventList:
    """A page of events. `of_type` counts only where the filter names no `type` itself.

    Raises BadRequest for an unknown sort, a limit out of 1 to 200 and a cursor of another list.
    """
    if sort not in EVENT_SORTS:
        raise BadRequest(f"sort is one of {', '.join(EVENT_SORTS)}", field="sort")
    if not 1 <= limit <= MAX_PAGE:
        raise BadRequest(f"limit must be from 1 to {MAX_PAGE}", field="limit")
    descending = sort.startswith("-")
    value, identifier = _sort_column(sort.removeprefix("-")), events.c.event_id
    statement = scope.select(events, *row_columns(events.c), value.label("sort_value")).where(*where(terms))
    if of_type != "all" and not any(term.field == "type" for term in terms):
        statement = statement.where(events.c.type == of_type)
    before = cursors.decode(cursor, sort)
    if before is not None:
        statement = statement.where(cursors.after(value, identifier, before, descending=descending))
    direction = desc if descending else asc
    order = direction(value) if sort.endswith("start") else nulls_last(direction(value))
    ordered = statement.order_by(order, direction(identifier))
    if sort == "-start" and any(term.field in CONTENT_FIELDS for term in terms):
        rows = _newest_first(store, scope, ordered, limit + 1)
    else:
        rows = store.fetch(ordered.limit(limit + 1))
    page = rows[:limit]
    following = cursors.Cursor(sort, page[-1]["sort_value"], page[-1]["event_id"]) if len(rows) > limit else None
    return EventList(
        events=[event_row(row) for row in page], next_cursor=cursors.encode(following) if following else None
    )


def _newest_first(store: Store, scope: Scope, ordered: Selection, count: int) -> list[Row]:
    """The first rows of a list that runs back in time, found without reading the whole window."""
    rows: list[Row] = []
    for part in slices(scope.window) if scope.window else [None]:
        statement = ordered if part is None else ordered.where(Scope(scope.project_id, part).condition(events))
        rows += store.fetch(statement.limit(count - len(rows)))
        if len(rows) >= count:
            break
    return rows


def _sort_column(name: str) -> ColumnElement[Any]:
    c = events.c
    match name:
        case "cost":
            return c.cost_usd
        case "duration":
            return c.duration_ms
        case "tokens":
            return func.coalesce(c.input_tokens, 0) + func.coalesce(c.output_tokens, 0)
        case _:
            return c.start_time
