"""Events of a window, added up where the sums are up to date and one by one where they are not: one subquery."""

from collections.abc import Collection
from dataclasses import dataclass
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
    or_,
    select,
    union_all,
)

from llmobserve_server.store.postgresql.sums.tables import (
    MEASURES,
    Grain,
    SumSet,
    event_sums,
    set_for,
    sums_to_renew,
)
from llmobserve_server.store.tables import events

__all__ = ["summed_events"]

_LENGTH: dict[Grain, timedelta] = {"day": timedelta(days=1), "hour": timedelta(hours=1)}
_ADDED = (*MEASURES, "n_records", "duration_shape", "ttft_shape")


@dataclass(frozen=True, slots=True)
class _Level:
    """The whole hours, or days, of a window."""

    grain: Grain
    first: datetime
    end: datetime
    """Exclusive."""

    @classmethod
    def of(cls, grain: Grain, start: datetime, end: datetime) -> "_Level | None":
        length = _LENGTH[grain]
        first, last = _floor(start, length), _floor(end, length)
        first = first if first == start else first + length
        return cls(grain, first, last) if first < last else None


def summed_events(
    project_id: str, start: datetime, end: datetime, columns: Collection[str], *, by_hour: bool
) -> Subquery | None:
    """See `store.protocol.SummingStore`."""
    wanted = sorted(set(columns) - {"start_time"})
    chosen = set_for(wanted)
    if chosen is None or (by_hour and not chosen.has_hours):
        return None
    days = None if by_hour else _Level.of("day", start, end)
    hours = _Level.of("hour", start, end) if chosen.has_hours else None
    finest = hours or days
    if finest is None:
        return None
    parts = [
        _edge(project_id, wanted, *edge) for edge in ((start, finest.first), (finest.end, end)) if edge[0] < edge[1]
    ]
    beyond_days: list[ColumnElement[bool]] = []
    if days is not None:
        parts.append(_clean(project_id, wanted, chosen, days))
    if hours is not None:
        of_hours = event_sums.c.start_time
        parts.append(_clean(project_id, wanted, chosen, hours).where(*_beyond(project_id, days, of_hours)))
        beyond_days = _beyond(project_id, days, sums_to_renew.c.begins)
    parts.append(_marked(project_id, wanted, finest).where(*beyond_days))
    return union_all(*parts).subquery("summed")


def _clean(project_id: str, wanted: list[str], chosen: SumSet, level: _Level) -> Select[Any]:
    """The sums that are up to date."""
    c = event_sums.c
    return select(*[c[name] for name in ("start_time", *wanted, *_ADDED)]).where(
        c.project_id == project_id,
        c.set_id == chosen.set_id(level.grain),
        c.start_time >= level.first,
        c.start_time < level.end,
        ~_is_marked(project_id, level.grain, c.start_time),
    )


def _beyond(project_id: str, days: _Level | None, moment: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """That a time is in none of the days whose sums are read."""
    if days is None:
        return []
    day = func.date_trunc(literal_column("'day'"), moment)
    return [or_(moment < days.first, moment >= days.end, _is_marked(project_id, "day", day))]


def _is_marked(project_id: str, grain: Grain, begins: ColumnElement[Any]) -> ColumnElement[bool]:
    marks = sums_to_renew.alias(f"marks_of_{grain}")
    return exists().where(marks.c.grain == grain, marks.c.project_id == project_id, marks.c.begins == begins)


def _marked(project_id: str, wanted: list[str], level: _Level) -> Select[Any]:
    """The events of hours, or days, whose sums are out of date."""
    marks, e = sums_to_renew.c, events.c
    return _one_by_one(wanted, sums_to_renew.join(events, marks.project_id == e.project_id)).where(
        marks.grain == level.grain,
        marks.project_id == project_id,
        marks.begins >= level.first,
        marks.begins < level.end,
        e.start_time >= marks.begins,
        e.start_time < marks.begins + _LENGTH[level.grain],
        _of(project_id, level.first, level.end),
    )


def _edge(project_id: str, wanted: list[str], start: datetime, end: datetime) -> Select[Any]:
    return _one_by_one(wanted, events).where(_of(project_id, start, end))


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
