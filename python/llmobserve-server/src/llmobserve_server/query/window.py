"""Project and time window of a question: the one place where a select of the event tables begins.

Every statement of this package starts from `Scope.select`, which puts the project of the credential and, where one
is given, the time window into the WHERE clause. No other module of the package imports `sqlalchemy.select`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Unpack

from sqlalchemy import ColumnElement, FromClause, Select, Subquery, and_, select

from llmobserve_server.errors import BadRequest

__all__ = [
    "DEFAULT_HOURS",
    "MAX_WINDOW_DAYS",
    "Scope",
    "Selection",
    "Window",
    "as_utc",
    "id_time",
    "outer_select",
    "parse_time",
    "parse_window",
]

DEFAULT_HOURS = 24
MAX_WINDOW_DAYS = 3660
_MIN_YEAR, _MAX_YEAR = 1971, 2200


Selection = Select[Unpack[tuple[Any, ...]]]
"""A select of any columns."""


@dataclass(frozen=True, slots=True)
class Window:
    """Times from `start` (inclusive) to `end` (exclusive); naive UTC, as the tables hold them."""

    start: datetime
    end: datetime

    def previous(self) -> "Window":
        """The window of the same length just before."""
        return Window(self.start - (self.end - self.start), self.start)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a caller may see: one project, and the time asked for (`None` = all of it)."""

    project_id: str
    window: Window | None = None

    def condition(self, source: FromClause) -> ColumnElement[bool]:
        """The condition that keeps a select of `source` within the scope."""
        inside = source.c.project_id == self.project_id
        if self.window is not None and "start_time" in source.c:
            inside = and_(inside, source.c.start_time >= self.window.start, source.c.start_time < self.window.end)
        return inside

    def select(self, source: FromClause, *columns: Any) -> Selection:
        """A select of `columns` from one of the event tables, within the scope."""
        return select(*columns).select_from(source).where(self.condition(source))

    def select_received(self, source: FromClause, *columns: Any) -> Selection:
        """As `select`, with the window over the time of arrival: for what is about sending, not about the calls."""
        statement = self.unbounded().select(source, *columns)
        if self.window is None:
            return statement
        return statement.where(source.c.received_at >= self.window.start, source.c.received_at < self.window.end)

    def unbounded(self) -> "Scope":
        """The same project at any time: for look-ups by id."""
        return Scope(self.project_id)

    def between(self, start: datetime | None, end: datetime | None) -> "Scope":
        """The same project in another window; an open side reaches as far as times are valid."""
        first = start or datetime(_MIN_YEAR, 1, 1)  # noqa: DTZ001
        last = end or datetime(_MAX_YEAR, 1, 1)  # noqa: DTZ001
        return Scope(self.project_id, Window(first, last))


def outer_select(source: Subquery, *columns: Any) -> Selection:
    """A select of a subquery that was itself made by `Scope.select`, and so is within a scope already."""
    return select(*columns).select_from(source)


def parse_time(text: str, field: str) -> datetime:
    """An ISO 8601 time as naive UTC; one without an offset is taken as UTC. Raises BadRequest."""
    try:
        # In a URL an unescaped "+" of an offset arrives as a space.
        moment = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text.strip())
    except ValueError:
        raise BadRequest(f"{field} is not an ISO 8601 time such as 2026-11-20T00:00:00Z", field=field) from None
    if not _MIN_YEAR <= moment.year < _MAX_YEAR:
        raise BadRequest(f"{field} must be between the years {_MIN_YEAR} and {_MAX_YEAR}", field=field)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def parse_window(start: str | None, end: str | None, now: datetime) -> Window:
    """The window of a request: `end` defaults to a moment after `now`, `start` to 24 hours before `end`.

    Raises BadRequest for a time that is not ISO 8601, an empty window and one of more than ten years.
    """
    # Events of clocks that are a little ahead would otherwise be missing from "now".
    last = parse_time(end, "to") if end else now.astimezone(UTC).replace(tzinfo=None) + timedelta(minutes=5)
    first = parse_time(start, "from") if start else last - timedelta(hours=DEFAULT_HOURS)
    if first >= last:
        raise BadRequest("from must be before to", field="from")
    if last - first > timedelta(days=MAX_WINDOW_DAYS):
        raise BadRequest(f"the time range is longer than {MAX_WINDOW_DAYS} days", field="from")
    return Window(first, last)


def id_time(identifier: str) -> datetime | None:
    """Time that an id of the form UUIDv7 carries, as naive UTC; `None` for any other id (RFC 9562 §5.7)."""
    digits = identifier.replace("-", "")
    if len(digits) != 32 or digits[12] != "7":
        return None
    try:
        at_ms = int(digits[:12], 16)
    except ValueError:
        return None
    try:
        moment = datetime(1970, 1, 1) + timedelta(milliseconds=at_ms)  # noqa: DTZ001
    except OverflowError:
        return None
    return moment if _MIN_YEAR <= moment.year < _MAX_YEAR else None


def as_utc(moment: datetime) -> datetime:
    """A time of the tables with its zone, as the API answers it."""
    return moment.replace(tzinfo=UTC)
