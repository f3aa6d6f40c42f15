"""Which hours and days have changed since they were summed up: marked in the transaction of the change."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from psycopg import Connection

from llmobserve_server.store.protocol import Row

__all__ = ["Touched", "mark"]

# The number of changes tells the renewal that another one came while it was at work.
_MARK = """
    INSERT INTO sums_to_renew (grain, project_id, begins)
    SELECT DISTINCT grain, project_id, date_trunc(grain, hour) AS begins
    FROM unnest(%s::text[], %s::timestamp[]) AS touched (project_id, hour),
         unnest(ARRAY['hour', 'day']) AS grain
    ORDER BY grain, project_id, begins
    ON CONFLICT (grain, project_id, begins) DO UPDATE SET changes = sums_to_renew.changes + 1
"""


class Touched:
    """Hours in which events were added or changed, of all projects."""

    def __init__(self) -> None:
        self.hours: set[tuple[str, datetime]] = set()

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Touched":
        """The hours of these events."""
        touched = cls()
        for row in rows:
            touched.add(row["project_id"], row["start_time"])
        return touched

    def add(self, project_id: str, moment: datetime) -> None:
        """Count an event at this time."""
        self.hours.add((project_id, moment.replace(minute=0, second=0, microsecond=0)))


def mark(connection: Connection[Any], touched: Touched) -> None:
    """Say in the open transaction that the sums of these hours, and of their days, are out of date."""
    if touched.hours:
        hours = sorted(touched.hours)
        connection.execute(_MARK, ([project for project, _ in hours], [hour for _, hour in hours]))
