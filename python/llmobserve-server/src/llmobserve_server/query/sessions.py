"""Which sessions there were: a page of them with money, runs and who took part.

As with runs, the page is found by one aggregate over the window, and each session of it is then described as a whole.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, and_, asc, case, desc, func, nulls_last

from llmobserve_server.errors import BadRequest
from llmobserve_server.query import cursor as cursors
from llmobserve_server.query.conditions import compare, condition, negatable
from llmobserve_server.query.filter_fields import FIELDS, Columns
from llmobserve_server.query.filters import Term
from llmobserve_server.query.run_summary import any_record, most_first, sum_where
from llmobserve_server.query.session_answers import SessionList, SessionSummary
from llmobserve_server.query.spend import as_int, is_charged, spend_columns, spend_of, total_of
from llmobserve_server.query.window import Scope, as_utc, outer_select
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import events

__all__ = ["MAX_PAGE", "SESSION_SORTS", "SessionSort", "list_sessions"]

MAX_PAGE = 200
SessionSort = Literal["last", "-last", "cost", "-cost", "calls", "-calls"]
SESSION_SORTS: tuple[str, ...] = get_args(SessionSort)


def list_sessions(
    store: Store,
    scope: Scope,
    terms: Sequence[Term],
    *,
    sort: str = "-last",
    cursor: str | None = None,
    limit: int = 50,
) -> SessionList:
    """A page of the sessions that have a record in the window and match the filter.

    `cost` and `tokens` speak of what of the session lies in the window; any other field matches a session in which
    some record matches. Raises BadRequest for an unknown sort, a limit out of 1 to 200 and a cursor of another list.
    """
    if sort not in SESSION_SORTS:
        raise BadRequest(f"sort is one of {', '.join(SESSION_SORTS)}", field="sort")
    if not 1 <= limit <= MAX_PAGE:
        raise BadRequest(f"limit must be from 1 to {MAX_PAGE}", field="limit")
    found = _page(store, scope, terms, sort, cursors.decode(cursor, sort), limit + 1)
    page = found[:limit]
    by_id = _summaries(store, scope, [row["session_id"] for row in page])
    following = cursors.Cursor(sort, page[-1]["sort_value"], page[-1]["session_id"]) if len(found) > limit else None
    return SessionList(
        sessions=[by_id[row["session_id"]] for row in page if row["session_id"] in by_id],
        next_cursor=cursors.encode(following) if following else None,
    )


def _page(
    store: Store, scope: Scope, terms: Sequence[Term], sort: str, before: cursors.Cursor | None, count: int
) -> list[Row]:
    """Ids and sort values of the sessions of a page."""
    c = events.c
    groups = (
        scope.select(events, c.session_id, _sort_value(sort.removeprefix("-")).label("sort_value"))
        .where(c.session_id.is_not(None), c.session_id != "")
        .group_by(c.session_id)
        .having(*[_having(term, c) for term in terms])
        .subquery("sessions")
    )
    descending = sort.startswith("-")
    direction = desc if descending else asc
    statement = outer_select(groups, groups.c.session_id, groups.c.sort_value)
    if before is not None:
        place = cursors.after(groups.c.sort_value, groups.c.session_id, before, descending=descending)
        statement = statement.where(place)
    order = (nulls_last(direction(groups.c.sort_value)), direction(groups.c.session_id))
    return store.fetch(statement.order_by(*order).limit(count))


def _sort_value(name: str) -> ColumnElement[Any]:
    c = events.c
    match name:
        case "cost":
            return total_of(c.cost_usd, is_charged(c))
        case "calls":
            return func.sum(case((is_charged(c), 1), else_=0))
        case _:
            return func.max(c.start_time)


def _having(term: Term, c: Columns) -> ColumnElement[bool]:
    charged = is_charged(c)
    totals: dict[str, ColumnElement[Any]] = {
        "cost": total_of(c.cost_usd, charged),
        "tokens": sum_where(func.coalesce(c.input_tokens, 0) + func.coalesce(c.output_tokens, 0), charged),
    }
    if term.field in totals:
        return negatable(compare(FIELDS[term.field], term, totals[term.field]), negated=term.negated)
    return any_record(condition(term, c)) == (0 if term.negated else 1)


def _summaries(store: Store, scope: Scope, session_ids: Sequence[str]) -> dict[str, SessionSummary]:
    if not session_ids:
        return {}
    c = events.c
    anywhere = scope.unbounded()
    charged = is_charged(c)
    # The error of a record that was merged into another is that one's.
    failed = and_(c.status == "error", c.merged_into.is_(None))
    statement = anywhere.select(
        events,
        c.session_id,
        func.min(c.start_time).label("first_start"),
        func.max(c.start_time).label("last_start"),
        func.count(c.run_id.distinct()).label("n_runs"),
        func.sum(case((failed, 1), else_=0)).label("n_errors"),
        sum_where(c.input_tokens, charged).label("sum_input_tokens"),
        sum_where(c.output_tokens, charged).label("sum_output_tokens"),
        *spend_columns(c),
    )
    rows = store.fetch(statement.where(c.session_id.in_(list(session_ids))).group_by(c.session_id))
    kinds = _kinds(store, anywhere, session_ids)
    return {row["session_id"]: _summary(row, kinds.get(row["session_id"], {})) for row in rows}


_Counts = dict[str, dict[str, int]]
_NAMES = {"models": "model", "agents": "agent", "customers": "customer_id", "users": "user_id"}


def _kinds(store: Store, scope: Scope, session_ids: Sequence[str]) -> dict[str, _Counts]:
    """By session and list, how often each value occurs."""
    c = events.c
    columns = (c.session_id, *(c[name] for name in _NAMES.values()), c.tags)
    statement = scope.select(events, *columns, func.count().label("n_records"))
    found: dict[str, _Counts] = {}
    for row in store.fetch(statement.where(c.session_id.in_(list(session_ids))).group_by(*columns)):
        counts = found.setdefault(row["session_id"], {name: {} for name in (*_NAMES, "tags")})
        values = [(name, row[column]) for name, column in _NAMES.items()]
        for name, value in [*values, *(("tags", tag) for tag in row["tags"] or ())]:
            if value:
                counts[name][value] = counts[name].get(value, 0) + as_int(row["n_records"])
    return found


def _summary(row: Row, counts: _Counts) -> SessionSummary:
    return SessionSummary(
        session_id=row["session_id"],
        first_time=as_utc(row["first_start"]),
        last_time=as_utc(row["last_start"]),
        run_count=as_int(row["n_runs"]),
        spend=spend_of(row),
        error_count=as_int(row["n_errors"]),
        input_tokens=None if row["sum_input_tokens"] is None else int(row["sum_input_tokens"]),
        output_tokens=None if row["sum_output_tokens"] is None else int(row["sum_output_tokens"]),
        **{name: most_first(counts.get(name, {})) for name in (*_NAMES, "tags")},
    )
