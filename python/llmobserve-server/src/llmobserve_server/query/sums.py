"""Where a question reads from: events that the store has added up ahead, if it has and they can answer it."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Subquery

from llmobserve_server.query.buckets import Unit, has_whole_hours, is_utc
from llmobserve_server.query.conditions import where
from llmobserve_server.query.filter_fields import Columns
from llmobserve_server.query.filters import Term
from llmobserve_server.query.window import Scope
from llmobserve_server.store.protocol import Store, SummingStore
from llmobserve_server.store.tables import events

__all__ = ["summed"]

_SHORTEST = timedelta(hours=2)


def summed(
    store: Store,
    scope: Scope,
    columns: Collection[str],
    terms: Sequence[Term] = (),
    *,
    unit: Unit | None = None,
    tz: ZoneInfo | None = None,
) -> Subquery | None:
    """The events of the scope added up, with `columns` and those that the filter reads; `None`: read the events.

    `unit`: the time that is grouped by, in the zone `tz`; `None`: none. Raises BadFilter.
    """
    window = scope.window
    if not isinstance(store, SummingStore) or window is None or window.end - window.start < _SHORTEST:
        return None
    if unit == "minute" or (unit is not None and tz is not None and not has_whole_hours(tz, window)):
        return None
    read = _Reading()
    where(terms, cast("Columns", read))
    by_hour = unit == "hour" or (unit is not None and tz is not None and not is_utc(tz, window))
    wanted = {*columns, *read.names}
    return store.summed_events(scope.project_id, window.start, window.end, wanted, by_hour=by_hour)


class _Reading:
    """Columns of `events` that remember which of them were asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> ColumnElement[Any]:
        self.names.add(name)
        return events.c[name]

    __getitem__ = __getattr__
