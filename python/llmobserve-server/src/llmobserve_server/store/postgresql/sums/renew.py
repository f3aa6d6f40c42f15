"""Adds up again the hours and days whose events have changed, beside the ingest of this and other collectors."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from psycopg import Connection

from llmobserve_server.store.postgresql.locks import SUMS, lock_key
from llmobserve_server.store.postgresql.sums.tables import DAY_COLUMNS, DAY_DIMENSIONS, HOUR_COLUMNS, MEASURES

__all__ = ["renew_sums"]

Grain = Literal["hour", "day"]

_STILL_COMING = timedelta(minutes=5)
"""An hour that has just ended gets events for a while, and would be added up again for each."""
_DAY = timedelta(days=1)
_LENGTH = {"hour": timedelta(hours=1), "day": _DAY}
_DUE = """
    SELECT project_id, begins, changes FROM sums_to_renew WHERE grain = %(grain)s AND begins <= %(until)s
    ORDER BY begins DESC, project_id LIMIT 2000
"""
_DONE = """
    DELETE FROM sums_to_renew USING unnest(%(begins)s::timestamp[], %(changes)s::bigint[]) AS seen (begins, changes)
    WHERE grain = %(grain)s AND project_id = %(project_id)s
    AND sums_to_renew.begins = seen.begins AND sums_to_renew.changes = seen.changes
"""
_EVENTS = "FROM events WHERE project_id = %(project_id)s AND start_time >= %(start)s AND start_time < %(end)s"
_SUMS = ", ".join(
    (
        "count(*)",
        *(f"sum({name})" for name in MEASURES),
        "sum(llmobserve_shape(duration_ms))",
        "sum(llmobserve_shape(time_to_first_token_ms))",
    )
)
_SUM_NAMES = ", ".join(("n_records", *MEASURES, "duration_shape", "ttft_shape"))
_FORGET = "DELETE FROM {grain}_sums WHERE project_id = %(project_id)s AND start_time = ANY (%(begins)s)"
_HOURS = f"""
    INSERT INTO hour_sums (project_id, start_time, is_priced, {", ".join(HOUR_COLUMNS)}, {_SUM_NAMES})
    SELECT project_id, date_trunc('hour', start_time), cost_usd IS NOT NULL, {", ".join(HOUR_COLUMNS)}, {_SUMS}
    {_EVENTS} AND date_trunc('hour', start_time) = ANY (%(begins)s)
    GROUP BY 1, 2, 3, {", ".join(HOUR_COLUMNS)}
"""
_GROUPS = ", ".join(f"({name}, {', '.join(DAY_COLUMNS)}, cost_usd IS NOT NULL)" for name in DAY_DIMENSIONS)
_DAYS = f"""
    INSERT INTO day_sums (
        project_id, start_time, dimension, value, is_priced, {", ".join(DAY_COLUMNS)}, {_SUM_NAMES}
    )
    SELECT %(project_id)s, %(start)s,
    CASE {" ".join(f"WHEN grouping({name}) = 0 THEN '{name}'" for name in DAY_DIMENSIONS)} END,
    CASE {" ".join(f"WHEN grouping({name}) = 0 THEN {name}" for name in DAY_DIMENSIONS)} END,
    cost_usd IS NOT NULL, {", ".join(DAY_COLUMNS)}, {_SUMS}
    {_EVENTS} GROUP BY GROUPING SETS ({_GROUPS})
"""


def renew_sums(connection: Connection[Any], now: datetime | None = None) -> int:
    """Renew all that is due; how many hours and days that were. 0 when another collector is at it already.

    Raises psycopg.Error; what was renewed until then stays. `now`: naive UTC; `None`: the time it is.
    """
    moment = now or datetime.now(UTC).replace(tzinfo=None)
    key = lock_key(SUMS)
    if connection.execute("SELECT pg_try_advisory_lock(%s, %s)", key).fetchone() != (True,):
        return 0
    try:
        return sum(_renew_grain(connection, grain, moment) for grain in ("hour", "day"))
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s, %s)", key)


def _renew_grain(connection: Connection[Any], grain: Grain, now: datetime) -> int:
    done = 0
    until = now - _STILL_COMING - _LENGTH[grain]
    while due := connection.execute(_DUE.encode(), {"grain": grain, "until": until}).fetchall():
        settled = sum(_renew(connection, grain, *lot) for lot in _by_day(due))
        done += settled
        if settled == 0:
            # All of them were changed meanwhile: another time.
            break
    return done


def _by_day(due: Iterable[tuple[str, datetime, int]]) -> Iterable[tuple[str, datetime, Sequence[tuple[datetime, int]]]]:
    """Project, day, and what of that day is due: read together."""
    lots: defaultdict[tuple[str, datetime], list[tuple[datetime, int]]] = defaultdict(list)
    for project_id, begins, changes in due:
        lots[project_id, begins.replace(hour=0)].append((begins, changes))
    return [(project_id, day, lot) for (project_id, day), lot in lots.items()]


def _renew(
    connection: Connection[Any], grain: Grain, project_id: str, day: datetime, due: Sequence[tuple[datetime, int]]
) -> int:
    begins = [begin for begin, _ in due]
    end = day + _DAY if grain == "day" else max(begins) + _LENGTH["hour"]
    start = day if grain == "day" else min(begins)
    values = {"project_id": project_id, "start": start, "end": end, "begins": begins}
    with connection.transaction():
        connection.execute(_FORGET.format(grain=grain).encode(), values)
        connection.execute((_HOURS if grain == "hour" else _DAYS).encode(), values)
        # Whoever has changed events since `due` was read has counted the mark up, and it stays. Whoever is about to
        # waits here, or makes a new mark.
        seen = {"begins": begins, "changes": [changes for _, changes in due]}
        return connection.execute(_DONE.encode(), {**values, **seen, "grain": grain}).rowcount
