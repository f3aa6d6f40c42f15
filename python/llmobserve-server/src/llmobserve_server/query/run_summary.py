"""What a run was as a whole: status, time, money and what occurred in it, from the records of it that arrived."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    union,
    union_all,
)
from sqlalchemy.types import JSON

from llmobserve_server.query.answers import RunSummary
from llmobserve_server.query.filter_fields import READ_COLUMNS, Columns
from llmobserve_server.query.spend import as_int, is_charged, spend_columns, spend_of
from llmobserve_server.query.window import Scope, as_utc, id_time, outer_select
from llmobserve_server.store.constructs import elapsed_ms, end_time
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import events, span_starts

__all__ = ["RunFacts", "any_record", "most_first", "run_records", "sum_where", "summaries"]

_HINT_SLACK = timedelta(days=1)
_SILENT = timedelta(hours=6)
"""A run without an end of which nothing has come for so long counts as abandoned."""


def summaries(store: Store, scope: Scope, run_ids: Sequence[str]) -> dict[str, RunSummary]:
    """The runs with these ids as a whole, by id; ids that do not exist are left out."""
    if not run_ids:
        return {}
    hinted = _from_ids(scope, run_ids)
    rows = _facts(store, hinted, run_ids)
    if len(rows) < len(run_ids) and hinted.window is not None:
        hinted = scope.unbounded()
        rows = _facts(store, hinted, run_ids)
    kinds = _kinds(store, hinted, run_ids)
    return {row["run_id"]: _summary(row, kinds.get(row["run_id"], _Kinds())) for row in rows}


def run_ids_of(scope: Scope) -> CompoundSelect[Any]:
    """Ids of the runs that have a record in the scope, announced ones included."""
    e, s = events.c.run_id, span_starts.c.run_id
    return union(scope.select(events, e).where(e.is_not(None)), scope.select(span_starts, s).where(s.is_not(None)))


def run_records(scope: Scope, run_ids: Sequence[str] | CompoundSelect[Any] | None = None) -> Subquery:
    """Finished records and the runs' roots that are still open, with the columns of `events`.

    `run_ids` keeps to these runs; `None` means all.
    """
    ended = (
        scope.unbounded()
        .select(events, literal(1))
        .where(events.c.type == "span", events.c.event_id == span_starts.c.event_id)
    )
    e, c = events.c, span_starts.c
    finished = scope.select(events, *[e[name] for name in READ_COLUMNS], literal(0).label("is_open"))
    opened = scope.select(
        span_starts,
        *[c[name] if name in c else _nothing(e[name]) for name in READ_COLUMNS],
        literal(1).label("is_open"),
    ).where(_is_root(c), ~ended.correlate(span_starts).exists())
    if run_ids is not None:
        # Inside of the union, where the engine can use it while it reads.
        finished, opened = finished.where(e.run_id.in_(run_ids)), opened.where(c.run_id.in_(run_ids))
    return union_all(finished, opened).subquery("records")


def _nothing(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """NULL under the name of a column. A document takes the type of what it is joined to."""
    value = null() if isinstance(column.type, JSON) else cast(null(), column.type)
    return value.label(column.key)


def _is_root(c: Columns) -> ColumnElement[bool]:
    return and_(c.type == "span", or_(c.kind == "run", c.parent_span_id.is_(None)))


def any_record(only: ColumnElement[bool]) -> ColumnElement[int]:
    """1 when some record of the run is so, else 0."""
    return func.max(case((only, 1), else_=0))


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Expressions over the records of one run."""

    start: ColumnElement[Any]
    duration_ms: ColumnElement[Any]
    status: ColumnElement[Any]

    @classmethod
    def of(cls, c: Columns) -> "RunFacts":
        """The expressions, for a select of `run_records` that is grouped by run."""
        root, open_root = and_(_is_root(c), c.is_open == 0), any_record(c.is_open == 1)
        run_span = and_(c.type == "span", c.kind == "run", c.is_open == 0)
        call = c.type == "call"
        last_call = func.max(case((call, c.start_time), else_=None))
        last_failure = func.max(case((and_(call, c.status == "error"), c.start_time), else_=None))
        failed = case(
            (any_record(run_span) == 1, any_record(and_(run_span, c.status == "error"))),
            (any_record(root) == 1, any_record(and_(root, c.status == "error"))),
            (last_failure == last_call, 1),
            else_=0,
        )
        silent = func.max(c.received_at) < datetime.now(UTC).replace(tzinfo=None) - _SILENT
        status = case(
            (and_(open_root == 1, silent), "abandoned"), (open_root == 1, "running"), (failed == 1, "error"), else_="ok"
        )
        whole = func.max(case((run_span, c.duration_ms), else_=None))
        ends = func.max(end_time(c.start_time, c.duration_ms))
        spread_ms = elapsed_ms(func.min(c.start_time), ends)
        duration = case((open_root == 1, None), else_=func.coalesce(whole, spread_ms))
        return cls(func.min(c.start_time), duration, status)


