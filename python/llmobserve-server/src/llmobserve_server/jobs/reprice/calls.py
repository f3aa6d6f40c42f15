"""Stored calls in the order of time, a chunk at a time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_

from llmobserve_server.query.reprice_report import RepriceFilter
from llmobserve_server.query.spend import as_int, is_charged
from llmobserve_server.query.stored_call import CALL_FACTS
from llmobserve_server.query.window import Scope
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import COST_COLUMNS, events

__all__ = ["ChunkReader", "Cursor", "Found"]

_FIRST_SPAN = timedelta(hours=1)
_LONGEST_SPAN = timedelta(days=400)
_READ = (*CALL_FACTS, *COST_COLUMNS)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last call that was dealt with."""

    start_time: datetime
    event_id: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a filter finds at one moment."""

    calls: int
    first: datetime | None
    last: datetime | None


class ChunkReader:
    """Reads the charged calls of a filter by time and id.

    A slice of time is read at once, twice as long after a slice with few calls and half as long after a full chunk:
    each look touches only the blocks of its slice, however large the store is.

    Args:
        store: where the calls are.
        project_id: whose calls.
        wanted: which of them.
        chunk: calls that are read at once, at most.
        with_reported: calls with the provider's own figure too. Without own rates of the project nothing that we know
            is better than that.
    """

    def __init__(
        self, store: Store, project_id: str, wanted: RepriceFilter, chunk: int, *, with_reported: bool = False
    ) -> None:
        self._store = store
        self._scope = Scope(project_id).between(_naive(wanted.time_from), _naive(wanted.time_to))
        self._conditions = _conditions(wanted, with_reported=with_reported)
        self._chunk = chunk
        self._span = _FIRST_SPAN

    def find(self) -> Found:
        """How many calls there are, and between which times."""
        c = events.c
        times = (func.min(c.start_time).label("first"), func.max(c.start_time).label("last"))
        counted = self._scope.select(events, func.count().label("calls"), *times)
        (row,) = self._store.fetch(counted.where(*self._conditions))
        return Found(as_int(row["calls"]), row["first"], row["last"])

    def read(self, after: Cursor | None, start: datetime, until: datetime) -> tuple[list[Row], datetime | None]:
        """Calls of the next slice, which begins at `start`, and where the slice after it begins.

        The second value is `None` when the slice may have more calls behind the last one of these.
        """
        c = events.c
        end = min(start + self._span, until)
        statement = self._scope.select(events, *(c[name] for name in _READ)).where(
            *self._conditions, c.start_time >= start, c.start_time < end
        )
        if after is not None:
            beyond = and_(c.start_time == after.start_time, c.event_id > after.event_id)
            statement = statement.where(or_(c.start_time > after.start_time, beyond))
        rows = self._store.fetch(statement.order_by(c.start_time, c.event_id).limit(self._chunk))
        if len(rows) >= self._chunk:
            self._span /= 2
            return rows, None
        if len(rows) * 2 < self._chunk:
            self._span = min(self._span * 2, _LONGEST_SPAN)
        return rows, end


def _naive(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)


def _conditions(wanted: RepriceFilter, *, with_reported: bool) -> list[ColumnElement[bool]]:
    c = events.c
    conditions: list[ColumnElement[bool]] = [is_charged(c)]
    if not with_reported:
        conditions.append(c.cost_state.is_distinct_from("provider_reported"))
    if wanted.provider is not None:
        conditions.append(c.provider == wanted.provider)
    if wanted.model is not None:
        named = (c.model, c.request_model, c.response_model)
        conditions.append(or_(*(column == wanted.model for column in named)))
    if wanted.state is not None:
        conditions.append(c.cost_state == wanted.state)
    return conditions
