"""Events of a window, added up where the sums are up to date and one by one where they are not: one subquery."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    and_,
    exists,
    func,
    literal_column,
    select,
    union_all,
)

from llmobserve_server.store.postgresql.sums.tables import (
    DAY_COLUMNS,
    DAY_DIMENSIONS,
    HOUR_COLUMNS,
    MEASURES,
    day_sums,
    hour_sums,
    sums_to_renew,
)
from llmobserve_server.store.tables import events

__all__ = ["summed_events"]

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_ADDED = (*MEASURES, "n_records", "duration_shape", "ttft_shape")


def summed_events(
    project_id: str, start: datetime, end: datetime, columns: Collection[str], *, by_hour: bool
) -> Subquery | None:
    """See `store.protocol.SummingStore`."""
    wanted = sorted(set(columns) - {"start_time"})
    if set(wanted) <= {*HOUR_COLUMNS}:
        return _source(project_id, start, end, wanted, hour_sums, "hour", _HOUR)
    dimension = next((name for name in DAY_DIMENSIONS if name in wanted), None)
    if by_hour or dimension is None or not set(wanted) <= {*DAY_COLUMNS, dimension}:
        return None
    return _source(project_id, start, end, wanted, day_sums, "day", _DAY)


def _source(
    project_id: str, start: datetime, end: datetime, wanted: list[str], sums: Any, grain: str, length: timedelta
) -> Subquery | None:
    first, last = _ceiling(start, length), _floor(end, length)
    if first >= last:
        return None
    c, marks, e = sums.c, sums_to_renew.c, events.c
    marked = and_(marks.grain == grain, marks.project_id == project_id)
    clean = select(*[_summed(sums, name) for name in ("start_time", *wanted, *_ADDED)]).where(
        c.project_id == project_id,
        c.start_time >= first,
        c.start_time < last,
        ~exists().where(marked, marks.begins == c.start_time),
    )
    if sums is day_sums:
        clean = clean.where(c.dimension == next(name for name in wanted if name in DAY_DIMENSIONS))
    parts = [clean]
    for begin, stop in ((start, first), (last, end)):
        if begin < stop:
            parts.append(_one_by_one(wanted, events).where(_of(project_id, begin, stop)))
    renewed = _one_by_one(wanted, sums_to_renew.join(events, marks.project_id == e.project_id))
    parts.append(
        renewed.where(
            marked,
            marks.begins >= first,
            marks.begins < last,
            e.start_time >= marks.begins,
            e.start_time < marks.begins + length,
            _of(project_id, first, last),
        )
    )
    return union_all(*parts).subquery("summed")


def _summed(sums: Any, name: str) -> ColumnElement[Any]:
    return sums.c.value.label(name) if name not in sums.c else sums.c[name]


def _one_by_one(wanted: list[str], source: FromClause) -> Select[Any]:
    e = events.c
    columns: list[ColumnElement[Any]] = [
        *[e[name] for name in ("start_time", *wanted, *MEASURES)],
        literal_column("1").label("n_records"),
        func.llmobserve_shape(e.duration_ms).label("duration_shape"),
        func.llmobserve_shape(e.time_to_first_token_ms).label("ttft_shape"),
    ]
    return select(*columns).select_from(source)


def _of(project_id: str, start: datetime, end: datetime) -> ColumnElement[bool]:
    c = events.c
    return and_(c.project_id == project_id, c.start_time >= start, c.start_time < end)


def _floor(moment: datetime, length: timedelta) -> datetime:
    return moment - (moment - datetime.min) % length  # noqa: DTZ901 (the tables hold naive UTC)


def _ceiling(moment: datetime, length: timedelta) -> datetime:
    floor = _floor(moment, length)
    return floor if floor == moment else floor + length
