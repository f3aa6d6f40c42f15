"""Which runs there were: a page of runs with status, money and size of each, running ones included.

The page is found first, by one aggregate over the window; everything else is then read for the runs of the page only.
A run in the list is always described as a whole, also where a part of it lies outside of the window.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, cast, get_args

from sqlalchemy import ColumnElement, Subquery, asc, case, desc, func, nulls_last, or_

from llmobserve_server.errors import BadRequest
from llmobserve_server.query import cursor as cursors
from llmobserve_server.query.answers import RunList
from llmobserve_server.query.conditions import compare, condition, negatable
from llmobserve_server.query.filter_fields import FIELDS, Columns
from llmobserve_server.query.filters import Term
from llmobserve_server.query.run_summary import RunFacts, any_record, run_ids_of, run_records, sum_where, summaries
from llmobserve_server.query.said import slices
from llmobserve_server.query.spend import is_charged, total_of
from llmobserve_server.query.window import Scope, Selection, Window, outer_select
from llmobserve_server.store.protocol import Row, Store, SummingStore

__all__ = ["MAX_PAGE", "RUN_SORTS", "RunSort", "list_runs"]

MAX_PAGE = 200
RunSort = Literal["start", "-start", "cost", "-cost", "duration", "-duration", "calls", "-calls"]
RUN_SORTS: tuple[str, ...] = get_args(RunSort)
_US = timedelta(microseconds=1)


def list_runs(
    store: Store,
    scope: Scope,
    terms: Sequence[Term],
    *,
    sort: str = "-start",
    cursor: str | None = None,
    limit: int = 50,
) -> RunList:
    """A page of the runs that have a record in the window and match the filter.

    `cost`, `duration`, `tokens`, `input_tokens`, `output_tokens` and `status` speak of the run as a whole; any other
    field matches a run in which some record matches. Raises BadRequest for an unknown sort, a limit out of 1 to 200
    and a cursor of another list.
    """
    if sort not in RUN_SORTS:
        raise BadRequest(f"sort is one of {', '.join(RUN_SORTS)}", field="sort")
    if not 1 <= limit <= MAX_PAGE:
        raise BadRequest(f"limit must be from 1 to {MAX_PAGE}", field="limit")
    found = _page(store, scope, terms, sort, cursors.decode(cursor, sort), limit + 1)
    page = found[:limit]
    by_id = summaries(store, scope, [row["run_id"] for row in page])
    following = cursors.Cursor(sort, page[-1]["sort_value"], page[-1]["run_id"]) if len(found) > limit else None
    return RunList(
        runs=[by_id[row["run_id"]] for row in page if row["run_id"] in by_id],
        next_cursor=cursors.encode(following) if following else None,
    )


def _page(
    store: Store, scope: Scope, terms: Sequence[Term], sort: str, before: cursors.Cursor | None, count: int
) -> list[Row]:
    """Ids and sort values of the runs of a page."""
    window = scope.window
    if sort != "-start" or window is None or not isinstance(store, SummingStore):
        return store.fetch(_found(run_records(scope), terms, sort, before).limit(count))
    # A store that is slow to read all of a long window: each run is found by its first record, the latest runs first.
    latest: list[Row] = []
    last = window.end if before is None else min(window.end, cast("datetime", before.value) + _US)
    for part in slices(Window(window.start, last)):
        records = run_records(scope, run_ids_of(Scope(scope.project_id, part)))
        latest += store.fetch(_found(records, terms, sort, before, part).limit(count - len(latest)))
        if len(latest) >= count:
            break
    return latest


def _found(
    records: Subquery, terms: Sequence[Term], sort: str, before: cursors.Cursor | None, part: Window | None = None
) -> Selection:
    """Ids and sort values of the runs with these records that match, in order. `part`: that begin in it."""
    c = records.c
    run = RunFacts.of(c)
    value = _sort_value(c, run, sort.removeprefix("-")).label("sort_value")
    begun = [] if part is None else [run.start >= part.start, run.start < part.end]
    groups = (
        outer_select(records, c.run_id, value)
        .where(c.run_id.is_not(None))
        .group_by(c.run_id)
        .having(_says_something(c), *begun, *[_having(term, c, run) for term in terms])
        .subquery("runs")
    )
    descending = sort.startswith("-")
    direction = desc if descending else asc
    statement = outer_select(groups, groups.c.run_id, groups.c.sort_value)
    if before is not None:
        statement = statement.where(cursors.after(groups.c.sort_value, groups.c.run_id, before, descending=descending))
    return statement.order_by(nulls_last(direction(groups.c.sort_value)), direction(groups.c.run_id))


def _says_something(c: Columns) -> ColumnElement[bool]:
    """False for a trace with nothing in it but spans of other libraries (web requests, databases): it is no run."""
    return any_record(or_(c.type == "call", c.kind != "other")) == 1


def _sort_value(c: Columns, run: RunFacts, name: str) -> ColumnElement[Any]:
    match name:
        case "cost":
            return total_of(c.cost_usd, is_charged(c))
        case "duration":
            return run.duration_ms
        case "calls":
            return func.sum(case((is_charged(c), 1), else_=0))
        case _:
            return run.start


def _having(term: Term, c: Columns, run: RunFacts) -> ColumnElement[bool]:
    charged = is_charged(c)
    totals: dict[str, ColumnElement[Any]] = {
        "cost": total_of(c.cost_usd, charged),
        "duration": run.duration_ms,
        "status": run.status,
        "input_tokens": sum_where(c.input_tokens, charged),
        "output_tokens": sum_where(c.output_tokens, charged),
        "tokens": sum_where(func.coalesce(c.input_tokens, 0) + func.coalesce(c.output_tokens, 0), charged),
    }
    if term.field in totals:
        return negatable(compare(FIELDS[term.field], term, totals[term.field]), negated=term.negated)
    return any_record(condition(term, c)) == (0 if term.negated else 1)
