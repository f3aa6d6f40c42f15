"""What was spent on what: sums, counts and quantiles by one or two dimensions, with the period before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, Subquery, case, desc, func, nulls_last
from sqlalchemy import cast as db_cast

from llmobserve_server.errors import BadRequest
from llmobserve_server.query.answers import TotalsAnswer, TotalsRow
from llmobserve_server.query.buckets import UNITS, Unit, bucket, bucket_start
from llmobserve_server.query.conditions import where
from llmobserve_server.query.filter_fields import META_PREFIX, READ_COLUMNS, Columns
from llmobserve_server.query.filters import Term
from llmobserve_server.query.spend import as_int, is_charged, records_of, spend_columns, spend_of, total_of
from llmobserve_server.query.sums import summed
from llmobserve_server.query.window import Scope, Selection, Window, as_utc, outer_select
from llmobserve_server.store.constructs import each_tag, json_text, quantile
from llmobserve_server.store.latency_shape import shape_quantiles
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import events

__all__ = ["DEFAULT_LIMIT", "DIMENSIONS", "MAX_LIMIT", "TOTALS_SORTS", "Question", "get_totals"]

DEFAULT_LIMIT = 5_000
MAX_LIMIT = 10_000
_MAX_META_KEY = 200
_METADATA_PREFIXES = ("metadata.", META_PREFIX)

_COLUMNS: Mapping[str, str] = {
    "provider": "provider",
    "model": "model",
    "operation": "operation",
    "kind": "kind",
    "agent": "agent",
    "section": "section_path",
    "customer": "customer_id",
    "session": "session_id",
    "user": "user_id",
    "run": "run_id",
    "run_name": "run_name",
    "environment": "environment",
    "env": "environment",
    "service": "service",
    "status": "status",
    "cost_state": "cost_state",
    "error": "error_type",
}
_ALWAYS = frozenset({"type", "billable", "status", "cost_state"})
"""Columns that every total reads, beside what it adds up."""
DIMENSIONS = (*_COLUMNS, *UNITS, "tag", "metadata.KEY")
"""What totals can be grouped by."""

TOTALS_SORTS = ("key", "cost", "calls", "errors", "tokens", "duration")
"""What groups can be sorted by; with "-" in front the greatest comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to total."""

    group_by: tuple[str, ...]
    """Up to two of `DIMENSIONS`."""
    terms: Sequence[Term] = ()
    sort: str | None = None
    """`None`: by time where time is grouped by, else the costliest first."""
    limit: int = DEFAULT_LIMIT
    """Groups to answer, 1 to 10,000."""
    compare: bool = False
    """Also the total of the same length of time before."""
    tz: ZoneInfo
    """Zone in which days, weeks and months begin."""


def get_totals(store: Store, scope: Scope, question: Question) -> TotalsAnswer:
    """Totals of the charged calls in the window. Raises BadRequest for anything that is not understood."""
    window = scope.window
    if window is None:
        raise BadRequest("totals need a time range", field="from")
    _check(question)
    rows = _groups(store, scope, window, question)
    total = _total(store, scope, question)
    previous = _total(store, Scope(scope.project_id, window.previous()), question) if question.compare else None
    return TotalsAnswer(
        group_by=list(question.group_by),
        time_from=as_utc(window.start),
        time_to=as_utc(window.end),
        rows=[_row(row, question) for row in rows[: question.limit]],
        total=total,
        previous_total=previous,
        truncated=len(rows) > question.limit,
    )


def _check(question: Question) -> None:
    if len(question.group_by) > 2 or len(set(question.group_by)) < len(question.group_by):
        raise BadRequest("group_by takes one or two different dimensions", field="group_by")
    for name in question.group_by:
        if name not in _COLUMNS and name not in UNITS and name != "tag" and _metadata_key(name) is None:
            known = ", ".join(DIMENSIONS)
            raise BadRequest(f"cannot group by {name[:60]!r}; dimensions: {known}", field="group_by")
    if not 1 <= question.limit <= MAX_LIMIT:
        raise BadRequest(f"limit must be from 1 to {MAX_LIMIT}", field="limit")
    if question.sort is not None and question.sort.removeprefix("-") not in TOTALS_SORTS:
        raise BadRequest(f"sort is one of {', '.join(TOTALS_SORTS)}, with - for the greatest first", field="sort")
    if any(term.field == "type" for term in question.terms):
        raise BadRequest("totals are about calls: leave type out of the filter", field="q")


def _metadata_key(name: str) -> str | None:
    for prefix in _METADATA_PREFIXES:
        key = name.removeprefix(prefix)
        if key != name and 0 < len(key) <= _MAX_META_KEY and "\0" not in key:
            return key
    return None


def _measures(c: Columns) -> list[ColumnElement[Any]]:
    return [
        *spend_columns(c),
        _errors(c).label("n_errors"),
        func.sum(c.input_tokens).label("sum_input_tokens"),
        func.sum(c.output_tokens).label("sum_output_tokens"),
        func.sum(c.cache_read_tokens).label("sum_cache_read_tokens"),
        *_latencies(c),
    ]


def _errors(c: Columns) -> ColumnElement[Any]:
    return func.sum(case((c.status == "error", records_of(c)), else_=0))


def _latencies(c: Columns) -> list[ColumnElement[Any]]:
    if "duration_shape" in c:
        return [_shape(c[name]).label(f"sum_{name}") for name in ("duration_shape", "ttft_shape")]
    return [
        quantile(c.duration_ms, 0.5).label("duration_p50"),
        quantile(c.duration_ms, 0.95).label("duration_p95"),
        quantile(c.time_to_first_token_ms, 0.5).label("ttft_p50"),
    ]


def _shape(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return db_cast(func.sum(column), String)


def _calls(scope: Scope, question: Question, *columns: ColumnElement[Any]) -> Selection:
    return scope.select(events, *columns).where(is_charged(events.c), *where(question.terms))


def _total(store: Store, scope: Scope, question: Question) -> TotalsRow:
    sums = summed(store, scope, _ALWAYS, question.terms)
    if sums is None:
        return _measured(store.fetch(_calls(scope, question, *_measures(events.c)))[0], {})
    return _measured(store.fetch(_charged(sums, question, *_measures(sums.c)))[0], {})


def _charged(sums: Subquery, question: Question, *columns: ColumnElement[Any]) -> Selection:
    return outer_select(sums, *columns).where(is_charged(sums.c), *where(question.terms, sums.c))


def _sums(store: Store, scope: Scope, question: Question) -> Subquery | None:
    """The events added up by the question's dimensions, where the store has that; the order may need each duration."""
    names = [name for name in question.group_by if name not in UNITS]
    if (question.sort or "").endswith("duration") or not set(names) <= set(_COLUMNS):
        return None
    units = [name for name in question.group_by if name in UNITS]
    if len(units) > 1:
        return None
    unit = cast("Unit", units[0]) if units else None
    columns = {*_ALWAYS, *(_COLUMNS[name] for name in names)}
    return summed(store, scope, columns, question.terms, unit=unit, tz=question.tz)