def sum_where(amount: ColumnElement[Any], only: ColumnElement[bool]) -> ColumnElement[Any]:
    """Sum of an amount over the records of the run that are so; null when none has one."""
    return func.sum(case((only, amount), else_=None))


def _from_ids(scope: Scope, run_ids: Iterable[str]) -> Scope:
    """The project from a little before the time that all ids carry; at any time when one carries none."""
    times = [id_time(run_id) for run_id in run_ids]
    known = [moment for moment in times if moment is not None]
    if len(known) < len(times):
        return scope.unbounded()
    return scope.between(min(known) - _HINT_SLACK, None)


def _facts(store: Store, scope: Scope, run_ids: Sequence[str]) -> list[Row]:
    records = run_records(scope, run_ids)
    c = records.c
    run = RunFacts.of(c)
    charged = is_charged(c)
    # The error of a record that was merged into another is that one's.
    failed = and_(c.status == "error", c.merged_into.is_(None))
    names = ("session_id", "user_id", "environment", "service")
    statement = outer_select(
        records,
        c.run_id,
        run.start.label("run_start"),
        run.duration_ms.label("run_duration_ms"),
        run.status.label("run_status"),
        func.coalesce(func.max(c.run_name), func.max(case((_is_root(c), c.name)))).label("any_run_name"),
        *[_only_value(c[name]).label(f"only_{name}") for name in names],
        func.max(c.customer_id).label("any_customer_id"),
        # What was merged into another record is not shown as a part of the run either.
        func.sum(case((c.merged_into.is_(None), 1), else_=0)).label("n_records"),
        func.sum(case((failed, 1), else_=0)).label("n_errors"),
        sum_where(c.input_tokens, charged).label("sum_input_tokens"),
        sum_where(c.output_tokens, charged).label("sum_output_tokens"),
        *spend_columns(c),
    ).group_by(c.run_id)
    return store.fetch(statement)


def _only_value(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value that all records with one share; null when there are several."""
    return case((func.min(column) == func.max(column), func.max(column)), else_=None)


@dataclass(slots=True)
class _Kinds:
    """What occurs in a run, each once, the most frequent first."""

    models: Mapping[str, int]
    providers: Mapping[str, int]
    agents: Mapping[str, int]
    customers: Mapping[str, int]
    tags: Mapping[str, int]

    def __init__(self) -> None:
        self.models, self.providers, self.agents, self.customers, self.tags = {}, {}, {}, {}, {}


def _kinds(store: Store, scope: Scope, run_ids: Sequence[str]) -> dict[str, _Kinds]:
    c = events.c
    columns = (c.run_id, c.model, c.provider, c.agent, c.customer_id, c.tags)
    statement = (
        scope.select(events, *columns, func.count().label("n_records"))
        .where(c.run_id.in_(list(run_ids)))
        .group_by(*columns)
    )
    by_run: dict[str, _Kinds] = {}
    for row in store.fetch(statement):
        kinds = by_run.setdefault(row["run_id"], _Kinds())
        count = as_int(row["n_records"])
        for seen, value in (
            (kinds.models, row["model"]),
            (kinds.providers, row["provider"]),
            (kinds.agents, row["agent"]),
            (kinds.customers, row["customer_id"]),
        ):
            _add(seen, value, count)
        for tag in row["tags"] or ():
            _add(kinds.tags, tag, count)
    return by_run


def _add(seen: Any, value: str | None, count: int) -> None:
    if value:
        seen[value] = seen.get(value, 0) + count


def most_first(seen: Mapping[str, int]) -> list[str]:
    """The values with the most frequent first, and of equals the first in the alphabet."""
    return sorted(seen, key=lambda value: (-seen[value], value))


def _summary(row: Row, kinds: _Kinds) -> RunSummary:
    start: datetime = row["run_start"]
    return RunSummary(
        run_id=row["run_id"],
        name=row["any_run_name"],
        status=row["run_status"],
        start_time=as_utc(start),
        duration_ms=row["run_duration_ms"],
        spend=spend_of(row),
        error_count=as_int(row["n_errors"]),
        span_count=as_int(row["n_records"]),
        input_tokens=None if row["sum_input_tokens"] is None else int(row["sum_input_tokens"]),
        output_tokens=None if row["sum_output_tokens"] is None else int(row["sum_output_tokens"]),
        models=most_first(kinds.models),
        providers=most_first(kinds.providers),
        agents=most_first(kinds.agents),
        customers=most_first(kinds.customers) or [row["any_customer_id"]] * (row["any_customer_id"] is not None),
        session_id=row["only_session_id"],
        user_id=row["only_user_id"],
        environment=row["only_environment"],
        service=row["only_service"],
        tags=most_first(kinds.tags),
    )
