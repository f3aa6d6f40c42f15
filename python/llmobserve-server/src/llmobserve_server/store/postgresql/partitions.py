"""Weekly partitions of `events`: made ahead of the rows that belong there."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from psycopg import Connection, errors, sql

from llmobserve_server.store.postgresql.locks import PARTITIONS, lock_key

__all__ = ["Partitions", "weeks_before"]

_OLDEST = timedelta(days=3 * 365)
_AHEAD = timedelta(days=30)
_UPKEEP_AHEAD = timedelta(days=14)
_WEEK = timedelta(days=7)
_NAME = re.compile(r"events_(\d{8})")
_PRESENT = """
    SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = 'events'::regclass
"""
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '15s'"


class Partitions:
    """The weeks that have a partition. Times too odd to make one for are kept in the default partition."""

    def __init__(self) -> None:
        self._known: set[date] = set()

    def ensure(self, connection: Connection[Any], times: Iterable[datetime]) -> None:
        """Make the partitions that rows with these times need. Raises psycopg.Error."""
        today = datetime.now(UTC).date()
        first, last = today - _OLDEST, today + _AHEAD
        weeks = {_monday(day) for day in {moment.date() for moment in times} if first <= day <= last}
        if missing := weeks - self._known:
            self._make(connection, missing)

    def make_ahead(self, connection: Connection[Any]) -> None:
        """Make the partitions of the weeks to come. Raises psycopg.Error."""
        now = datetime.now(UTC).replace(tzinfo=None)
        self.ensure(connection, (now, now + _WEEK, now + _UPKEEP_AHEAD))

    def _make(self, connection: Connection[Any], weeks: set[date]) -> None:
        self._known |= _present(connection)
        for week in sorted(weeks - self._known):
            try:
                with connection.transaction():
                    connection.execute(_LOCK_TIMEOUT)
                    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", lock_key(PARTITIONS))
                    if week not in _present(connection):
                        _create(connection, week)
            except errors.CheckViolation:
                # Rows of that week are in the default partition already, and it keeps them.
                pass
            self._known.add(week)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _present(connection: Connection[Any]) -> set[date]:
    names = (_NAME.fullmatch(row[0]) for row in connection.execute(_PRESENT).fetchall())
    return {datetime.strptime(name[1], "%Y%m%d").replace(tzinfo=UTC).date() for name in names if name}


def _create(connection: Connection[Any], week: date) -> None:
    # Made beside and then attached: readers and writers of the other partitions go on meanwhile.
    name = sql.Identifier(f"events_{week:%Y%m%d}")
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE events INCLUDING ALL)").format(name))
    attach = sql.SQL("ALTER TABLE events ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})")
    connection.execute(attach.format(name, sql.Literal(str(week)), sql.Literal(str(week + _WEEK))))


def weeks_before(connection: Connection[Any], moment: datetime) -> list[tuple[str, datetime, datetime]]:
    """Partitions whose week has ended by then, the oldest first: name, beginning and end. Raises psycopg.Error."""
    begins = [datetime.combine(week, time()) for week in sorted(_present(connection))]
    return [(f"events_{begin:%Y%m%d}", begin, begin + _WEEK) for begin in begins if begin + _WEEK <= moment]