def _groups(store: Store, scope: Scope, window: Window, question: Question) -> list[Row]:
    if not question.group_by:
        return []
    sums = _sums(store, scope, question)
    c: Columns = events.c if sums is None else sums.c
    by_tag: Subquery | None = None
    if "tag" in question.group_by:
        columns = [events.c[name] for name in READ_COLUMNS]
        by_tag = _calls(scope, question, *columns, each_tag(events.c.tags).label("one_tag")).subquery("by_tag")
        c = by_tag.c
    keys = [_dimension(c, name, question, window).label(f"key_{index}") for index, name in enumerate(question.group_by)]
    columns = [*keys, *_measures(c)]
    if sums is not None:
        calls = _charged(sums, question, *columns)
    else:
        calls = _calls(scope, question, *columns) if by_tag is None else outer_select(by_tag, *columns)
    order = _order(c, question, keys)
    return store.fetch(calls.group_by(*keys).order_by(*order).limit(question.limit + 1))


def _dimension(c: Columns, name: str, question: Question, window: Window) -> ColumnElement[Any]:
    if name in UNITS:
        return bucket(c.start_time, cast("Unit", name), question.tz, window)
    if name == "tag":
        return c.one_tag
    key = _metadata_key(name)
    return json_text(c.metadata, key) if key is not None else c[_COLUMNS[name]]


def _order(c: Columns, question: Question, keys: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    by_time = bool({*question.group_by} & {*UNITS})
    sort = question.sort or ("key" if by_time else "-cost")
    if sort.removeprefix("-") == "key":
        # Time first, whichever place it has: a series is read along it.
        ordered = sorted(zip(question.group_by, keys, strict=True), key=lambda pair: pair[0] not in UNITS)
        names = [key for _, key in ordered]
        return [nulls_last(desc(name) if sort.startswith("-") else name.asc()) for name in names]
    measure = _sort_measure(c, sort.removeprefix("-"))
    first = desc(measure) if sort.startswith("-") else measure.asc()
    return [nulls_last(first), *[nulls_last(key.asc()) for key in keys]]


def _sort_measure(c: Columns, name: str) -> ColumnElement[Any]:
    match name:
        case "cost":
            return total_of(c.cost_usd, is_charged(c))
        case "calls":
            return func.sum(records_of(c))
        case "errors":
            return _errors(c)
        case "tokens":
            return func.sum(func.coalesce(c.input_tokens, 0) + func.coalesce(c.output_tokens, 0))
        case _:
            return quantile(c.duration_ms, 0.95)


def _row(row: Row, question: Question) -> TotalsRow:
    keys = {name: _key(row[f"key_{index}"], name, question) for index, name in enumerate(question.group_by)}
    return _measured(row, keys)


def _key(value: Any, name: str, question: Question) -> str | None:
    if value is None:
        return None
    if name in UNITS:
        moment: datetime = value if isinstance(value, datetime) else datetime.combine(value, datetime.min.time())
        return bucket_start(moment, cast("Unit", name), question.tz).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


def _measured(row: Row, keys: dict[str, str | None]) -> TotalsRow:
    p50, p95, ttft = _told_latencies(row)
    return TotalsRow(
        keys=keys,
        spend=spend_of(row),
        error_calls=as_int(row["n_errors"]),
        input_tokens=_optional(row["sum_input_tokens"]),
        output_tokens=_optional(row["sum_output_tokens"]),
        cache_read_tokens=_optional(row["sum_cache_read_tokens"]),
        duration_p50_ms=p50,
        duration_p95_ms=p95,
        time_to_first_token_p50_ms=ttft,
    )


def _told_latencies(row: Row) -> Sequence[float | None]:
    """Median and 95th percentile of the duration, median of the time to the first token."""
    if "duration_p50" in row:
        return row["duration_p50"], row["duration_p95"], row["ttft_p50"]
    return [
        *shape_quantiles(row["sum_duration_shape"] or "", (0.5, 0.95)),
        *shape_quantiles(row["sum_ttft_shape"] or "", (0.5,)),
    ]


def _optional(value: Any) -> int | None:
    return None if value is None else int(value)
