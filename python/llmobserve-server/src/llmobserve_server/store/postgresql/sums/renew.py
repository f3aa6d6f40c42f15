"""Adds up again the hours and days whose events have changed, beside the ingest of this and other collectors."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection

from llmobserve_server.store.postgresql.locks import SUMS, lock_key
from llmobserve_server.store.postgresql.sums.tables import ALWAYS, MEASURES, OPTIONAL, SETS, Grain

__all__ = ["keep_sums_of", "renew_sums"]

_STILL_COMING = timedelta(minutes=5)
"""An hour that has just ended gets events for a while, and would be added up again for each."""
_DAY = timedelta(days=1)
_LENGTH: dict[Grain, timedelta] = {"hour": timedelta(hours=1), "day": _DAY}
_DUE = """
    SELECT project_id, begins, changes FROM sums_to_renew WHERE grain = %(grain)s AND begins <= %(until)s
    ORDER BY begins DESC, project_id LIMIT 2000
"""
_KEEP_FINAL = "DELETE FROM sums_to_renew WHERE begins < (SELECT max(before) FROM sums_final)"
_END_WEEK = """
    WITH ended AS (INSERT INTO sums_final (before) VALUES (%(end)s))
    DELETE FROM event_sums
    WHERE start_time >= %(start)s AND start_time < %(end)s AND set_id = ANY (%(personal)s)
"""
_DONE = """
    DELETE FROM sums_to_renew USING unnest(%(begins)s::timestamp[], %(changes)s::bigint[]) AS seen (begins, changes)
    WHERE grain = %(grain)s AND project_id = %(project_id)s
    AND sums_to_renew.begins = seen.begins AND sums_to_renew.changes = seen.changes
"""
_ADDED = ("duration_shape", "ttft_shape", *MEASURES)
_FORGET = """
    DELETE FROM event_sums
    WHERE project_id = %(project_id)s AND start_time = ANY (%(begins)s) AND set_id = ANY (%(sets)s)
"""


def _add_up(grain: Grain) -> str:
    """The statement that adds up the events of a project between two times, by all sets at once."""
    sets = [each for each in SETS if grain == "day" or each.has_hours]
    optional = [name for name in OPTIONAL if any(name in each.columns for each in sets)]
    # Bit by bit which of the optional columns a set leaves out, the last column in the lowest bit.
    masks = {
        each.set_id(grain): sum(1 << place for place, name in enumerate(reversed(optional)) if name not in each.columns)
        for each in sets
    }
    numbers = " ".join(f"WHEN {mask} THEN {number}" for number, mask in masks.items())
    always = ", ".join(("project_id", "begins", "is_priced", *ALWAYS))
    groups = ", ".join(f"({', '.join((always, *each.columns))})" for each in sets)
    return f"""
        INSERT INTO event_sums (
            project_id, start_time, is_priced, {", ".join(ALWAYS)}, set_id, {", ".join(optional)},
            n_records, {", ".join(_ADDED)}
        )
        SELECT {always}, CASE grouping({", ".join(optional)}) {numbers} END, {", ".join(optional)},
        count(*), {", ".join(f"sum({name})" for name in _ADDED)}
        FROM (
            SELECT project_id, date_trunc('{grain}', start_time) AS begins, cost_usd IS NOT NULL AS is_priced,
            {", ".join((*ALWAYS, *optional, *MEASURES))}, llmobserve_shape(duration_ms) AS duration_shape,
            llmobserve_shape(time_to_first_token_ms) AS ttft_shape
            FROM events WHERE project_id = %(project_id)s AND start_time >= %(start)s AND start_time < %(end)s
            OFFSET 0 -- each shape is worked out once, and not once for each set
        ) AS chosen
        WHERE begins = ANY (%(begins)s)
        GROUP BY GROUPING SETS ({groups})
    """


_ADD_UP: dict[Grain, bytes] = {grain: _add_up(grain).encode() for grain in ("hour", "day")}


def renew_sums(connection: Connection[Any], now: datetime | None = None) -> int:
    """Renew all that is due; how many hours and days that were. 0 when another collector is at it already.

    Raises psycopg.Error; what was renewed until then stays. `now`: naive UTC; `None`: the time it is.
    """
    moment = now or datetime.now(UTC).replace(tzinfo=None)
    key = lock_key(SUMS)
    if connection.execute("SELECT pg_try_advisory_lock(%s, %s)", key).fetchone() != (True,):
        return 0
    try:
        connection.execute(_KEEP_FINAL)
        return _renew_grain(connection, "hour", moment) + _renew_grain(connection, "day", moment)
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s, %s)", key)


def keep_sums_of(connection: Connection[Any], start: datetime, end: datetime) -> None:
    """The events of this time are about to be deleted: their sums are not renewed any more, those by user go too."""
    personal = [each.set_id("day") for each in SETS if "user_id" in each.columns]
    connection.execute(_END_WEEK, {"start": start, "end": end, "personal": personal})


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
        connection.execute(_FORGET.encode(), {**values, "sets": [each.set_id(grain) for each in SETS]})
        connection.execute(_ADD_UP[grain], values)
        # Whoever has changed events since `due` was read has counted the mark up, and it stays. Whoever is about to
        # waits here, or makes a new mark.
        seen = {"begins": begins, "changes": [changes for _, changes in due]}
        return connection.execute(_DONE.encode(), {**values, **seen, "grain": grain}).rowcount
