"""What merging reads and changes, in the open transaction that holds the locks of its projects."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
from psycopg import Connection

from llmobserve_server.store.merging.records import CHANGED, READ, Requests, Times
from llmobserve_server.store.postgresql.sums.marks import Touched
from llmobserve_server.store.protocol import Key, Row
from llmobserve_server.store.tables import events

__all__ = ["PostgresqlCallRecords"]

_IN_TIME = "{row}.start_time BETWEEN %(first)s AND %(last)s"
_ROW_IN_TIME = _IN_TIME.format(row="row")
_COLUMNS = ", ".join(f"row.{name}" for name in READ)
_ANY = f"SELECT EXISTS (SELECT FROM events AS row WHERE NOT row.is_exchange AND {_ROW_IN_TIME})"
_WANTED = "wanted AS (SELECT * FROM unnest(%(projects)s::text[], %(values)s::text[]) AS pairs (project_id, value))"
_JOINED = "JOIN events AS row ON row.project_id = {pairs}.project_id AND row.{column} = {pairs}.value"
_OF_TRACES = f"""
    WITH {_WANTED}, by_otlp AS (
        SELECT DISTINCT wanted.project_id, wanted.value FROM wanted {_JOINED.format(pairs="wanted", column="trace_id")}
        WHERE row.transport = 'otlp' AND {_ROW_IN_TIME}
    )
    SELECT {_COLUMNS} FROM by_otlp {_JOINED.format(pairs="by_otlp", column="trace_id")} WHERE {_ROW_IN_TIME}
"""
_DECIDED = "(row.merged_into IS NOT NULL OR row.borrowed IS NOT NULL)"
_COUNTS = {
    column: f"""
    WITH {_WANTED} SELECT wanted.project_id, wanted.value, count(*)
    FROM wanted {_JOINED.format(pairs="wanted", column=column)} WHERE {_ROW_IN_TIME} GROUP BY 1, 2
    """
    for column in ("trace_id", "call_key")
}
_SHARING = f"""
    WITH {_WANTED}, others AS (
        SELECT DISTINCT wanted.project_id, wanted.value FROM wanted {_JOINED.format(pairs="wanted", column="call_key")}
        WHERE (NOT row.is_exchange OR {_DECIDED}) AND {_ROW_IN_TIME}
    )
    SELECT {_COLUMNS} FROM others {_JOINED.format(pairs="others", column="call_key")} WHERE {_ROW_IN_TIME}
"""
_OF_REQUESTS = f"""
    WITH wanted AS (
        SELECT * FROM unnest(%(projects)s::text[], %(providers)s::text[], %(values)s::text[])
        AS triples (project_id, provider, value)
    )
    SELECT {_COLUMNS} FROM wanted {_JOINED.format(pairs="wanted", column="request_id")}
    AND row.provider = wanted.provider WHERE row.response_id <> '' AND {_ROW_IN_TIME}
"""
_NEAR = f"""
    SELECT {_COLUMNS} FROM events AS row WHERE {_ROW_IN_TIME} AND row.type = 'call'
    AND row.project_id = ANY (%(projects)s) AND row.provider = ANY (%(providers)s)
"""
_TYPES = {"BOOLEAN": "boolean", "INTEGER": "integer", "DOUBLE": "double precision", "JSON": "text"}
_JSON = frozenset({"borrowed", "usage_flags"})


def _array_of(name: str) -> str:
    kind = _TYPES.get(type(events.c[name].type).__name__.upper(), "text")
    return f"%({name})s::{kind}[]"


_CHANGE = f"""
    UPDATE events SET {", ".join(f"{n} = new.{n}{'::json' if n in _JSON else ''}" for n in CHANGED)}
    FROM unnest(
        %(project_id)s::text[], %(event_id)s::text[], %(start_time)s::timestamp[],
        {", ".join(_array_of(name) for name in CHANGED)}
    ) AS new (project_id, event_id, start_time, {", ".join(CHANGED)})
    WHERE events.project_id = new.project_id AND events.start_time = new.start_time
    AND events.event_id = new.event_id AND {_IN_TIME.format(row="events")}
"""


class PostgresqlCallRecords:
    """See `CallRecords`. What is changed is added to `touched`."""

    def __init__(self, connection: Connection[Any], touched: Touched) -> None:
        self._connection = connection
        self._touched = touched

    def any_others(self, times: Times) -> bool:
        """Whether there is a call that no SDK has seen on the wire."""
        return self._connection.execute(_ANY.encode(), _bounds(times)).fetchone() == (True,)

    def of_traces(self, traces: Collection[Key], times: Times) -> Sequence[Row]:
        """All calls and spans of those of the traces that have a record with the transport `otlp`."""
        return self._fetch(_OF_TRACES, _listed(traces, times)) if traces else []

    def counts(
        self, column: Literal["trace_id", "call_key"], pairs: Collection[Key], times: Times
    ) -> Mapping[Key, int]:
        """How many records have each of the pairs."""
        if not pairs:
            return {}
        found = self._connection.execute(_COUNTS[column].encode(), {**_listed(pairs, times)}).fetchall()
        return {(project, value): count for project, value, count in found}

    def sharing(self, keys: Collection[Key], times: Times) -> Sequence[Row]:
        """All records of those of the keys of which a decision may be needed."""
        return self._fetch(_SHARING, _listed(keys, times)) if keys else []

    def of_requests(self, requests: Requests, times: Times) -> Sequence[Row]:
        """All records with one of these request ids of a provider that have a `response_id` as well."""
        if not requests:
            return []
        wanted = sorted(set(requests))
        lists = {name: [one[at] for one in wanted] for at, name in enumerate(("projects", "providers", "values"))}
        return self._fetch(_OF_REQUESTS, {**_bounds(times), **lists})

    def near(
        self, projects: Collection[str], providers: Collection[str], times: Times, *, no_id: bool, not_by: str | None
    ) -> Sequence[Row]:
        """Calls to these providers in a short time."""
        if not projects or not providers:
            return []
        statement = _NEAR
        if no_id:
            statement += " AND row.response_id IS NULL"
        if not_by is not None:
            statement += " AND row.sdk IS DISTINCT FROM %(not_by)s"
        return self._fetch(
            statement,
            {**_bounds(times), "projects": list(projects), "providers": list(providers), "not_by": not_by},
        )

    def change(self, rows: Sequence[Row]) -> None:
        """Set all columns of `CHANGED` of stored events."""
        if not rows:
            return
        times = [row["start_time"] for row in rows]
        values: dict[str, Any] = {
            name: [row[name] for row in rows] for name in ("project_id", "event_id", "start_time", *CHANGED)
        }
        for name in _JSON:
            values[name] = [None if words is None else msgspec.json.encode(words).decode() for words in values[name]]
        self._connection.execute(_CHANGE.encode(), {**values, **_bounds((min(times), max(times)))})
        for row in rows:
            self._touched.add(row["project_id"], row["start_time"])

    def _fetch(self, statement: str, values: Mapping[str, Any]) -> list[Row]:
        found = self._connection.execute(statement.encode(), values).fetchall()
        return [dict(zip(READ, row, strict=True)) for row in found]


def _bounds(times: Times) -> dict[str, Any]:
    return {"first": times[0], "last": times[1]}


def _listed(pairs: Collection[Key], times: Times) -> dict[str, Any]:
    wanted = sorted(set(pairs))
    projects, values = [project for project, _ in wanted], [value for _, value in wanted]
    return {**_bounds(times), "projects": projects, "values": values}
